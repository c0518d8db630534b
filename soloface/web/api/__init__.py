"""The API `/v1`."""
