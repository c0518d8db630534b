"""Following outcomes on the command line."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import cast

import orjson
import pytest
from nats.js import JetStreamContext
from rich.console import Console

from connectors.jetstream.connection import Connection
from connectors.jetstream.jobs.heartbeat import InFlight
from connectors.jetstream.jobs.settling import Settler
from connectors.jetstream.letters.announcing import Announcer
from connectors.jetstream.letters.following import Told
from connectors.jetstream.letters.telling import Teller
from dataflow.jobs.outcome import Match, Settled
from dataflow.jobs.reason import Reason
from dataflow.tags.change import Change, body
from soloface.cli.watch.board import Board
from soloface.cli.watch.command import Filters
from soloface.cli.watch.outcomes import Outcomes
from soloface.cli.watch.tags import TagChanges
from tests.builders import delivery, photo, request, settled, tag_change, user
from tests.fixtures.letters import Letters
from tests.fixtures.worker import Done, Soloface

MATCH = Match(user(1), 0.25, within_threshold=True)
LINE_SEPARATOR = "\u2028"


def tell(letters: Letters, *items: Settled) -> None:
    async def announce(js: JetStreamContext) -> None:
        connection = cast("Connection", js._nc)
        settler = Settler(connection, js, InFlight(connection, 30), letters.settings)
        for item in items:
            await Announcer(connection, settler, letters.settings).announce([item], "open-1")

    letters.with_jetstream(announce)


def watched(soloface: Soloface, *arguments: object) -> Done:
    return soloface("watch", "--since", "1h", *arguments)


STORY = (
    settled(Reason.MATCHED, 1, match=MATCH),
    settled(Reason.NO_FACE, 2, detail="no face found"),
    Settled(delivery(b"?", seq=3), None, Reason.MALFORMED_PAYLOAD, "not JSON"),
)


def test_each_outcome_is_a_line_in_a_pipe(letters: Letters, soloface: Soloface) -> None:
    tell(letters, *STORY)
    done = watched(soloface, "--count", 3)
    first, second, third = done.out.splitlines()
    assert done.code == 0
    assert f"matched  matched              photo={photo(1)} user={user(1)}" in first
    assert "distance=0.2500" in first
    assert f"skipped  no_face              photo={photo(2)} took=" in second
    assert "rejected malformed_payload" in third
    assert third.endswith("detail=not JSON")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--outcome", "skipped"], ["no_face"]),
        (
            ["--reason", "matched", "--reason", "malformed_payload"],
            ["matched", "malformed_payload"],
        ),
        (["--photo", photo(2)], ["no_face"]),
        (["--user", user(1)], ["matched"]),
    ],
)
def test_filters_leave_what_is_asked_for(
    letters: Letters, soloface: Soloface, filters: list[object], expected: list[str]
) -> None:
    tell(letters, *STORY)
    done = watched(soloface, *filters, "--count", len(expected), "--json")
    assert [orjson.loads(line)["reason"] for line in done.out.splitlines()] == expected


def test_since_begins_at_a_time_however_many_there_are(
    letters: Letters, soloface: Soloface
) -> None:
    tell(letters, *(settled(number=number) for number in range(1, 8)))
    moment = datetime.now(UTC)
    tell(letters, *(settled(number=number) for number in range(8, 11)))
    done = soloface("watch", "--since", moment.isoformat(), "--count", 3, "--json")
    assert [orjson.loads(line)["stream_seq"] for line in done.out.splitlines()] == [8, 9, 10]


def test_without_since_only_what_comes_is_shown(letters: Letters) -> None:
    tell(letters, settled(number=1))
    command = [sys.executable, "-c", "from soloface.cli import main; main()", "watch", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    number = 2
    try:
        # It cannot say when it has begun to look, so tell it things until it hears one.
        async def heard() -> str:
            nonlocal number
            assert process.stdout
            line = asyncio.create_task(asyncio.to_thread(process.stdout.readline))
            while not (await asyncio.wait([line], timeout=0.3))[0]:
                await asyncio.to_thread(tell, letters, settled(number=number))
                number += 1
            return await line

        first = orjson.loads(asyncio.run(heard()))
    finally:
        process.kill()
        process.communicate()
    assert 2 <= first["stream_seq"] <= number


def test_a_hostile_event_cannot_play_with_the_terminal(
    letters: Letters, soloface: Soloface
) -> None:
    tell(letters, settled(Reason.NO_FACE, 1, detail=f"\x1b[2J{LINE_SEPARATOR}red"))
    plain = watched(soloface, "--count", 1)
    as_json = watched(soloface, "--count", 1, "--json")
    assert "\x1b" not in plain.out + as_json.out
    assert LINE_SEPARATOR not in plain.out + as_json.out
    assert orjson.loads(as_json.out)["detail"] == f"\x1b[2J{LINE_SEPARATOR}red"


def test_a_body_that_is_no_event_does_not_end_the_watch(
    letters: Letters, soloface: Soloface
) -> None:
    async def write(js: JetStreamContext) -> None:
        for data in (b"no JSON", b"[1]", b'{"distance": "far", "settled_at": 7}'):
            await js.publish(letters.settings.settled_subject, data)

    letters.with_jetstream(write)
    tell(letters, settled(Reason.NO_FACE, 1))
    done = watched(soloface, "--count", 4)
    assert done.code == 0
    assert "no_face" in done.out.splitlines()[-1]


def test_without_the_stream_the_command_says_what_makes_it(
    nats_settings: object, soloface: Soloface
) -> None:
    del nats_settings
    done = soloface("watch")
    assert done.code == 1
    assert "soloface doctor --fix makes it" in done.err
    assert done.err.count("\n") == 1


def test_the_board_shows_the_newest_and_counts_all() -> None:
    told = [
        Told(
            seq,
            datetime.now(UTC) - timedelta(seconds=seq),
            {"outcome": "skipped", "reason": "no_face", "photo_id": str(photo(seq))},
        )
        for seq in range(1, 301)
    ]
    board = Board(Outcomes())
    board.add(told)
    screen = Console(width=140, height=30)
    with screen.capture() as drawn:
        screen.print(board)
    assert str(photo(300)) in drawn.get()
    assert str(photo(1)) not in drawn.get()
    assert re.search(r"^300 +no_face", drawn.get(), re.MULTILINE)


def test_filters_take_everything_by_default() -> None:
    assert Filters().take({})
    assert not Filters(photo_id=request().job.photo_id).take({})


EVE = "\x1b[2JEve"
CHANGES = (
    tag_change(1, 1, Change.GAINED),
    tag_change(2, 1, Change.MOVED, user_id=user(2), previous_user_id=user(1), cause="rematch"),
    tag_change(3, 2, Change.LOST, user_id=None, previous_user_id=user(1), distance=None, by=EVE),
)


def tell_changes(letters: Letters) -> None:
    async def tell(js: JetStreamContext) -> None:
        await Teller(cast("Connection", js._nc), letters.settings).tell(CHANGES)

    letters.with_jetstream(tell)


def test_each_change_of_a_tag_is_a_line_in_a_pipe(letters: Letters, soloface: Soloface) -> None:
    tell_changes(letters)
    done = watched(soloface, "--tags", "--count", 3)
    lines = {line.rpartition("seq=")[2]: line for line in done.out.splitlines()}
    assert f"gained     job        photo={photo(1)} face=0 user={user(1)} distance" in lines["1"]
    assert f"moved      rematch    photo={photo(1)} face=0 user={user(2)} before=" in lines["2"]
    assert f"lost       job        photo={photo(2)} face=0 before={user(1)} by=" in lines["3"]
    assert "\x1b" not in done.out


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--photo", photo(2)], {3}),
        (["--user", user(1)], {1, 2, 3}),
        (["--user", user(2)], {2}),
    ],
)
def test_changes_of_a_photo_or_a_user_are_found(
    letters: Letters, soloface: Soloface, filters: list[object], expected: set[int]
) -> None:
    tell_changes(letters)
    done = watched(soloface, "--tags", *filters, "--count", len(expected), "--json")
    assert {orjson.loads(line)["seq"] for line in done.out.splitlines()} == expected


def test_the_board_of_tags_counts_what_became_of_them() -> None:
    board = Board(TagChanges())
    board.add(
        [
            Told(change.seq, datetime.now(UTC), orjson.loads(body(change)))
            for change in (*CHANGES, CHANGES[0])
        ]
    )
    screen = Console(width=200, height=30)
    with screen.capture() as drawn:
        screen.print(board)
    assert "rematch" in drawn.get()
    assert str(user(2)) in drawn.get()
    assert "\x1b[2J" not in drawn.get()
    assert re.search(r"^2 +gained", drawn.get(), re.MULTILINE)


def test_changes_of_tags_have_no_outcome(soloface: Soloface) -> None:
    done = soloface("watch", "--tags", "--outcome", "matched")
    assert done.code == 2
    assert "leave --tags out" in done.err
