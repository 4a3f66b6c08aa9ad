-- Sessions of users and of clients, logins by phone, invitations, codes, API keys.
pragma defer_foreign_keys = on;

-- An address is not needed by whoever has a number: SQLite cannot drop `not null`, so the table is made anew.
create table users_old as select * from users;
drop table users;
create table users (
    id integer primary key,
    business_id integer references businesses (id),
    email text,
    password_hash text not null,
    full_name text not null,
    phone text,
    role text not null constraint users_role check (role in ('SUPER_ADMIN', 'OWNER', 'MANAGER', 'MASTER', 'CLIENT')),
    created_at integer not null,
    -- From then on they cannot log in; the row stays for what they did.
    deactivated_at integer,
    constraint users_tenant check ((business_id is null) = (role = 'SUPER_ADMIN')),
    constraint users_reachable check (email is not null or phone is not null)
) strict;
insert into users (id, business_id, email, password_hash, full_name, phone, role, created_at)
select id, business_id, email, password_hash, full_name, phone, role, created_at from users_old;
drop table users_old;
create unique index users_email_key on users (email) where deactivated_at is null;
create unique index users_business_id_phone_key on users (business_id, phone) where deactivated_at is null;
create index users_business on users (business_id);
create index users_phone on users (phone);

-- One row per login. Its refresh tokens follow one another; access tokens name it and end with it.
create table sessions (
    id integer primary key,
    user_id integer references users (id),
    business_id integer references businesses (id),
    client_id integer,
    -- The operator who acts in the user's name.
    impersonator_id integer references users (id),
    begun_at integer not null,
    ended_at integer,
    constraint sessions_whose check ((user_id is null) <> (client_id is null)),
    foreign key (business_id, client_id) references clients (business_id, id)
) strict;
create index sessions_user on sessions (user_id) where ended_at is null;
create index sessions_client on sessions (business_id, client_id) where ended_at is null;
insert into sessions (id, user_id, business_id, begun_at, ended_at)
select min(t.id), min(t.user_id), min(u.business_id), min(t.issued_at), max(t.revoked_at)
from refresh_tokens t join users u on u.id = t.user_id group by t.family;

create table refresh_tokens_old as
select id, (select min(other.id) from refresh_tokens other where other.family = refresh_tokens.family) as session_id,
    token_hash, issued_at, expires_at, used_at from refresh_tokens;
drop table refresh_tokens;
create table refresh_tokens (
    id integer primary key,
    session_id integer not null references sessions (id),
    token_hash blob not null,
    issued_at integer not null,
    expires_at integer not null,
    used_at integer
) strict;
insert into refresh_tokens (id, session_id, token_hash, issued_at, expires_at, used_at)
select id, session_id, token_hash, issued_at, expires_at, used_at from refresh_tokens_old;
drop table refresh_tokens_old;
create unique index refresh_tokens_token_hash_key on refresh_tokens (token_hash);
create index refresh_tokens_session on refresh_tokens (session_id);

-- Why the operator closed a business.
alter table businesses add column suspended_reason text;
-- What the operator's search looks in: name, subdomain and number in lower case.
alter table businesses add column search text not null default '';
update businesses set search = lower(name) || ' ' || subdomain || ' ' || phone;

-- Links by which somebody joins the staff: each good for one use.
create table invitations (
    id integer primary key,
    business_id integer not null references businesses (id),
    role text not null constraint invitations_role check (role in ('OWNER', 'MANAGER', 'MASTER')),
    phone text not null,
    language text not null constraint invitations_language check (language in ('ru', 'en', 'kk')),
    -- The master they are, for a role that is one.
    master_id integer,
    token_hash blob not null,
    invited_by integer not null references users (id),
    created_at integer not null,
    expires_at integer not null,
    accepted_at integer,
    user_id integer references users (id),
    revoked_at integer,
    foreign key (business_id, master_id) references masters (business_id, id)
) strict;
create unique index invitations_token_hash_key on invitations (token_hash);
create index invitations_business on invitations (business_id, id);

-- Codes of six digits. A row is written also for a number that nobody has, so that its limits tell nothing.
create table codes (
    id integer primary key,
    purpose text not null constraint codes_purpose check (purpose in ('password', 'client')),
    business_id integer references businesses (id),
    user_id integer references users (id),
    phone text not null,
    address text,
    salt blob not null,
    code_hash blob not null,
    tries integer not null default 0,
    created_at integer not null,
    expires_at integer not null,
    used_at integer
) strict;
create index codes_phone on codes (phone, created_at);
create index codes_address on codes (address, created_at);

-- Failed logins, by a hash of what was tried and from where.
create table login_failures (
    subject text primary key,
    failures integer not null,
    last_at integer not null,
    blocked_until integer not null
) strict, without rowid;
create index login_failures_last on login_failures (last_at);

-- Keys of programs. The public part finds the row, the hash of the secret one proves it.
create table api_keys (
    id integer primary key,
    business_id integer not null references businesses (id),
    name text not null,
    public text not null,
    secret_hash blob not null,
    -- With spaces between them.
    scopes text not null,
    created_by integer references users (id),
    created_at integer not null,
    expires_at integer,
    last_used_at integer,
    revoked_at integer
) strict;
create unique index api_keys_public_key on api_keys (public);
create index api_keys_business on api_keys (business_id, id);
