-- Requests that a client may repeat: one row per key, with the answer once there is one.
create table idempotency_keys (
    scope text not null,
    key_hash bytea not null,
    request_hash bytea not null,
    status bigint,
    answer text,
    created_at bigint not null,
    primary key (scope, key_hash),
    constraint idempotency_keys_answer check ((status is null) = (answer is null))
);
create index idempotency_keys_created_at on idempotency_keys (created_at);
