-- Accounts that are down and not reported yet are looked for every few seconds; nearly always there are none.
create index accounts_unreported on accounts (down_at)
    where down_at is not null and reported_at is null and jid is not null;

-- Numbers of erased clients that an account's own store has still to forget. A row goes when that is done.
create table contacts_to_forget (
    account_id integer not null references accounts (id),
    phone text not null,
    due_at integer not null,
    primary key (account_id, phone)
) strict, without rowid;
create index contacts_to_forget_due on contacts_to_forget (due_at);
