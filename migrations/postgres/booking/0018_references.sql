-- What a batch of visits names is looked up once for the batch, and no longer once for each row and reference.
--
-- A foreign key runs a statement and locks a row for every reference of every row; with a visit's client, master,
-- service, segment and message that was a fifth of what a visit costs, and the lock on a master's row made each two
-- batches at once share it. The triggers below refuse the same rows with the same error. A key also keeps what it names
-- from going away; nothing that is named here ever does, and that is refused too.
alter table booking_segments drop constraint booking_segments_business_id_booking_id_fkey;
alter table booking_segments drop constraint booking_segments_business_id_master_id_fkey;
alter table booking_segments drop constraint booking_segments_business_id_service_id_fkey;
alter table bookings drop constraint bookings_business_id_client_id_fkey;
alter table outbox drop constraint outbox_business_id_booking_id_fkey;
-- These name what the same transaction has just found: a client's business, a consent's client.
alter table clients drop constraint clients_business_id_fkey;
alter table client_consents drop constraint client_consents_business_id_client_id_fkey;
-- It was there for the keys alone.
drop index bookings_business_id_id_key;

create trigger masters_stay before delete on masters for each row execute function row_stays();
create trigger services_stay before delete on services for each row execute function row_stays();
create trigger clients_stay before delete on clients for each row execute function row_stays();

create function booking_segments_refer() returns trigger language plpgsql as $$
begin
    if exists (
        select from fresh
        where not exists (select from masters m where m.id = fresh.master_id and m.business_id = fresh.business_id)
            or not exists (select from services s where s.id = fresh.service_id and s.business_id = fresh.business_id)
            or fresh.booking_id is not null and not exists (
                select from bookings b where b.id = fresh.booking_id and b.business_id = fresh.business_id)
    ) then
        raise foreign_key_violation using message = 'a segment names a visit, master or service that its business lacks';
    end if;
    return null;
end $$;
create trigger booking_segments_refer_after_insert after insert on booking_segments referencing new table as fresh
    for each statement execute function booking_segments_refer();
create trigger booking_segments_refer_after_update after update on booking_segments referencing new table as fresh
    for each statement execute function booking_segments_refer();

create function bookings_refer() returns trigger language plpgsql as $$
begin
    if exists (
        select from fresh
        where fresh.client_id is not null and not exists (
            select from clients c where c.id = fresh.client_id and c.business_id = fresh.business_id)
    ) then
        raise foreign_key_violation using message = 'a visit names a client that its business lacks';
    end if;
    return null;
end $$;
create trigger bookings_refer_after_insert after insert on bookings referencing new table as fresh
    for each statement execute function bookings_refer();
create trigger bookings_refer_after_update after update on bookings referencing new table as fresh
    for each statement execute function bookings_refer();

create function outbox_refer() returns trigger language plpgsql as $$
begin
    if exists (
        select from fresh
        where fresh.booking_id is not null and not exists (
            select from bookings b where b.id = fresh.booking_id and b.business_id = fresh.business_id)
    ) then
        raise foreign_key_violation using message = 'a message names a visit that its business lacks';
    end if;
    return null;
end $$;
create trigger outbox_refer after insert on outbox referencing new table as fresh
    for each statement execute function outbox_refer();

-- A message stays with its visit. (It is changed often, by whoever delivers it; nothing is looked up then.)
create function references_stay() returns trigger language plpgsql as $$
begin
    raise foreign_key_violation using message = format('what a row of %s names does not change', tg_table_name);
end $$;
create trigger outbox_names before update of business_id, booking_id on outbox
    for each row when ((old.business_id, old.booking_id) is distinct from (new.business_id, new.booking_id))
    execute function references_stay();

-- A segment as a box: as wide as its master's number, as long as its seconds, the last one included. Boxes are of fixed
-- size and compared in place, where a range is unpacked for each comparison: half the cost of a visit's look at what
-- overlaps. Half a unit of width keeps the tree from taking all times of one master for equally near.
alter table booking_segments drop constraint booking_segments_no_overlap;
alter table booking_segments add constraint booking_segments_no_overlap
    exclude using gist (box(point(master_id, busy_from), point(master_id + 0.5, busy_to - 1)) with &&)
    where (live and not overbooked);
