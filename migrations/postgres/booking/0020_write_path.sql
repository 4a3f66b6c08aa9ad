-- What PostgreSQL does for each statement, however few its rows, and for each row beyond what is read of it.

-- A rule in a table's `check` is parsed anew by every statement that writes to the table; that of a domain once in a
-- connection. A list of words was the dearest of them.
create domain actor as text
    constraint actor_known check (value in ('user', 'client', 'api_key', 'system'));
create domain booking_state as text
    constraint booking_state_known check (
        value in ('pending', 'confirmed', 'arrived', 'completed', 'cancelled', 'no_show', 'expired'));
create domain booking_source as text
    constraint booking_source_known check (value in ('public', 'staff'));
create domain message_state as text
    constraint message_state_known check (
        value in ('planned', 'sent', 'delivered', 'read', 'failed', 'cancelled', 'expired'));
create domain consent_purpose as text
    constraint consent_purpose_known check (value in ('service', 'marketing'));
create domain consent_channel as text
    constraint consent_channel_known check (value in ('form', 'chat', 'staff'));

alter table bookings drop constraint bookings_state, drop constraint bookings_source,
    alter state type booking_state, alter source type booking_source;
alter table booking_transitions drop constraint booking_transitions_actor, alter actor type actor;
alter table audit_log drop constraint audit_log_actor, alter actor type actor;
alter table outbox drop constraint outbox_state, alter state type message_state;
alter table client_consents drop constraint client_consents_purpose, drop constraint client_consents_channel,
    alter purpose type consent_purpose, alter channel type consent_channel;

-- Nothing is looked up by these numbers: a segment is found by its visit, hold or master, a transition by its visit and
-- version, an entry of the log by its business and what it is about.
alter table booking_segments drop constraint booking_segments_pkey;
alter table audit_log drop constraint audit_log_pkey;
alter table booking_transitions drop constraint booking_transitions_pkey,
    add constraint booking_transitions_pkey primary key using index booking_transitions_booking_id_version_key;

-- Messages are written in the order of this time, and it is asked for a day or so at once.
drop index outbox_created_at;
create index outbox_created_at on outbox using brin (created_at);

-- Plain numbers: `0.5` alone is a decimal, and turned into a number by way of its digits.
alter table booking_segments drop constraint booking_segments_no_overlap;
alter table booking_segments add constraint booking_segments_no_overlap
    exclude using gist (
        box(point(master_id, busy_from), point(master_id + 0.5::double precision, busy_to - 1)) with &&)
    where (live and not overbooked);

-- What a row names is looked up row by row: for `not exists` the planner may read the whole table at once instead.
create or replace function booking_segments_refer() returns trigger language plpgsql as $$
begin
    if exists (
        select from fresh
        where (select m.id from masters m where m.id = fresh.master_id and m.business_id = fresh.business_id) is null
            or (select s.id from services s where s.id = fresh.service_id and s.business_id = fresh.business_id) is null
            or fresh.booking_id is not null and (
                select b.id from bookings b where b.id = fresh.booking_id and b.business_id = fresh.business_id) is null
    ) then
        raise foreign_key_violation using message = 'a segment names a visit, master or service that its business lacks';
    end if;
    return null;
end $$;
create or replace function bookings_refer() returns trigger language plpgsql as $$
begin
    if exists (
        select from fresh
        where fresh.client_id is not null and (
            select c.id from clients c where c.id = fresh.client_id and c.business_id = fresh.business_id) is null
    ) then
        raise foreign_key_violation using message = 'a visit names a client that its business lacks';
    end if;
    return null;
end $$;
create or replace function outbox_refer() returns trigger language plpgsql as $$
begin
    if exists (
        select from fresh
        where fresh.booking_id is not null and (
            select b.id from bookings b where b.id = fresh.booking_id and b.business_id = fresh.business_id) is null
    ) then
        raise foreign_key_violation using message = 'a message names a visit that its business lacks';
    end if;
    return null;
end $$;
