"""Products of coded vectors: by a library's integer instructions, or without it by numpy's."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TypeAlias

import numpy as np

from dataflow.gallery.coding import Codes, Floats

Products: TypeAlias = Callable[[Codes], Floats]
"""Multiplies each row of some codes with each of the probes; one row per row."""

HAS_INTEGERS = find_spec("numkong") is not None


def products_with(probes: Codes) -> Products:
    """How rows are multiplied with these probes."""
    return integer_products(probes) if HAS_INTEGERS else float_products(probes)


def integer_products(probes: Codes) -> Products:
    """By numkong: exact, and several times as fast, since nothing is turned into floats before."""
    import numkong  # noqa: PLC0415 - there may be no wheel of it

    packed = numkong.dots_pack(probes)

    def multiplied(rows: Codes) -> Floats:
        return np.asarray(numkong.dots_packed(rows, packed)).astype(np.float32)

    return multiplied


def float_products(probes: Codes) -> Products:
    """By the BLAS of numpy: exact for up to 1,040 numbers, then as exact as single precision."""
    turned = np.ascontiguousarray(probes.T, np.float32)

    def multiplied(rows: Codes) -> Floats:
        return rows.astype(np.float32) @ turned

    return multiplied
