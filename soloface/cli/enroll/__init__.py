"""`soloface enroll`: who is enrolled by which photos."""
