"""`soloface serve`: the API and the review page."""
