"""`soloface dlq list`, `show` and `purge`, on a real NATS server."""

from __future__ import annotations

import asyncio
import base64
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from connectors.embedded import NatsServer
from connectors.jetstream.connection import Connection, connect
from connectors.jetstream.jobs.heartbeat import InFlight
from connectors.jetstream.jobs.settling import Settler
from connectors.jetstream.provision import provision
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.settings import PREFIX, NatsSettings
from tests.builders import payload, photo
from tests.fixtures.letters import Letters
from tests.fixtures.terminal import Typed
from tests.fixtures.worker import Soloface
from tests.pulling import taken

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202e\x9b31m\r[red]x[/]\nreason: matched :skull:".encode()


def listed(soloface: Soloface, *arguments: object) -> list[dict[str, Any]]:
    done = soloface("dlq", "list", "--json", *arguments)
    assert done.code == 0
    rows: list[dict[str, Any]] = done.json
    return rows


def sequences(soloface: Soloface, *arguments: object) -> list[int]:
    return [row["seq"] for row in listed(soloface, *arguments)]


async def settle_one(connection: Connection, settings: NatsSettings, data: bytes) -> None:
    """A job's way through a real settler into the dead letters."""
    js = connection.jetstream()
    await provision(js, settings)
    await js.publish(settings.subject, data)
    (delivery,) = await taken(js, settings)
    settler = Settler(connection, js, InFlight(connection, 30), settings)
    item = Settled(delivery, None, Reason.ATTEMPTS_EXHAUSTED, "it was\nof no use: é")
    await settler.settle([item])


def test_what_the_worker_wrote_is_read_back_whole(
    nats_settings: NatsSettings, soloface: Soloface
) -> None:
    async def bury() -> None:
        connection = await connect(nats_settings, "test")
        await settle_one(connection, nats_settings, payload(1))
        await connection.close()

    asyncio.run(bury())

    (row,) = listed(soloface)
    shown = soloface("dlq", "show", 1, "--json").json
    assert row.items() <= shown.items()
    assert row.pop("died_at") >= row.pop("published_at")
    assert row == {
        "seq": 1,
        "reason": "attempts_exhausted",
        "nature": "poison",
        "photo_id": str(photo(1)),
        "user_id": None,
        "deliveries": 1,
        "error": "it was of no use: ?",
        "stream": nats_settings.stream,
        "stream_seq": 1,
        "payload_bytes": len(payload(1)),
        "cut": False,
    }
    assert shown["payload"] == payload(1).decode()
    assert shown["headers"]["Nats-Msg-Id"].startswith(f"{nats_settings.stream}:1:")


def test_the_newest_come_first_unless_asked_otherwise(letters: Letters, soloface: Soloface) -> None:
    for number in range(1, 6):
        letters.bury(number)

    assert sequences(soloface) == [5, 4, 3, 2, 1]
    assert sequences(soloface, "--limit", 2) == [5, 4]
    assert sequences(soloface, "--limit", 2, "--oldest-first") == [1, 2]
    head, newest, second, count = soloface("dlq", "list", "--limit", 2).out.splitlines()
    assert " ".join(head.split()) == "seq died at (UTC) reason photo deliveries error"
    told = ["image_not_found", str(photo(5)), "2", "why", "5"]
    assert (newest.split()[0], newest.split()[3:]) == ("5", told)
    assert second.startswith("  4")
    assert count == "2 of 5 dead letters"


def test_filters_narrow_the_list_down(letters: Letters, soloface: Soloface) -> None:
    letters.bury(1, Reason.IMAGE_TOO_LARGE, ago_h=50)
    letters.bury(2, Reason.MALFORMED_PAYLOAD, ago_h=3)
    letters.bury(3, Reason.IMAGE_NOT_FOUND, ago_h=1)
    letters.write(b"no header")

    assert sequences(soloface, "--reason", "image_not_found") == [3]
    both = ("--reason", "image_not_found", "--reason", "image_too_large")
    assert sequences(soloface, *both) == [3, 1]
    assert sequences(soloface, "--reason", "unknown") == [4]
    assert sequences(soloface, "--since", "2h") == [4, 3]
    assert sequences(soloface, "--until", "2h") == [2, 1]
    assert sequences(soloface, "--since", "2d", "--until", "2h") == [2]
    assert sequences(soloface, "--since", "2999-01-01") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "--reason", "no_such_reason"),
        ("list", "--since", "yesterday"),
        ("list", "--since", "1h", "--until", "2h"),
        ("list", "--limit", 0),
        ("replay",),
        ("replay", 1, "--all"),
        ("replay", 1, "--reason", "image_not_found"),
        ("purge", "--reason", "image_not_found", "--yes"),
        ("show", 0),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(
    soloface: Soloface, arguments: tuple[object, ...]
) -> None:
    done = soloface("dlq", *arguments)

    assert done.code == 2
    assert "Invalid value" in done.err


def test_odd_letters_are_listed_with_what_they_tell(letters: Letters, soloface: Soloface) -> None:
    letters.write(b"")
    letters.write(b"\xff", {"Status": "404", "Soloface-Reason": "N/A", "Soloface-Deliveries": "x"})
    letters.write(payload(3), {"Soloface-Died-At": "soon", "Soloface-Stream": "a b"})

    rows = listed(soloface, "--oldest-first")

    assert [row["seq"] for row in rows] == [1, 2, 3]
    assert [row["photo_id"] for row in rows] == [None, None, str(photo(3))]
    assert all(row["died_at"] for row in rows)
    for name in ("reason", "nature", "deliveries", "stream", "stream_seq", "published_at"):
        assert [row[name] for row in rows] == [None, None, None]
    assert "3 of 3 dead letters" in soloface("dlq", "list").out


def test_what_lies_between_the_letters_is_passed_over(letters: Letters, soloface: Soloface) -> None:
    nats = letters.settings

    async def fill(js: JetStreamContext) -> None:
        both = StreamConfig(name=nats.dead_stream, subjects=[nats.dead_subject, "elsewhere.>"])
        await js.update_stream(both)
        for number in range(300):
            subject = nats.dead_subject if number % 70 in (0, 1, 69) else "elsewhere.x"
            await js.publish(subject, b"{}")
        await js.delete_msg(nats.dead_stream, 1)

    letters.with_jetstream(fill)

    wanted = [number + 1 for number in range(1, 300) if number % 70 in (0, 1, 69)]
    assert sequences(soloface, "--oldest-first") == wanted
    assert (
        soloface("dlq", "show", 3).err
        == f"error: there is no dead letter 3 on {nats.dead_stream}\n"
    )


def test_a_thousand_letters_are_listed_quickly(letters: Letters, soloface: Soloface) -> None:
    async def fill(js: JetStreamContext) -> None:
        subject = letters.settings.dead_subject
        await asyncio.gather(*(js.publish(subject, payload(n)) for n in range(1000)))

    letters.with_jetstream(fill)
    begin = time.monotonic()

    assert sequences(soloface, "--limit", 1000) == list(range(1000, 0, -1))
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("arguments", [("list",), ("show", 1)])
def test_a_hostile_letter_cannot_play_with_the_terminal(
    letters: Letters, soloface: Soloface, arguments: tuple[object, ...]
) -> None:
    letters.write(HOSTILE, {"Soloface-Error": "\x1b[31mred \x9b1m [bold]b[/bold]", "Evil": "\x1b"})

    for done in (soloface("dlq", *arguments), soloface("dlq", *arguments, "--json")):
        assert done.code == 0
        assert all(character.isprintable() for character in done.out.replace("\n", ""))
    assert soloface("dlq", "show", 1, "--json").json["payload"] == HOSTILE.decode()
    shown = soloface("dlq", "show", 1).out
    assert r"\x1b]0;owned\x07\x1b[2J\u202e\x9b31m\r[red]x[/]" in shown
    assert "\n  reason: matched :skull:" in shown


def test_a_payload_that_is_no_text_is_shown_as_far_as_it_is(
    letters: Letters, soloface: Soloface
) -> None:
    letters.write(b"\x89PNG\x00\xff")

    assert base64.b64decode(soloface("dlq", "show", 1, "--json").json["payload_base64"]) == (
        b"\x89PNG\x00\xff"
    )
    assert "\n  \ufffdPNG\\x00\ufffd\n" in soloface("dlq", "show", 1).out


def test_purge_asks_first(
    letters: Letters, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters.bury(1)
    letters.bury(2, Reason.IMAGE_TOO_LARGE)
    monkeypatch.setattr(sys, "stdin", Typed("n\ny\n"))

    refused = soloface("dlq", "purge", "--all")
    assert (refused.code, letters.kept()) == (1, [1, 2])
    assert "Remove 2 dead letters (1 image_not_found, 1 image_too_large)?" in refused.err

    agreed = soloface("dlq", "purge", "--all")
    assert (agreed.code, letters.kept()) == (0, [])
    assert agreed.out.strip() == "purged 2"


def test_purge_removes_what_is_chosen_for_good(
    letters: Letters, soloface: Soloface, nats_server: NatsServer
) -> None:
    for number in range(1, 5):
        letters.bury(number, data=f"remember-me-{number}-{letters.settings.stream}".encode())
    letters.bury(5, Reason.IMAGE_TOO_LARGE)

    chosen = soloface("dlq", "purge", 1, 3, 99, "--yes", "--json")
    assert chosen.json == {"purged": 2, "already_gone": 1}
    assert letters.kept() == [2, 4, 5]
    filtered = soloface("dlq", "purge", "--all", "--reason", "image_not_found", "--limit", 1, "-y")
    assert filtered.code == 0
    assert letters.kept() == [4, 5]

    assert remembered(nats_server.directory, letters.settings.stream) == {4}


def remembered(folder: Path, stream: str) -> set[int]:
    """Which of the letters' payloads can be found in the server's files."""
    files = [path.read_bytes() for path in folder.rglob("*.blk")]
    wanted = {n: f"remember-me-{n}-{stream}".encode() for n in range(1, 5)}
    return {n for n, text in wanted.items() if any(text in content for content in files)}


@pytest.mark.parametrize(
    "arguments", [("list",), ("show", 1), ("replay", "--all"), ("purge", 1, "--yes")]
)
@pytest.mark.usefixtures("nats_settings")
def test_an_absent_stream_is_one_clear_line(
    soloface: Soloface, nats_settings: NatsSettings, arguments: tuple[object, ...]
) -> None:
    done = soloface("dlq", *arguments)

    assert (done.code, done.out.strip()) == (1, "")
    assert done.err == (
        f"error: there is no stream {nats_settings.dead_stream} (SOLOFACE_NATS__DEAD_STREAM); "
        "soloface doctor --fix makes it\n"
    )


@pytest.mark.usefixtures("nats_settings")
def test_wrong_credentials_are_named(soloface: Soloface, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}NATS__PASSWORD", "wrong")

    done = soloface("dlq", "list")

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "NATS refuses the credentials" in done.err
