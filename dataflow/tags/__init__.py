"""Tags over time: what is told of their changes."""
