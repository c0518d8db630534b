"""People who are enrolled, or withdraw, by messages."""
