-- SQLite's foreign keys are cheap and stay. As with PostgreSQL, nobody deletes what a visit names.
create trigger masters_stay before delete on masters
begin
    select raise(abort, 'rows of masters are never deleted');
end;
create trigger services_stay before delete on services
begin
    select raise(abort, 'rows of services are never deleted');
end;
create trigger clients_stay before delete on clients
begin
    select raise(abort, 'rows of clients are never deleted');
end;
