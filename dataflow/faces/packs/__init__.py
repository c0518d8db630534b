"""How packs are built, installed and loaded."""
