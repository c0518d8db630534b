"""Calls that come together run together, and each gets its own answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dataflow.faces.batching import Batched
from dataflow.faces.packs.loading import load_pack
from dataflow.settings import ModelSettings
from dataflow.steps.recognition import recognise
from tests.patience import PATIENCE_S
from tests.photos import ASTRONAUT, SIX_PEOPLE, TOM_HANKS, jpeg, read, rotated, scaled

MAX_PIXELS = 10_000_000


class Doubling:
    """Doubles numbers; the first run waits until it is let go."""

    def __init__(self) -> None:
        self.runs: list[list[int]] = []
        self.running = threading.Event()
        self.go = threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.runs.append(list(numbers))
        if len(self.runs) == 1:
            self.running.set()
            assert self.go.wait(PATIENCE_S)
        if -1 in numbers:
            raise ValueError("a bad number")
        return [2 * number for number in numbers]


@pytest.fixture
def doubling() -> Iterator[Doubling]:
    made = Doubling()
    yield made
    made.go.set()


def answers(doubling: Doubling, batched: Batched[int, int], numbers: Sequence[int]) -> list[int]:
    """Ask for one number, and for the others while that is being answered."""
    first, *others = numbers
    with ThreadPoolExecutor(len(numbers)) as threads:
        futures = [threads.submit(batched, first)]
        assert doubling.running.wait(PATIENCE_S)
        for number in others:
            waiting = len(batched._waiting)
            futures.append(threads.submit(batched, number))
            while len(batched._waiting) == waiting:
                pass
        doubling.go.set()
        return [future.result(PATIENCE_S) for future in futures]


def test_what_comes_while_a_run_lasts_is_put_into_the_next(doubling: Doubling) -> None:
    batched = Batched(doubling, most=16)
    assert answers(doubling, batched, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert doubling.runs == [[1], [2, 3, 4]]


def test_no_run_gets_more_than_allowed(doubling: Doubling) -> None:
    batched = Batched(doubling, most=2)
    assert answers(doubling, batched, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert doubling.runs == [[1], [2, 3], [4]]


def test_only_what_is_alike_runs_together(doubling: Doubling) -> None:
    batched = Batched(doubling, most=16, kind=lambda number: number % 2)
    assert answers(doubling, batched, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert doubling.runs == [[1], [2, 4], [3]]


def test_an_error_reaches_everybody_in_the_run_and_nobody_else(doubling: Doubling) -> None:
    batched = Batched(doubling, most=16)
    with pytest.raises(ValueError, match="a bad number"):
        answers(doubling, batched, [1, 2, -1])
    assert batched(5) == 10


@pytest.fixture(params=["open_settings", "open_dlib_settings", "insightface"])
def settings(request: pytest.FixtureRequest) -> ModelSettings:
    if request.param != "insightface":
        made: ModelSettings = request.getfixturevalue(request.param)
        return made
    folder: Path = request.getfixturevalue("insightface_folder")
    return ModelSettings(pack=str(folder))


def test_photos_taken_together_have_the_vectors_of_photos_taken_alone(
    settings: ModelSettings,
) -> None:
    """The path that a GPU takes, on the processor."""
    alone = load_pack(settings)
    together = load_pack(settings.model_copy(update={"batch": 8}))
    person, actor = read(ASTRONAUT), read(TOM_HANKS)
    photos = [jpeg(person), jpeg(actor), jpeg(scaled(person, 1.5)), jpeg(rotated(person, 10))]
    expected = [recognise(photo, alone, MAX_PIXELS) for photo in photos]
    with ThreadPoolExecutor(8) as threads:
        faces = list(threads.map(lambda p: recognise(p, together, MAX_PIXELS), photos * 4))
    for face, wanted in zip(faces, expected * 4, strict=True):
        assert face.box.x1 == pytest.approx(wanted.box.x1, abs=0.1)
        np.testing.assert_allclose(face.embedding, wanted.embedding, atol=1e-5)
    assert len(together.detect(read(SIX_PEOPLE))) == 6
