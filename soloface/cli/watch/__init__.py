"""`soloface watch`: what is told, as it happens."""
