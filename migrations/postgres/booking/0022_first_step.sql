-- What a new visit is written down in: pages all over the disk cost a writer most, and rows that say what another says.

-- Who booked is said by the visit itself; the steps begin with the first change. They are found by the visit and the
-- version it came to.
alter table bookings add column booked_by actor not null default 'system', add column booked_by_id bigint,
    add column remark text;
alter table bookings disable trigger bookings_refer_after_update;
update bookings set booked_by = step.actor, booked_by_id = step.actor_id,
        remark = coalesce(step.remark, case when step.reason = 'overbooked' then step.reason end)
    from booking_transitions step where step.booking_id = bookings.id and step.from_state is null;
alter table bookings enable trigger bookings_refer_after_update;
create function bookings_booked_by_stays() returns trigger language plpgsql as $$
begin
    raise exception 'bookings_booked_by_stays';
end $$;
create trigger bookings_booked_by_stays before update of booked_by, booked_by_id, remark on bookings
    for each row execute function bookings_booked_by_stays();

alter table booking_transitions disable trigger booking_transitions_append_only;
delete from booking_transitions where from_state is null;
alter table booking_transitions enable trigger booking_transitions_append_only;
alter table booking_transitions drop column id, alter column from_state set not null;

-- A link's token begins with the millisecond it was issued in, so that new ones lie together; those from before do not say, and
-- are all from number 0.
alter table visit_links rename column created_at to issued_ms;
update visit_links set issued_ms = 0;
alter table visit_links drop constraint visit_links_pkey, add primary key (issued_ms, token_hash);

-- A reference costs an entry in a queue for each row, whether it names anything or not. What hardly any row names is
-- checked where it does; and what is named stays.
alter table audit_log drop constraint audit_log_impersonator_id_fkey;
create trigger users_stay before delete on users for each row execute function row_stays();
create function audit_log_refer() returns trigger language plpgsql as $$
begin
    if not exists (select from users where id = new.impersonator_id) then
        raise foreign_key_violation using message = 'an entry of the log names a user that there is not';
    end if;
    return null;
end $$;
create trigger audit_log_refer after insert on audit_log
    for each row when (new.impersonator_id is not null) execute function audit_log_refer();
alter table booking_segments drop constraint booking_segments_hold_fkey;
create function holds_are_empty() returns trigger language plpgsql as $$
begin
    if exists (select from booking_segments where hold_id = old.id) then
        raise foreign_key_violation using message = 'a hold that has segments is deleted';
    end if;
    return old;
end $$;
create trigger holds_are_empty before delete on holds for each row execute function holds_are_empty();

-- Which rule is broken is asked only when one is.
create or replace function bookings_refer() returns trigger language plpgsql as $$
begin
    if not exists (
        select from fresh
        where not starts_at < ends_at or not price_tiyn >= 0
            or client_id is not null and (
                select c.id from clients c where c.id = client_id and c.business_id = fresh.business_id) is null
    ) then
        return null;
    end if;
    if exists (select from fresh where not starts_at < ends_at) then
        raise check_violation using constraint = 'bookings_interval', message = 'a visit ends before it begins';
    elsif exists (select from fresh where not price_tiyn >= 0) then
        raise check_violation using constraint = 'bookings_price', message = 'a visit costs less than nothing';
    end if;
    raise foreign_key_violation using message = 'a visit names a client that its business lacks';
end $$;
create or replace function booking_segments_refer() returns trigger language plpgsql as $$
begin
    if not exists (
        select from fresh
        where not (busy_from <= starts_at and starts_at < ends_at and ends_at <= busy_to and busy_to - busy_from <= 86400)
            or not ((booking_id is null) = (hold_id is not null) and (hold_id is null) = (hold_until is null))
            or (select m.id from masters m where m.id = master_id and m.business_id = fresh.business_id) is null
            or (select s.id from services s where s.id = service_id and s.business_id = fresh.business_id) is null
            or booking_id is not null and (
                select b.id from bookings b where b.id = booking_id and b.business_id = fresh.business_id) is null
            or hold_id is not null and (
                select h.id from holds h where h.id = hold_id and h.business_id = fresh.business_id) is null
    ) then
        return null;
    end if;
    if exists (
        select from fresh
        where not (busy_from <= starts_at and starts_at < ends_at and ends_at <= busy_to and busy_to - busy_from <= 86400)
    ) then
        raise check_violation using constraint = 'booking_segments_interval',
            message = 'a segment is not within what it keeps busy, or that is longer than a day';
    elsif exists (
        select from fresh
        where not ((booking_id is null) = (hold_id is not null) and (hold_id is null) = (hold_until is null))
    ) then
        raise check_violation using constraint = 'booking_segments_owner',
            message = 'a segment is of a visit or of a hold, and only of a hold for a time';
    end if;
    raise foreign_key_violation
        using message = 'a segment names a visit, hold, master or service that its business lacks';
end $$;
