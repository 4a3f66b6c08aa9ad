-- What a business knows of a client. Health notes are a field of their own: fewer people see them.
alter table clients add column notes text not null default '';
alter table clients add column health_notes text not null default '';
alter table clients add column tags text not null default '[]';
-- The name as searches read it, kept by the program; null until it has seen the row.
alter table clients add column search text;
-- Another number of the client it names: found by it, but nobody of its own.
alter table clients add column merged_into integer references clients (id);
alter table clients add column blocked_at integer;
alter table clients add column blocked_reason text;
-- Since when the client is not to be written to, for each purpose.
alter table clients add column service_stopped_at integer;
alter table clients add column marketing_stopped_at integer;
-- Since when nothing but the numbers of visits is left.
alter table clients add column erased_at integer;
create index clients_aliases on clients (merged_into) where merged_into is not null;
create index clients_unread on clients (id) where search is null;
-- Holds all that a search compares, so that it need not read the rows.
create index clients_search on clients (business_id, id, search, phone) where merged_into is null and erased_at is null;

-- To what a client agreed or did not, on which words, when, and how that is known.
create table client_consents (
    id integer primary key,
    business_id integer not null,
    client_id integer not null,
    booking_id integer,
    purpose text not null constraint client_consents_purpose check (purpose in ('service', 'marketing')),
    granted integer not null constraint client_consents_granted check (granted in (0, 1)),
    text_version text not null,
    channel text not null constraint client_consents_channel check (channel in ('form', 'chat', 'staff')),
    -- The message or the request that shows it, and the address the request came from.
    evidence text,
    address text,
    at integer not null,
    foreign key (business_id, client_id) references clients (business_id, id),
    foreign key (business_id, booking_id) references bookings (business_id, id)
) strict;
create index client_consents_client on client_consents (client_id, id);
