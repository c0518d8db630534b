"""`soloface calibrate`: what a pack's distances mean among people whose names are known."""
