"""Values that are made when first needed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

import pytest

from dataflow.process.lazy import Lazy
from tests.patience import PATIENCE_S


def test_nothing_is_made_before_it_is_needed_and_then_once() -> None:
    made = count(1)
    lazy = Lazy(lambda: next(made))
    assert next(made) == 1
    assert (lazy(), lazy()) == (2, 2)


def test_threads_that_ask_at_once_share_one_value() -> None:
    together, made = Barrier(4), count(1)

    def make() -> int:
        time.sleep(0.05)  # long enough for the others to ask meanwhile
        return next(made)

    lazy = Lazy(make)

    def ask(_index: int) -> int:
        together.wait(timeout=PATIENCE_S)
        return lazy()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [1] * 4


def test_a_value_of_none_is_made_once_too() -> None:
    made: list[None] = []
    lazy = Lazy(lambda: made.append(None))
    lazy()
    lazy()
    assert len(made) == 1


def test_a_failed_making_is_tried_again() -> None:
    results: Iterator[OSError | str] = iter([OSError("not yet"), "made"])

    def make() -> str:
        result = next(results)
        if isinstance(result, OSError):
            raise result
        return result

    lazy = Lazy(make)
    with pytest.raises(OSError, match="not yet"):
        lazy()
    assert lazy() == "made"
