"""Where the time went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.jobs.stages import Lap, Stage, Stopwatch, seconds_by_stage, timed, timed_batch, waited
from dataflow.steps.request import Request
from tests.builders import request


def stages(item: Request | Settled) -> list[Stage]:
    return [lap.stage for lap in item.delivery.laps]


def test_a_stage_that_fails_has_taken_its_time_too() -> None:
    watch = Stopwatch()
    with pytest.raises(ValueError, match="broken"), watch(Stage.DECODE):
        raise ValueError("broken")
    assert [lap.stage for lap in watch.laps] == [Stage.DECODE]
    assert watch.laps[0].seconds >= 0


def test_a_step_adds_its_lap_to_whatever_comes_of_it() -> None:
    fetched = timed(Stage.FETCH, lambda asked: asked, request())
    skipped = timed(Stage.WRITE, lambda r: Settled(r.delivery, r.job, Reason.NO_FACE), fetched)
    assert stages(fetched) == [Stage.FETCH]
    assert stages(skipped) == [Stage.FETCH, Stage.WRITE]


def test_all_of_a_batch_take_as_long() -> None:
    first, second = timed_batch(Stage.CHECK, iter)([request(1), request(2)])
    assert stages(first) == [Stage.CHECK]
    assert first.delivery.laps == second.delivery.laps


def test_a_delivery_is_the_same_however_long_it_took() -> None:
    asked = request()
    assert timed(Stage.FETCH, lambda r: r, asked) == asked


def test_a_stage_that_comes_twice_is_summed() -> None:
    laps = [Lap(Stage.DECODE, 0, 1), Lap(Stage.DETECT, 1, 2), Lap(Stage.DECODE, 3, 4)]
    assert seconds_by_stage(laps) == {Stage.DECODE: 5, Stage.DETECT: 2}


def test_a_clock_that_is_behind_the_servers_makes_no_negative_wait() -> None:
    assert waited(datetime.now(UTC) + timedelta(minutes=1)).seconds == 0
    assert waited(datetime.now(UTC) - timedelta(minutes=1)).seconds == pytest.approx(60, abs=20)
