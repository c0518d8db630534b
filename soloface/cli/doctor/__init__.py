"""`soloface doctor`: one module per dependency that it examines."""
