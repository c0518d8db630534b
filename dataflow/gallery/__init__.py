"""The enrolled users: who is enrolled how, and how they are searched."""
