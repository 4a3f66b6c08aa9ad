-- References that cannot be wrong are not checked for each row.
--
-- PostgreSQL checks a reference by a statement and a row lock of its own; for what one visit writes these were a third of
-- its cost. The rows below are written in the transaction that wrote, or has just found within the tenant, the visit or
-- the business they name, and neither is ever deleted, which the triggers hold everybody to. What a tenant could get wrong
-- keeps its check: whose client, master and service a visit has, and whose visit a segment or a message is of.
alter table booking_transitions drop constraint booking_transitions_business_id_booking_id_fkey;
alter table client_consents drop constraint client_consents_business_id_booking_id_fkey;
alter table visit_links drop constraint visit_links_business_id_booking_id_fkey;
alter table bookings drop constraint bookings_business_id_fkey;
alter table audit_log drop constraint audit_log_business_id_fkey;

create function row_stays() returns trigger language plpgsql as $$
begin
    raise exception 'rows of % are never deleted', tg_table_name;
end $$;
create trigger bookings_stay before delete on bookings for each row execute function row_stays();
create trigger businesses_stay before delete on businesses for each row execute function row_stays();
