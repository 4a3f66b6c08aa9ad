-- What a new visit costs PostgreSQL besides its rows: an index that nothing is found by, and rules whose form is dearer
-- than what they look at.

-- A link is found by its token, what a client agreed to by the client.
drop index visit_links_booking;
alter table client_consents drop constraint client_consents_pkey;

-- A table's `check` is parsed anew by every statement that writes to the table. What has a look at the new rows already
-- looks at these rules too; a violation has the name that the rule always had.
alter table bookings drop constraint bookings_interval, drop constraint bookings_price;
alter table booking_segments drop constraint booking_segments_interval, drop constraint booking_segments_owner;

create or replace function bookings_refer() returns trigger language plpgsql as $$
declare
    broken text := (
        select rule from (
            select case
                when not starts_at < ends_at then 'bookings_interval'
                when not price_tiyn >= 0 then 'bookings_price'
                when client_id is not null and (
                    select c.id from clients c where c.id = client_id and c.business_id = fresh.business_id) is null
                    then 'reference'
                end as rule
            from fresh offset 0
        ) looked where rule is not null limit 1);
begin
    if broken = 'reference' then
        raise foreign_key_violation using message = 'a visit names a client that its business lacks';
    elsif broken is not null then
        raise check_violation using constraint = broken, message = format('a visit breaks the rule %s', broken);
    end if;
    return null;
end $$;

create or replace function booking_segments_refer() returns trigger language plpgsql as $$
declare
    broken text := (
        select rule from (
            select case
                when not (busy_from <= starts_at and starts_at < ends_at and ends_at <= busy_to
                    and busy_to - busy_from <= 86400) then 'booking_segments_interval'
                when not ((booking_id is null) = (hold_id is not null) and (hold_id is null) = (hold_until is null))
                    then 'booking_segments_owner'
                when (select m.id from masters m where m.id = master_id and m.business_id = fresh.business_id) is null
                    or (select s.id from services s where s.id = service_id and s.business_id = fresh.business_id)
                        is null
                    or booking_id is not null and (
                        select b.id from bookings b where b.id = booking_id and b.business_id = fresh.business_id)
                        is null
                    then 'reference'
                end as rule
            from fresh offset 0
        ) looked where rule is not null limit 1);
begin
    if broken = 'reference' then
        raise foreign_key_violation
            using message = 'a segment names a visit, master or service that its business lacks';
    elsif broken is not null then
        raise check_violation using constraint = broken, message = format('a segment breaks the rule %s', broken);
    end if;
    return null;
end $$;
