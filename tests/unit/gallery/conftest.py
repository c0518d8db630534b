"""Enrolment of users who are kept in memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dataflow.gallery.clashes import ClashLimit
from dataflow.gallery.enrolling import Enroller
from tests.register import MemoryRegister
from tests.unit.gallery.album import THRESHOLD, examiner


@pytest.fixture
def register() -> MemoryRegister:
    return MemoryRegister()


@pytest.fixture
def enroller(register: MemoryRegister) -> Iterator[Enroller]:
    with ThreadPoolExecutor(2) as pool:
        yield Enroller(examiner(), register, pool, clashes=ClashLimit(THRESHOLD))
