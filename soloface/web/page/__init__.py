"""The review page, for people."""
