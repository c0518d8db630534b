"""`soloface publish`: jobs by hand, from files, and for your own photos."""
