-- WhatsApp accounts, who holds their connection, and what they send.
create table accounts (
    id integer primary key,
    business_id integer references businesses (id),
    phone text,
    jid text,
    lid text,
    state text not null,
    detail text,
    until_at integer,
    seen_at integer,
    updated_at integer not null,
    created_at integer not null
) strict;
create unique index accounts_business_id_key on accounts (business_id);

-- The fence grows with every change of hands, and a row is never deleted: an old holder can always be told from the new.
create table account_leases (
    account_id integer primary key references accounts (id),
    holder text not null,
    fence integer not null,
    until_at integer not null
) strict;

create table outbox (
    id integer primary key,
    business_id integer not null references businesses (id),
    account_id integer references accounts (id),
    booking_id integer,
    kind text not null,
    dedup_key text not null,
    wa_message_id text not null,
    phone text not null,
    text text not null,
    language text not null,
    state text not null constraint outbox_state check (
        state in ('planned', 'sent', 'delivered', 'read', 'failed', 'cancelled', 'expired')
    ),
    -- When it was planned for; when it is tried next; when it is worth nothing any more.
    due_at integer not null,
    next_at integer not null,
    expires_at integer not null,
    attempts integer not null default 0,
    -- The lease under which it is being sent; the next attempt is put off meanwhile.
    claim_fence integer,
    error text,
    created_at integer not null,
    sent_at integer,
    delivered_at integer,
    read_at integer,
    foreign key (business_id, booking_id) references bookings (business_id, id)
) strict;
create unique index outbox_wa_message_id_key on outbox (wa_message_id);
create unique index outbox_booking_id_dedup_key_key on outbox (booking_id, dedup_key) where booking_id is not null;
create unique index outbox_business_id_dedup_key_key on outbox (business_id, dedup_key) where booking_id is null;
create index outbox_due on outbox (account_id, next_at) where state = 'planned';
create index outbox_claimed on outbox (account_id) where state = 'planned' and claim_fence is not null;
