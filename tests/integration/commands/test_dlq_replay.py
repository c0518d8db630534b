"""`soloface dlq replay`: one letter, one job, whatever comes between."""

from __future__ import annotations

import asyncio

import pytest
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from connectors.jetstream.letters.dead_letters import DeadLetters, Replayed
from connectors.jetstream.letters.letter import Letter
from dataflow.jobs.errors import SystemicError
from dataflow.jobs.reason import Reason
from tests.builders import payload
from tests.fixtures.letters import MAX_PAYLOAD, Letters
from tests.fixtures.worker import Soloface
from tests.pulling import connection_of


def report(
    replayed: int, *problems: tuple[int, str], already: int = 0, dry_run: bool = False
) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "replayed": replayed,
        "already_on_stream": already,
        "not_replayed": [{"seq": seq, "problem": problem} for seq, problem in problems],
    }


GONE = "there is no such letter, or not any more"


def test_the_chosen_jobs_go_back_and_their_letters_away(
    letters: Letters, soloface: Soloface
) -> None:
    for number in range(1, 5):
        letters.bury(number)

    done = soloface("dlq", "replay", 3, 1, 3)

    assert (done.code, done.out) == (0, "replayed 2, not replayed 0\n")
    assert sorted(letters.jobs()) == [payload(1), payload(3)]
    assert letters.kept() == [2, 4]


def test_filters_choose_among_all(letters: Letters, soloface: Soloface) -> None:
    letters.bury(1, Reason.IMAGE_TOO_LARGE)
    letters.bury(2, ago_h=5)
    letters.bury(3)
    letters.bury(4)

    options = ("--reason", "image_not_found", "--since", "1h", "--limit", 1)
    done = soloface("dlq", "replay", "--all", *options, "--json")

    assert (done.code, done.json) == (0, report(1))
    assert letters.jobs() == [payload(3)]
    assert letters.kept() == [1, 2, 4]


def test_replaying_twice_ends_in_the_same_state(letters: Letters, soloface: Soloface) -> None:
    letters.bury(1)

    first = soloface("dlq", "replay", 1, "--json")
    again = soloface("dlq", "replay", 1, "--json")
    everything = soloface("dlq", "replay", "--all", "--json")

    assert (first.code, first.json) == (0, report(1))
    assert (again.code, again.json) == (1, report(0, (1, GONE)))
    assert (everything.code, everything.json) == (0, report(0))
    assert letters.jobs() == [payload(1)]
    assert letters.kept() == []


def test_an_interrupted_replay_leaves_one_job(
    letters: Letters, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters.bury(1)
    letters.bury(2)

    async def interrupted(_self: DeadLetters, _seq: int, *, erase: bool) -> bool:
        raise SystemicError(f"interrupted {erase}")

    with monkeypatch.context() as patched:
        patched.setattr(DeadLetters, "remove", interrupted)
        broken = soloface("dlq", "replay", "--all")
    assert (broken.code, broken.err) == (1, "error: interrupted False\n")
    assert letters.kept() == [1, 2]

    done = soloface("dlq", "replay", "--all", "--json")

    assert (done.code, done.json) == (0, report(2, already=2))
    assert sorted(letters.jobs()) == [payload(1), payload(2)]
    assert letters.kept() == []


def test_a_dry_run_changes_nothing(letters: Letters, soloface: Soloface) -> None:
    letters.bury(1)
    letters.bury(2, data=b"x" * MAX_PAYLOAD)

    done = soloface("dlq", "replay", "--all", "--dry-run")

    assert done.code == 1
    assert "not replayed: 2: its payload was cut" in done.out
    assert done.out.splitlines()[-1] == "would replay 1, not replayed 1"
    assert letters.jobs() == []
    assert letters.kept() == [1, 2]


def test_what_cannot_be_replayed_stays_with_its_reason(
    letters: Letters, soloface: Soloface
) -> None:
    letters.bury(1, data=b"x" * MAX_PAYLOAD)
    letters.bury(2, stream="OTHER")
    letters.bury(3)

    done = soloface("dlq", "replay", 1, 2, 3, 4, "--json")

    kept = MAX_PAYLOAD - 4096
    cut = f"its payload was cut: {kept} bytes are kept of {MAX_PAYLOAD}"
    other = f"it comes from the stream OTHER, not {letters.settings.stream}"
    assert done.code == 1
    assert done.json == report(1, (4, GONE), (1, cut), (2, other))
    assert letters.jobs() == [payload(3)]
    assert letters.kept() == [1, 2]


def test_a_job_that_the_stream_refuses_keeps_its_letter(
    letters: Letters, soloface: Soloface
) -> None:
    nats = letters.settings

    async def narrow(js: JetStreamContext) -> None:
        found = (await js.stream_info(nats.stream)).config
        await js.update_stream(StreamConfig(**{**vars(found), "max_msg_size": 500}))

    letters.with_jetstream(narrow)
    letters.bury(1, data=b"x" * 1000)
    letters.bury(2)

    done = soloface("dlq", "replay", "--all", "--json")

    (problem,) = done.json["not_replayed"]
    assert (done.code, done.json["replayed"], problem["seq"]) == (1, 1, 1)
    assert problem["problem"].startswith(f"the stream {nats.stream} refuses it: ")
    assert letters.kept() == [1]


def test_an_absent_job_stream_is_one_clear_line_and_costs_no_letter(
    letters: Letters, soloface: Soloface
) -> None:
    letters.bury(1)

    async def drop(js: JetStreamContext) -> None:
        await js.delete_stream(letters.settings.stream)

    letters.with_jetstream(drop)

    done = soloface("dlq", "replay", "--all")

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert f"the stream {letters.settings.stream} does not answer" in done.err
    assert letters.kept() == [1]


def test_letters_that_come_meanwhile_are_left(
    letters: Letters, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 41):
        letters.bury(number)
    replay = DeadLetters.replay

    async def die_again(self: DeadLetters, letter: Letter) -> Replayed:
        done = await replay(self, letter)
        await self._js.publish(letters.settings.dead_subject, letter.payload)
        return done

    monkeypatch.setattr(DeadLetters, "replay", die_again)

    done = soloface("dlq", "replay", "--all", "--json")

    assert (done.code, done.json) == (0, report(40))
    assert letters.kept() == list(range(41, 81))


def test_two_replays_at_once_leave_one_job_each(letters: Letters) -> None:
    for number in range(1, 41):
        letters.bury(number)

    async def replay_all(js: JetStreamContext) -> None:
        async def one(dead: DeadLetters, seq: int) -> None:
            if letter := await dead.get(seq):
                await dead.replay(letter)

        dead = DeadLetters(connection_of(js), letters.settings, 1, 40)
        await asyncio.gather(*(one(dead, seq) for seq in list(range(1, 41)) * 2))

    letters.with_jetstream(replay_all)

    assert sorted(letters.jobs()) == sorted(payload(number) for number in range(1, 41))
    assert letters.kept() == []
