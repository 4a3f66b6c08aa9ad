-- Answers hold tokens and numbers, so they are kept sealed. Nobody misses a day's keys.
drop table idempotency_keys;
create table idempotency_keys (
    scope text not null,
    key_hash bytea not null,
    request_hash bytea not null,
    status bigint,
    answer bytea,
    created_at bigint not null,
    primary key (scope, key_hash),
    constraint idempotency_keys_answer check ((status is null) = (answer is null))
);
create index idempotency_keys_created_at on idempotency_keys (created_at);

-- Counting the last day's messages by state reads the last day only.
create index outbox_created_at on outbox (created_at);
