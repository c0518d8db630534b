"""The steps of the way, one module each: validation to matching."""
