"""The enrolled users in PostgreSQL: how they are stored and searched."""
