-- What a new visit is written down in: pages all over the file cost a writer most, and rows that say what another says.

-- Who booked is said by the visit itself; the steps begin with the first change. They are found by the visit and the
-- version it came to.
alter table bookings add column booked_by text not null default 'system'
    constraint bookings_booked_by check (booked_by in ('user', 'client', 'api_key', 'system'));
alter table bookings add column booked_by_id integer;
alter table bookings add column remark text;
update bookings set booked_by = step.actor, booked_by_id = step.actor_id,
        remark = coalesce(step.remark, case when step.reason = 'overbooked' then step.reason end)
    from booking_transitions step where step.booking_id = bookings.id and step.from_state is null;
create trigger bookings_booked_by_stays before update of booked_by, booked_by_id, remark on bookings
begin
    select raise(abort, 'bookings_booked_by_stays');
end;

create table booking_transitions_before as select * from booking_transitions where from_state is not null;
drop table booking_transitions;
create table booking_transitions (
    booking_id integer not null,
    version integer not null,
    business_id integer not null,
    from_state text not null,
    to_state text not null,
    actor text not null constraint booking_transitions_actor check (actor in ('client', 'user', 'api_key', 'system')),
    actor_id integer,
    reason text,
    remark text,
    moved_from text,
    moved_to text,
    at integer not null,
    primary key (booking_id, version),
    foreign key (business_id, booking_id) references bookings (business_id, id)
) strict, without rowid;
insert into booking_transitions (booking_id, version, business_id, from_state, to_state, actor, actor_id, reason, remark,
        moved_from, moved_to, at)
    select booking_id, version, business_id, from_state, to_state, actor, actor_id, reason, remark, moved_from, moved_to, at
    from booking_transitions_before;
drop table booking_transitions_before;
create trigger booking_transitions_append_only_update before update on booking_transitions
when new.reason is not null or new.business_id is not old.business_id or new.booking_id is not old.booking_id
    or new.version is not old.version or new.from_state is not old.from_state or new.to_state is not old.to_state
    or new.actor is not old.actor or new.actor_id is not old.actor_id or new.remark is not old.remark
    or new.moved_from is not old.moved_from or new.moved_to is not old.moved_to or new.at is not old.at
begin
    select raise(abort, 'booking_transitions_append_only');
end;
create trigger booking_transitions_append_only_delete before delete on booking_transitions
begin
    select raise(abort, 'booking_transitions_append_only');
end;

-- A link's token begins with the millisecond it was issued in, so that new ones lie together; those from before do not say, and
-- are all from number 0.
create table visit_links_before as select * from visit_links;
drop table visit_links;
create table visit_links (
    issued_ms integer not null,
    token_hash blob not null,
    business_id integer not null,
    booking_id integer not null,
    primary key (issued_ms, token_hash),
    foreign key (business_id, booking_id) references bookings (business_id, id)
) strict, without rowid;
insert into visit_links (issued_ms, token_hash, business_id, booking_id)
    select 0, token_hash, business_id, booking_id from visit_links_before;
drop table visit_links_before;

-- What the log names stays.
create trigger users_stay before delete on users
begin
    select raise(abort, 'rows of users are never deleted');
end;
