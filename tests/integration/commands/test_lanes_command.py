"""`soloface lanes`, and which lane the other commands publish by."""

from __future__ import annotations

from pathlib import Path

import pytest
from nats.js import JetStreamContext

from connectors.jetstream.provision import wanted_streams
from dataflow.jobs.lane import Lane
from dataflow.settings import NatsSettings
from tests.builders import payload, photo
from tests.fixtures.letters import Letters
from tests.fixtures.worker import Soloface


def waiting(soloface: Soloface) -> dict[str, int]:
    return {lane["lane"]: lane["waiting"] for lane in soloface("lanes", "show", "--json").json}


def test_both_lanes_are_shown(letters: Letters, soloface: Soloface) -> None:
    del letters
    assert waiting(soloface) == {"live": 0, "backfill": 0}
    done = soloface("lanes", "show")
    assert done.code == 0
    assert "open" in done.out


def test_the_backfill_is_paused_and_resumed(letters: Letters, soloface: Soloface) -> None:
    del letters
    assert "paused until soloface lanes resume" in soloface("lanes", "pause").out
    state = soloface("lanes", "show", "--json").json[1]
    assert (state["paused"], state["paused_until"]) == (True, None)
    doctor = soloface("doctor", "--json").json
    assert any("soloface lanes resume" in line["detail"] for line in doctor if line["warning"])
    assert "is open" in soloface("lanes", "resume").out


def test_a_pause_may_end_by_itself(letters: Letters, soloface: Soloface) -> None:
    del letters
    state = soloface("lanes", "pause", "--for", "2h", "--json").json
    assert state["paused"]
    assert state["paused_until"]


@pytest.mark.parametrize("span", ["soon", "0x", "999999999w"])
def test_what_is_no_span_is_refused(soloface: Soloface, span: str) -> None:
    done = soloface("lanes", "pause", "--for", span)
    assert done.code == 2
    assert "is not a span such as" in done.err


def test_replayed_jobs_wait_unless_they_are_to_be_live(
    letters: Letters, soloface: Soloface
) -> None:
    letters.bury(1)
    letters.bury(2)
    assert soloface("dlq", "replay", 1).code == 0
    assert waiting(soloface) == {"live": 0, "backfill": 1}
    assert soloface("dlq", "replay", 2, "--live").code == 0
    assert waiting(soloface) == {"live": 1, "backfill": 1}


def test_published_jobs_are_live_unless_they_can_wait(
    letters: Letters, soloface: Soloface, tmp_path: Path
) -> None:
    del letters
    jobs = tmp_path / "jobs.jsonl"
    jobs.write_bytes(payload(1) + b"\n" + payload(2))
    assert soloface("publish", "--file", jobs, "--backfill").code == 0
    assert waiting(soloface) == {"live": 0, "backfill": 2}
    assert soloface("publish", photo(3), "3.jpg").code == 0
    assert waiting(soloface) == {"live": 1, "backfill": 2}


def test_where_there_is_one_lane_jobs_go_by_it_and_the_command_says_why(
    nats_settings: NatsSettings, soloface: Soloface
) -> None:
    async def make(js: JetStreamContext) -> None:
        jobs, *others = wanted_streams(nats_settings)
        jobs = jobs.evolve(subjects=[nats_settings.subject], description="the platform's")
        for stream in (jobs, *others):
            await js.add_stream(stream)

    letters = Letters(nats_settings)
    letters.with_jetstream(make)
    letters.bury(1)
    done = soloface("publish", photo(3), "3.jpg", "--backfill")
    assert done.code == 0
    assert "published as live jobs" in done.err
    assert "nats stream edit" in done.err
    assert "replayed as live jobs" in soloface("dlq", "replay", 1).err
    assert waiting(soloface) == {str(Lane.LIVE): 2}
    warned = [line["detail"] for line in soloface("doctor", "--json").json if line["warning"]]
    assert any("not kept apart" in detail for detail in warned)
