"""What a job is, and how it can end."""
