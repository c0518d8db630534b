"""The law in a small size, and whether it would find the mistakes that it is made for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from pydantic import SecretStr

from dataflow.settings import DatabaseSettings
from tests.faults.law.grounds import Grounds, grounds
from tests.faults.law.rules import Law
from tests.faults.machine.soak import UNDISTURBED


@pytest.fixture
def ground(database_dsn: str) -> Iterator[Grounds]:
    with grounds(DatabaseSettings(dsn=SecretStr(database_dsn))) as made:
        yield made


def test_the_tags_are_what_is_known(ground: Grounds) -> None:
    run_state_machine_as_test(lambda: Law(ground), settings=settings(UNDISTURBED, max_examples=20))
