"""The law of the tags: they are what is known, whatever happened in whatever order."""
