"""How fast soloface is, always beside something it can be compared with.

``python -m benchmarks`` measures what a user would run instead, in the same minutes on the same
machine; docs/performance.md explains what is measured and how.
"""
