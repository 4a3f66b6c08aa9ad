-- Booking a visit without reading first, and writing it with fewer look-ups.

-- Counts the changes of whatever decides whether and how something is booked. A booking that was decided by what a
-- process remembers is written only if this is still what it remembers.
alter table businesses add column revision integer not null default 1;
create trigger businesses_revise after update on businesses when new.revision = old.revision
begin
    update businesses set revision = revision + 1 where id = new.id;
end;
create trigger services_revise_insert after insert on services
begin
    update businesses set revision = revision + 1 where id = new.business_id;
end;
create trigger services_revise_update after update on services
begin
    update businesses set revision = revision + 1 where id in (new.business_id, old.business_id);
end;
create trigger services_revise_delete after delete on services
begin
    update businesses set revision = revision + 1 where id = old.business_id;
end;
create trigger masters_revise_insert after insert on masters
begin
    update businesses set revision = revision + 1 where id = new.business_id;
end;
create trigger masters_revise_update after update on masters
begin
    update businesses set revision = revision + 1 where id in (new.business_id, old.business_id);
end;
create trigger masters_revise_delete after delete on masters
begin
    update businesses set revision = revision + 1 where id = old.business_id;
end;
create trigger master_services_revise_insert after insert on master_services
begin
    update businesses set revision = revision + 1 where id = new.business_id;
end;
create trigger master_services_revise_update after update on master_services
begin
    update businesses set revision = revision + 1 where id in (new.business_id, old.business_id);
end;
create trigger master_services_revise_delete after delete on master_services
begin
    update businesses set revision = revision + 1 where id = old.business_id;
end;
create trigger weekly_hours_revise_insert after insert on weekly_hours
begin
    update businesses set revision = revision + 1 where id = new.business_id;
end;
create trigger weekly_hours_revise_update after update on weekly_hours
begin
    update businesses set revision = revision + 1 where id in (new.business_id, old.business_id);
end;
create trigger weekly_hours_revise_delete after delete on weekly_hours
begin
    update businesses set revision = revision + 1 where id = old.business_id;
end;
create trigger schedule_exceptions_revise_insert after insert on schedule_exceptions
begin
    update businesses set revision = revision + 1 where id = new.business_id;
end;
create trigger schedule_exceptions_revise_update after update on schedule_exceptions
begin
    update businesses set revision = revision + 1 where id in (new.business_id, old.business_id);
end;
create trigger schedule_exceptions_revise_delete after delete on schedule_exceptions
begin
    update businesses set revision = revision + 1 where id = old.business_id;
end;
create trigger shift_patterns_revise_insert after insert on shift_patterns
begin
    update businesses set revision = revision + 1 where id = new.business_id;
end;
create trigger shift_patterns_revise_update after update on shift_patterns
begin
    update businesses set revision = revision + 1 where id in (new.business_id, old.business_id);
end;
create trigger shift_patterns_revise_delete after delete on shift_patterns
begin
    update businesses set revision = revision + 1 where id = old.business_id;
end;
create trigger shift_hours_revise_insert after insert on shift_hours
begin
    update businesses set revision = revision + 1 where id = new.business_id;
end;
create trigger shift_hours_revise_update after update on shift_hours
begin
    update businesses set revision = revision + 1 where id in (new.business_id, old.business_id);
end;
create trigger shift_hours_revise_delete after delete on shift_hours
begin
    update businesses set revision = revision + 1 where id = old.business_id;
end;
create trigger breaks_revise_insert after insert on breaks
begin
    update businesses set revision = revision + 1 where id = new.business_id;
end;
create trigger breaks_revise_update after update on breaks
begin
    update businesses set revision = revision + 1 where id in (new.business_id, old.business_id);
end;
create trigger breaks_revise_delete after delete on breaks
begin
    update businesses set revision = revision + 1 where id = old.business_id;
end;
create trigger time_off_revise_insert after insert on time_off
begin
    update businesses set revision = revision + 1 where id = new.business_id;
end;
create trigger time_off_revise_update after update on time_off
begin
    update businesses set revision = revision + 1 where id in (new.business_id, old.business_id);
end;
create trigger time_off_revise_delete after delete on time_off
begin
    update businesses set revision = revision + 1 where id = old.business_id;
end;
create trigger holidays_revise_insert after insert on holidays
begin
    update businesses set revision = revision + 1 where id = new.business_id;
end;
create trigger holidays_revise_update after update on holidays
begin
    update businesses set revision = revision + 1 where id in (new.business_id, old.business_id);
end;
create trigger holidays_revise_delete after delete on holidays
begin
    update businesses set revision = revision + 1 where id = old.business_id;
end;

-- A message is looked up by its WhatsApp id only once it was claimed, so the index has it from then on. The ids are
-- random, and the index of all messages would be a page from all over the disk for each.
drop index outbox_wa_message_id_key;
create unique index outbox_wa_message_id_key on outbox (wa_message_id) where attempts > 0;
