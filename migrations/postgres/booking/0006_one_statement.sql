-- Lets the one statement that books a visit fail as a whole when a master is taken.
create function booking_segments_taken() returns bigint language plpgsql as $$
begin
    raise exception 'booking_segments_no_overlap';
end $$;
