-- SQLite checks a reference by one look-up in a page that it has at hand: all stay. As with PostgreSQL, nobody deletes a
-- visit or a business.
create trigger bookings_stay before delete on bookings
begin
    select raise(abort, 'rows of bookings are never deleted');
end;
create trigger businesses_stay before delete on businesses
begin
    select raise(abort, 'rows of businesses are never deleted');
end;
