"""Tags that stay true: decided again when something changes, and told to the platform."""
