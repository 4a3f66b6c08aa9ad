-- The accounts of this database, and who may write to them: the holder of the highest generation.
create table wa_accounts (
    account_id bigint not null primary key,
    generation bigint not null
);

-- All that an account must not forget; `kind` is wa_client::store::Kind, `value` is sealed.
create table wa_records (
    account_id bigint not null references wa_accounts (account_id) on delete cascade,
    kind bigint not null,
    key bytea not null,
    value bytea not null,
    expires_at bigint,
    primary key (account_id, kind, key)
);

create index wa_records_expiry on wa_records (account_id, expires_at) where expires_at is not null;
