-- Tenants and those who log in.
create table businesses (
    id integer primary key,
    subdomain text not null,
    name text not null,
    phone text not null,
    address text,
    time_zone text not null,
    language text not null constraint businesses_language check (language in ('ru', 'en', 'kk')),
    state text not null constraint businesses_state check (state in ('trial', 'active', 'suspended')),
    trial_ends_at integer,
    created_at integer not null
) strict;
create unique index businesses_subdomain_key on businesses (subdomain);

create table users (
    id integer primary key,
    business_id integer references businesses (id),
    email text not null,
    password_hash text not null,
    full_name text not null,
    phone text,
    role text not null constraint users_role check (role in ('SUPER_ADMIN', 'OWNER', 'MANAGER', 'MASTER', 'CLIENT')),
    created_at integer not null,
    constraint users_tenant check ((business_id is null) = (role = 'SUPER_ADMIN'))
) strict;
create unique index users_email_key on users (email);
create index users_business on users (business_id);

-- One row per refresh token that was ever given out; all that grew from one login are a family.
create table refresh_tokens (
    id integer primary key,
    user_id integer not null references users (id),
    family blob not null,
    token_hash blob not null,
    issued_at integer not null,
    expires_at integer not null,
    used_at integer,
    revoked_at integer
) strict;
create unique index refresh_tokens_token_hash_key on refresh_tokens (token_hash);
create index refresh_tokens_user on refresh_tokens (user_id);
create index refresh_tokens_family on refresh_tokens (family);
