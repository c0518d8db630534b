"""How fast `POST /v1/find` is, beside the bare loop."""
