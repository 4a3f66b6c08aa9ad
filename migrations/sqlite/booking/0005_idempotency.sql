-- Requests that a client may repeat: one row per key, with the answer once there is one.
create table idempotency_keys (
    scope text not null,
    key_hash blob not null,
    request_hash blob not null,
    status integer,
    answer text,
    created_at integer not null,
    primary key (scope, key_hash),
    constraint idempotency_keys_answer check ((status is null) = (answer is null))
) strict, without rowid;
create index idempotency_keys_created_at on idempotency_keys (created_at);
