"""How well packs tell people apart: labelled photos in, error rates by set and pack out."""
