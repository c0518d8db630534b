"""The law in a small size, and whether it would find the mistakes that it is made for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from pydantic import SecretStr

from dataflow.settings import DatabaseSettings
from tests.builders import photo
from tests.faults.law.grounds import Grounds, grounds
from tests.faults.law.happenings import (
    PHOTOS,
    USERS,
    Enrol,
    Job,
    Rematch,
    Rewrite,
    Start,
    Statement,
)
from tests.faults.law.mistakes import (
    MISTAKES,
    Mistake,
    a_new_file_is_not_noticed,
    a_step_asks_for_nothing,
    the_limit_stays_where_it_is,
)
from tests.faults.law.rules import law_on
from tests.faults.law.soak import UNSHRUNK
from tests.faults.machine.soak import UNDISTURBED
from tests.patience import LONG_TEST_S

pytestmark = pytest.mark.timeout(LONG_TEST_S)

QUICKLY_FOUND = "nothing_is_matched_again"
"""The one mistake that is looked for each time; the others take a minute each."""
EXAMPLES = int(os.environ.get("TEST_LAW_EXAMPLES", "3"))


@pytest.fixture
def ground(database_dsn: str) -> Iterator[Grounds]:
    with grounds(DatabaseSettings(dsn=SecretStr(database_dsn))) as made:
        yield made


def test_the_tags_are_what_is_known_whatever_happens_in_whatever_order(ground: Grounds) -> None:
    run_state_machine_as_test(law_on(ground), settings=settings(UNDISTURBED, max_examples=EXAMPLES))


@pytest.mark.parametrize("mistake", [None, the_limit_stays_where_it_is, a_step_asks_for_nothing])
def test_a_step_of_the_limit_is_found_out_where_nobody_came_near(
    ground: Grounds, mistake: Mistake | None
) -> None:
    """The user who makes the step is too far from the face to concern it in any other way."""
    law = law_on(ground)()
    ground.clear(len(USERS), len(PHOTOS))
    for happening in (Start(None, None, follows=True), Enrol((1,), 0), Job((1,), 9.2)):
        law.it_happens(happening)
    law.settle()
    with mistake() if mistake else nullcontext():
        law.it_happens(Enrol((2, 3), 51))
        if mistake is None:
            law.settle()
            return
        with pytest.raises(AssertionError, match=r"at 0\.0129, must show nobody"):
            law.settle()


@pytest.mark.parametrize("mistake", [None, a_new_file_is_not_noticed])
def test_a_rewrite_of_the_faces_amid_a_look_through_them_is_found_out(
    ground: Grounds, mistake: Mistake | None
) -> None:
    """The last face lies before the place that the look has come to, once the others are gone."""
    law = law_on(ground)()
    ground.clear(len(USERS), len(PHOTOS))
    law.it_happens(Start(None, None))
    law.it_happens(Job(PHOTOS, 50.4))
    law.settle()
    *others, last = PHOTOS
    ids = [photo(number) for number in others]
    with mistake() if mistake else nullcontext():
        for happening in (
            Statement("delete from photos where id = any(%s)", (ids,)),
            Enrol((1,), 44),
            Rematch(),
            Rematch(),
        ):
            law.it_happens(happening)
        places = ground.platform.execute("select place from face_rematches").fetchall()
        assert places == [(1,)]
        law.it_happens(Rewrite())
        if mistake is None:
            law.settle()
            return
        with pytest.raises(AssertionError, match=f"photo {last} .*must show"):
            law.settle()


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                name != QUICKLY_FOUND and "TEST_LAW_EXAMPLES" not in os.environ,
                reason="takes a minute: set TEST_LAW_EXAMPLES",
            ),
        )
        for name in MISTAKES
    ],
)
def test_a_mistake_is_found_out(ground: Grounds, mistake: str) -> None:
    many = settings(UNSHRUNK, max_examples=1000)
    with (
        MISTAKES[mistake](),
        pytest.raises(AssertionError, match=r"must show|outcome|come"),
    ):
        run_state_machine_as_test(law_on(ground), settings=many)
