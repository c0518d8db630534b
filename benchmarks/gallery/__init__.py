"""How well and how fast the nearest user is found, in galleries as large as wanted.

``python -m benchmarks.gallery`` measures the exact search and what soloface chooses by itself;
with ``--compare`` every other way to search that pgvector offers. docs/gallery.md has both.
"""
