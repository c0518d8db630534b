"""Live jobs beside a backlog of jobs that can wait."""
