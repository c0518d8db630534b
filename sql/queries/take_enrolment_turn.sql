-- From the search for users who look like a new one to the commit of the new one's vector there is
-- one enrolment at a time: of two people who enrol with one face, the later one sees the other.
select pg_advisory_xact_lock(1344253156)
