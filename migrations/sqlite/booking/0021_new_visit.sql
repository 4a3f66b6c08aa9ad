-- A link is found by its token. The rest of this step is how PostgreSQL keeps the same rules.
drop index visit_links_booking;
