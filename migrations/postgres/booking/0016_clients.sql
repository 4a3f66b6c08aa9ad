-- What is known of a client, and how it is forgotten.

-- The language that a client's browser asked for, while that is all that `language` rests on.
alter table clients add column guessed_language text;

-- The last word to a client who was erased: when its number and text are forgotten, if it has not left before.
alter table outbox add column forget_at bigint;
create index outbox_forget on outbox (forget_at) where forget_at is not null;

-- What somebody typed can be taken out of a log that nothing else changes.
create or replace function booking_transitions_append_only() returns trigger language plpgsql as $$
declare
    kept booking_transitions := old;
begin
    kept.reason := null;
    if tg_op = 'UPDATE' and new is not distinct from kept then
        return new;
    end if;
    raise exception 'booking_transitions_append_only';
end $$;

-- Reasons stand in booking_transitions only.
drop trigger audit_log_append_only on audit_log;
update audit_log set "new" = ("new"::jsonb - 'reason')::text where entity = 'booking' and "new" like '%"reason"%';
create or replace function audit_log_append_only() returns trigger language plpgsql as $$
declare
    kept audit_log := old;
begin
    if tg_op = 'UPDATE' then
        if new.address is null then
            kept.address := null;
        end if;
        if new."old" is null then
            kept."old" := null;
        end if;
        if new."new" is null then
            kept."new" := null;
        end if;
        if new is not distinct from kept then
            return new;
        end if;
    end if;
    raise exception 'audit_log_append_only';
end $$;
create trigger audit_log_append_only before update or delete on audit_log
    for each row execute function audit_log_append_only();
