-- Booking a visit without reading first, and writing it with fewer look-ups.

-- Counts the changes of whatever decides whether and how something is booked. A booking that was decided by what a
-- process remembers is written only if this is still what it remembers.
alter table businesses add column revision bigint not null default 1;
create function businesses_revise() returns trigger language plpgsql as $$
begin
    new.revision := old.revision + 1;
    return new;
end $$;
create trigger businesses_revise before update on businesses
    for each row when (new.revision = old.revision) execute function businesses_revise();
create function business_revise() returns trigger language plpgsql as $$
begin
    update businesses set revision = revision + 1
    where id in (new.business_id, old.business_id);
    return null;
end $$;
create trigger services_revise after insert or update or delete on services
    for each row execute function business_revise();
create trigger masters_revise after insert or update or delete on masters
    for each row execute function business_revise();
create trigger master_services_revise after insert or update or delete on master_services
    for each row execute function business_revise();
create trigger weekly_hours_revise after insert or update or delete on weekly_hours
    for each row execute function business_revise();
create trigger schedule_exceptions_revise after insert or update or delete on schedule_exceptions
    for each row execute function business_revise();
create trigger shift_patterns_revise after insert or update or delete on shift_patterns
    for each row execute function business_revise();
create trigger shift_hours_revise after insert or update or delete on shift_hours
    for each row execute function business_revise();
create trigger breaks_revise after insert or update or delete on breaks
    for each row execute function business_revise();
create trigger time_off_revise after insert or update or delete on time_off
    for each row execute function business_revise();
create trigger holidays_revise after insert or update or delete on holidays
    for each row execute function business_revise();

-- A message is looked up by its WhatsApp id only once it was claimed, so the index has it from then on. The ids are
-- random, and the index of all messages would be a page from all over the disk for each.
drop index outbox_wa_message_id_key;
create unique index outbox_wa_message_id_key on outbox (wa_message_id) where attempts > 0;

-- Three messages of a visit were nine look-ups. That the visit is there and of this business still is one; the business
-- then is there too, and the account is the one that the same statement has found.
alter table outbox drop constraint outbox_business_id_fkey;
alter table outbox drop constraint outbox_account_id_fkey;

-- The id is carried, and no key: while the table has no statistics, a key would look as good for finding a visit by
-- business and id as the unique index does, and each check of a reference would read all visits of the business.
drop index bookings_start;
create index bookings_start on bookings (business_id, starts_at) include (id);
