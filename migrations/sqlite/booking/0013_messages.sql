-- The operator's account, which writes for tenants without one of their own: one at most.
create unique index accounts_platform_key on accounts ((business_id is null)) where business_id is null;

-- Since when it is in its state. Since when it is not online though it has a device, and when that was reported. Until
-- when it looks for a phone while it has none. Whether its owner links it themselves, also in a sandbox, whose phones
-- scan by themselves otherwise. Until when, and why, it writes to nobody who never wrote to it.
alter table accounts add column since_at integer;
alter table accounts add column down_at integer;
alter table accounts add column reported_at integer;
alter table accounts add column link_until integer not null default 0;
alter table accounts add column by_hand integer not null default 0
    constraint accounts_by_hand check (by_hand in (0, 1));
alter table accounts add column cold_until integer;
alter table accounts add column cold_reason text;

-- What is shown to link an account, written by whoever holds its connection; sealed, for it has secrets.
create table account_codes (
    account_id integer not null references accounts (id),
    kind text not null constraint account_codes_kind check (kind in ('qr', 'code')),
    sealed blob not null,
    valid_until integer not null,
    primary key (account_id, kind)
) strict, without rowid;

-- What whoever holds an account's connection is asked to do, and its answer; both sealed.
create table account_requests (
    id integer primary key,
    account_id integer not null references accounts (id),
    sealed blob not null,
    asked_at integer not null,
    expires_at integer not null,
    taken_at integer,
    answer blob
) strict;
create index account_requests_open on account_requests (account_id) where taken_at is null;
create index account_requests_expiry on account_requests (expires_at);

-- Who wrote to an account, and whom it wrote to first.
create table contacts (
    account_id integer not null references accounts (id),
    phone text not null,
    last_inbound_at integer,
    first_sent_at integer,
    primary key (account_id, phone)
) strict, without rowid;
create index contacts_first_sent on contacts (account_id, first_sent_at);

-- One text for many, message by message. Whoever is left out has a reason and no message.
create table bulk_jobs (
    id integer primary key,
    business_id integer not null references businesses (id),
    text text not null,
    created_at integer not null,
    cancelled_at integer
) strict;
create unique index bulk_jobs_business_id_id_key on bulk_jobs (business_id, id);
create table bulk_recipients (
    business_id integer not null,
    job_id integer not null,
    position integer not null,
    given text not null,
    phone text,
    message_id integer references outbox (id),
    reason text,
    primary key (job_id, position),
    constraint bulk_recipients_fate check ((message_id is null) <> (reason is null)),
    foreign key (business_id, job_id) references bulk_jobs (business_id, id)
) strict, without rowid;

-- What accounts receive: each message once, with what came of it. Without a tenant while nobody knows whom it is for.
create table inbound (
    id integer primary key,
    account_id integer not null references accounts (id),
    business_id integer references businesses (id),
    chat text not null,
    wa_message_id text not null,
    phone text,
    text text,
    booking_id integer,
    outcome text,
    received_at integer not null,
    handled_at integer,
    read_at integer
) strict;
create unique index inbound_message_key on inbound (account_id, chat, wa_message_id);
create index inbound_business on inbound (business_id, id);
create index inbound_unread on inbound (business_id, id) where outcome = 'unread' and read_at is null;

create index outbox_account_sent on outbox (account_id, sent_at) where sent_at is not null;
create index outbox_account_phone on outbox (account_id, phone, sent_at) where sent_at is not null;
create index outbox_failed on outbox (account_id, due_at) where state = 'failed';
create index outbox_business on outbox (business_id, id);
