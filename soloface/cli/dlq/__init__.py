"""`soloface dlq`: dead letters, and jobs that are rejected by hand."""
