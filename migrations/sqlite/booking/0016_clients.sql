-- What is known of a client, and how it is forgotten.

-- The language that a client's browser asked for, while that is all that `language` rests on.
alter table clients add column guessed_language text;

-- The last word to a client who was erased: when its number and text are forgotten, if it has not left before.
alter table outbox add column forget_at integer;
create index outbox_forget on outbox (forget_at) where forget_at is not null;

-- What somebody typed can be taken out of a log that nothing else changes.
drop trigger booking_transitions_append_only_update;
create trigger booking_transitions_append_only_update before update on booking_transitions
when new.reason is not null or new.id is not old.id or new.business_id is not old.business_id
    or new.booking_id is not old.booking_id or new.version is not old.version or new.from_state is not old.from_state
    or new.to_state is not old.to_state or new.actor is not old.actor or new.actor_id is not old.actor_id
    or new.remark is not old.remark or new.moved_from is not old.moved_from or new.moved_to is not old.moved_to
    or new.at is not old.at
begin
    select raise(abort, 'booking_transitions_append_only');
end;

-- Reasons stand in booking_transitions only.
drop trigger audit_log_append_only_update;
update audit_log set "new" = json_remove("new", '$.reason') where entity = 'booking' and "new" like '%"reason"%';
create trigger audit_log_append_only_update before update on audit_log
when new.id is not old.id or new.business_id is not old.business_id or new.at is not old.at
    or new.actor is not old.actor or new.actor_id is not old.actor_id
    or new.impersonator_id is not old.impersonator_id or new.request_id is not old.request_id
    or new.entity is not old.entity or new.entity_id is not old.entity_id or new.action is not old.action
    or (new.address is not null and new.address is not old.address)
    or (new."old" is not null and new."old" is not old."old")
    or (new."new" is not null and new."new" is not old."new")
begin
    select raise(abort, 'audit_log_append_only');
end;
