"""How long tests wait for what happens elsewhere."""

from __future__ import annotations

PATIENCE_S = 240
"""For whatever another process or thread does: start, answer, say something, end.

Ten times what the slowest of them takes on a quiet machine, for a machine that is busy. Nothing is
proved by it: a test that has to wait so long for something has failed.
"""

LONG_TEST_S = 1200
"""The limit of a test that takes minutes by itself; all others have pytest's own."""
