-- Who is served, the visits, and what became of them.
create table clients (
    id integer primary key,
    business_id integer not null references businesses (id),
    phone text,
    name text not null,
    language text constraint clients_language check (language in ('ru', 'en', 'kk')),
    created_at integer not null,
    updated_at integer not null
) strict;
create unique index clients_business_id_phone_key on clients (business_id, phone);
create unique index clients_business_id_id_key on clients (business_id, id);

create table bookings (
    id integer primary key,
    business_id integer not null,
    client_id integer not null,
    client_name text not null,
    state text not null constraint bookings_state check (
        state in ('held', 'pending', 'confirmed', 'arrived', 'completed', 'cancelled', 'no_show', 'expired')
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
    hold_until integer,
    created_at integer not null,
    constraint bookings_interval check (starts_at < ends_at),
    foreign key (business_id, client_id) references clients (business_id, id)
) strict;
create unique index bookings_business_id_id_key on bookings (business_id, id);
create index bookings_start on bookings (business_id, starts_at, id);
create index bookings_client on bookings (client_id);

-- One service by one master. What is busy includes the buffers. A live segment holds its master; one that was
-- overbooked on purpose lies over others.
create table booking_segments (
    id integer primary key,
    business_id integer not null,
    booking_id integer not null,
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
    foreign key (business_id, booking_id) references bookings (business_id, id),
    foreign key (business_id, master_id) references masters (business_id, id),
    foreign key (business_id, service_id) references services (business_id, id)
) strict;
create index booking_segments_booking on booking_segments (booking_id);
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

-- Every change of a booking's state, never changed itself.
create table booking_transitions (
    id integer primary key,
    business_id integer not null,
    booking_id integer not null,
    version integer not null,
    from_state text,
    to_state text not null,
    actor text not null constraint booking_transitions_actor check (actor in ('client', 'user', 'system')),
    actor_user_id integer references users (id),
    reason text,
    at integer not null,
    foreign key (business_id, booking_id) references bookings (business_id, id)
) strict;
create unique index booking_transitions_booking_id_version_key on booking_transitions (booking_id, version);
create trigger booking_transitions_append_only_update before update on booking_transitions
begin
    select raise(abort, 'booking_transitions_append_only');
end;
create trigger booking_transitions_append_only_delete before delete on booking_transitions
begin
    select raise(abort, 'booking_transitions_append_only');
end;
