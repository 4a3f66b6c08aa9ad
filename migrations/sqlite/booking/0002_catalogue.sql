-- What is booked, who serves, and when.
create table services (
    id integer primary key,
    business_id integer not null references businesses (id),
    name text not null,
    price_tiyn integer not null constraint services_price check (price_tiyn >= 0),
    duration_minutes integer not null constraint services_duration check (duration_minutes between 1 and 720),
    buffer_before_minutes integer not null constraint services_buffer_before check (buffer_before_minutes between 0 and 240),
    buffer_after_minutes integer not null constraint services_buffer_after check (buffer_after_minutes between 0 and 240),
    notice_minutes integer not null constraint services_notice check (notice_minutes >= 0),
    horizon_days integer not null constraint services_horizon check (horizon_days between 1 and 730),
    position integer not null,
    active integer not null constraint services_active check (active in (0, 1))
) strict;
create unique index services_business_id_id_key on services (business_id, id);

create table masters (
    id integer primary key,
    business_id integer not null references businesses (id),
    user_id integer references users (id),
    name text not null,
    position integer not null,
    active integer not null constraint masters_active check (active in (0, 1))
) strict;
create unique index masters_business_id_id_key on masters (business_id, id);

-- A row says that the master offers the service; what it leaves null is as the service has it.
create table master_services (
    business_id integer not null,
    master_id integer not null,
    service_id integer not null,
    duration_minutes integer constraint master_services_duration check (duration_minutes between 1 and 720),
    price_tiyn integer constraint master_services_price check (price_tiyn >= 0),
    primary key (master_id, service_id),
    foreign key (business_id, master_id) references masters (business_id, id),
    foreign key (business_id, service_id) references services (business_id, id)
) strict, without rowid;
create index master_services_service on master_services (business_id, service_id);

-- Weekdays count from Monday, 1. Minutes count from the day's midnight on the wall clock; 1440 is the next midnight.
create table weekly_hours (
    id integer primary key,
    business_id integer not null,
    master_id integer not null,
    weekday integer not null constraint weekly_hours_weekday check (weekday between 1 and 7),
    start_minute integer not null,
    end_minute integer not null,
    constraint weekly_hours_interval check (start_minute >= 0 and start_minute < end_minute and end_minute <= 1440),
    foreign key (business_id, master_id) references masters (business_id, id)
) strict;
create index weekly_hours_master on weekly_hours (business_id, master_id, weekday);

-- On a date that has rows here, they replace the weekly hours; a row without minutes is a day off.
create table schedule_exceptions (
    id integer primary key,
    business_id integer not null,
    master_id integer not null,
    date text not null constraint schedule_exceptions_date check (length(date) = 10),
    start_minute integer,
    end_minute integer,
    constraint schedule_exceptions_interval check (
        (start_minute is null and end_minute is null)
        or (start_minute >= 0 and start_minute < end_minute and end_minute <= 1440)
    ),
    foreign key (business_id, master_id) references masters (business_id, id)
) strict;
create index schedule_exceptions_master on schedule_exceptions (business_id, master_id, date);
