-- A catalogue that staff edits, and all that a schedule has.

-- Texts per language, as JSON; `name` is what is shown where the language asked for has none.
alter table services add column texts text not null default '{}';
update services set texts = json_object('name', json_object(
    (select language from businesses where id = services.business_id), name));
alter table services add column price_from integer not null default 0 constraint services_price_from check (price_from in (0, 1));
-- Hours before the visit until which its client may cancel or move it; null is as the business has it.
alter table services add column cancel_hours integer constraint services_cancel_hours check (cancel_hours between 0 and 720);
alter table services add column move_hours integer constraint services_move_hours check (move_hours between 0 and 720);
create index services_position on services (business_id, position, id);

alter table master_services add column buffer_before_minutes integer constraint master_services_buffer_before check (buffer_before_minutes between 0 and 240);
alter table master_services add column buffer_after_minutes integer constraint master_services_buffer_after check (buffer_after_minutes between 0 and 240);

-- From its anchor on, a pattern stands in the place of the weekly hours: its days repeat one after the other.
create table shift_patterns (
    master_id integer primary key,
    business_id integer not null,
    anchor text not null constraint shift_patterns_anchor check (length(anchor) = 10),
    cycle_days integer not null constraint shift_patterns_cycle check (cycle_days between 1 and 56),
    foreign key (business_id, master_id) references masters (business_id, id)
) strict;
create index shift_patterns_business on shift_patterns (business_id, master_id);

-- Days of the cycle count from 0, the anchor's.
create table shift_hours (
    id integer primary key,
    business_id integer not null,
    master_id integer not null,
    day integer not null constraint shift_hours_day check (day between 0 and 55),
    start_minute integer not null,
    end_minute integer not null,
    constraint shift_hours_interval check (start_minute >= 0 and start_minute < end_minute and end_minute <= 1440),
    foreign key (business_id, master_id) references masters (business_id, id)
) strict;
create index shift_hours_master on shift_hours (business_id, master_id);

-- Taken out of the pattern's or the weekly hours.
create table breaks (
    id integer primary key,
    business_id integer not null,
    master_id integer not null,
    weekday integer not null constraint breaks_weekday check (weekday between 1 and 7),
    start_minute integer not null,
    end_minute integer not null,
    constraint breaks_interval check (start_minute >= 0 and start_minute < end_minute and end_minute <= 1440),
    foreign key (business_id, master_id) references masters (business_id, id)
) strict;
create index breaks_master on breaks (business_id, master_id);

-- Nobody works from a minute of the first date to a minute of the last; without a master it is the whole salon.
create table time_off (
    id integer primary key,
    business_id integer not null references businesses (id),
    master_id integer,
    from_date text not null constraint time_off_from check (length(from_date) = 10),
    start_minute integer not null constraint time_off_start check (start_minute between 0 and 1439),
    to_date text not null constraint time_off_to check (length(to_date) = 10),
    end_minute integer not null constraint time_off_end check (end_minute between 1 and 1440),
    kind text not null constraint time_off_kind check (kind in ('vacation', 'illness', 'closed', 'other')),
    reason text not null,
    created_at integer not null,
    constraint time_off_range check (from_date < to_date or (from_date = to_date and start_minute < end_minute)),
    foreign key (business_id, master_id) references masters (business_id, id)
) strict;
create index time_off_business on time_off (business_id, to_date);

-- What a salon decided about a holiday; one without a row is undecided, and worked as any other day.
create table holidays (
    business_id integer not null references businesses (id),
    date text not null constraint holidays_date check (length(date) = 10),
    closed integer not null constraint holidays_closed check (closed in (0, 1)),
    primary key (business_id, date)
) strict, without rowid;
