-- Visits of people nobody wrote down, holds, moves, and what time does to a visit.
pragma defer_foreign_keys = on;

-- A walk-in may have neither a client nor a name. `due_at` is when time changes the visit's state by itself.
create table bookings_before as select * from bookings;
drop table bookings;
create table bookings (
    id integer primary key,
    business_id integer not null references businesses (id),
    client_id integer,
    client_name text,
    state text not null constraint bookings_state check (
        state in ('pending', 'confirmed', 'arrived', 'completed', 'cancelled', 'no_show', 'expired')
    ),
    version integer not null,
    starts_at integer not null,
    ends_at integer not null,
    -- The promise to the client is the clock on the wall: it stays when the zone's rules change.
    wall_start text not null,
    time_zone text not null,
    price_tiyn integer not null constraint bookings_price check (price_tiyn >= 0),
    language text not null,
    notes text,
    source text not null constraint bookings_source check (source in ('public', 'staff')),
    due_at integer,
    -- When the client said that they will come.
    acknowledged_at integer,
    created_at integer not null,
    constraint bookings_interval check (starts_at < ends_at),
    foreign key (business_id, client_id) references clients (business_id, id)
) strict;
-- Before the rows: others refer to it.
create unique index bookings_business_id_id_key on bookings (business_id, id);
insert into bookings (id, business_id, client_id, client_name, state, version, starts_at, ends_at, wall_start, time_zone,
        price_tiyn, language, notes, source, due_at, created_at)
    select id, business_id, client_id, client_name, state, version, starts_at, ends_at, wall_start, time_zone, price_tiyn,
        language, notes, source, case when state in ('confirmed', 'arrived') then ends_at + 43200 end, created_at
    from bookings_before;
drop table bookings_before;
create index bookings_start on bookings (business_id, starts_at, id);
create index bookings_client on bookings (client_id, starts_at);
create index bookings_due on bookings (due_at, id) where due_at is not null;

-- Time kept free while somebody fills in a form. The token is the visitor's, and only its hash is kept.
create table holds (
    id integer primary key,
    business_id integer not null references businesses (id),
    token_hash blob not null,
    address text not null,
    until_at integer not null,
    created_at integer not null
) strict;
create unique index holds_business_id_id_key on holds (business_id, id);
create unique index holds_token_hash_key on holds (token_hash);
create index holds_address on holds (business_id, address, until_at);
create index holds_until on holds (until_at);

-- One service by one master, of a visit or of a hold. What is busy includes the buffers. A live segment holds its
-- master; one that was overbooked on purpose lies over others. A hold's segment counts until `hold_until`, and who
-- finds one in the way after that takes it away.
create table booking_segments_before as select * from booking_segments;
drop table booking_segments;
create table booking_segments (
    id integer primary key,
    business_id integer not null,
    booking_id integer,
    hold_id integer,
    hold_until integer,
    position integer not null,
    service_id integer not null,
    master_id integer not null,
    starts_at integer not null,
    ends_at integer not null,
    busy_from integer not null,
    busy_to integer not null,
    price_tiyn integer not null,
    live integer not null constraint booking_segments_live check (live in (0, 1)),
    overbooked integer not null constraint booking_segments_overbooked check (overbooked in (0, 1)),
    -- A bound on the length lets a search for what overlaps begin a day before, and not at the first visit ever.
    constraint booking_segments_interval check (
        busy_from <= starts_at and starts_at < ends_at and ends_at <= busy_to and busy_to - busy_from <= 86400
    ),
    constraint booking_segments_owner check (
        (booking_id is null) = (hold_id is not null) and (hold_id is null) = (hold_until is null)
    ),
    foreign key (business_id, booking_id) references bookings (business_id, id),
    foreign key (business_id, hold_id) references holds (business_id, id),
    foreign key (business_id, master_id) references masters (business_id, id),
    foreign key (business_id, service_id) references services (business_id, id)
) strict;
insert into booking_segments (id, business_id, booking_id, position, service_id, master_id, starts_at, ends_at, busy_from,
        busy_to, price_tiyn, live, overbooked)
    select id, business_id, booking_id, position, service_id, master_id, starts_at, ends_at, busy_from, busy_to, price_tiyn,
        live, overbooked
    from booking_segments_before;
drop table booking_segments_before;
create index booking_segments_booking on booking_segments (booking_id);
create index booking_segments_hold on booking_segments (hold_id) where hold_id is not null;
create index booking_segments_busy on booking_segments (master_id, busy_from) where live = true;

-- No two live segments of a master overlap. Because none do, only the last one that starts before the new one's end
-- can reach into it: the guard reads one row, however long the history is.
create trigger booking_segments_no_overlap_insert before insert on booking_segments
when new.live = true and new.overbooked = false
begin
    select raise(abort, 'booking_segments_no_overlap') where new.busy_from < (
        select other.busy_to from booking_segments other
        where other.live = true and other.overbooked = false
            and other.master_id = new.master_id and other.busy_from < new.busy_to
        order by other.busy_from desc limit 1
    );
end;
create trigger booking_segments_no_overlap_update
before update of master_id, busy_from, busy_to, live, overbooked on booking_segments
when new.live = true and new.overbooked = false
begin
    select raise(abort, 'booking_segments_no_overlap') where new.busy_from < (
        select other.busy_to from booking_segments other
        where other.live = true and other.overbooked = false and other.id <> new.id
            and other.master_id = new.master_id and other.busy_from < new.busy_to
        order by other.busy_from desc limit 1
    );
end;

-- Programs act too, and a step says what the program has to remark: that it was late, overbooked, done by time. A
-- move says from when to when, on the wall clock.
create table booking_transitions_before as select * from booking_transitions;
drop table booking_transitions;
create table booking_transitions (
    id integer primary key,
    business_id integer not null,
    booking_id integer not null,
    version integer not null,
    from_state text,
    to_state text not null,
    actor text not null constraint booking_transitions_actor check (actor in ('client', 'user', 'api_key', 'system')),
    actor_id integer,
    reason text,
    remark text,
    moved_from text,
    moved_to text,
    at integer not null,
    foreign key (business_id, booking_id) references bookings (business_id, id)
) strict;
insert into booking_transitions (id, business_id, booking_id, version, from_state, to_state, actor, actor_id, reason, at)
    select id, business_id, booking_id, version, from_state, to_state, actor, actor_user_id, reason, at
    from booking_transitions_before;
drop table booking_transitions_before;
create unique index booking_transitions_booking_id_version_key on booking_transitions (booking_id, version);
create trigger booking_transitions_append_only_update before update on booking_transitions
begin
    select raise(abort, 'booking_transitions_append_only');
end;
create trigger booking_transitions_append_only_delete before delete on booking_transitions
begin
    select raise(abort, 'booking_transitions_append_only');
end;

-- What a client holds to see and change one visit without signing in: only hashes, several for one visit.
create table visit_links (
    token_hash blob primary key,
    business_id integer not null,
    booking_id integer not null,
    created_at integer not null,
    foreign key (business_id, booking_id) references bookings (business_id, id)
) strict, without rowid;
create index visit_links_booking on visit_links (booking_id);

-- A tenant whose future messages are to be planned anew; the number is the last visit that was.
alter table businesses add column replan_after integer;
create index businesses_replan on businesses (id) where replan_after is not null;

create index businesses_zone on businesses (time_zone);

-- What zones were like when the instants of their visits were last computed.
create table zone_rules (
    time_zone text primary key,
    fingerprint text not null,
    checked_at integer not null
) strict, without rowid;

-- Work that one process does at a time.
create table work_leases (
    name text primary key,
    holder text not null,
    until_at integer not null
) strict, without rowid;
