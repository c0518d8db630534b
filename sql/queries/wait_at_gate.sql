-- Wait for everybody who has entered by enter_gate.sql before now.
select pg_advisory_xact_lock(1344253153)
