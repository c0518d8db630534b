"""What is written on a dead letter, what is read from one, and how it looks."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from connectors.jetstream.letters.dead_letters import Selection
from connectors.jetstream.letters.letter import HEADERS_BYTES, Header, Letter, letter_of, seal
from connectors.jetstream.stored import Stored
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Outcome, Reason
from soloface.cli.dlq.letters import REASONS, details, moment, require_choice, selection, table
from soloface.cli.dlq.letters import summary as summary_of
from soloface.cli.dlq.letters import whole as whole_of
from soloface.cli.frame.output import print_json, printable
from tests.builders import PUBLISHED, delivery, payload, photo
from tests.odd_payloads import odd_payloads

STORED = datetime(2026, 3, 1, tzinfo=UTC)
LIMIT = 1 << 20
REJECTIONS = [reason for reason in Reason if reason.outcome is Outcome.REJECTED]

names = st.sampled_from([str(name) for name in Header]) | st.text(min_size=1)
odd_headers = st.dictionaries(names, st.text(st.characters()))


def stored(headers: dict[str, str] | None = None, data: bytes = b"{}") -> Stored:
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    block = f"NATS/1.0\r\n{lines}\r\n".encode("utf-8", "surrogatepass")
    return Stored(7, data, STORED, block)


def settled(reason: Reason = Reason.IMAGE_NOT_FOUND, data: bytes = b"{}") -> Settled:
    return Settled(delivery(data, seq=12, attempt=3), None, reason, "what\nwent wrong")


def rendered(letter: Letter) -> str:
    console = Console(width=200, force_terminal=False, highlight=False)
    with console.capture() as capture:
        console.print(details(letter))
        console.print(table([summary_of(letter)], narrow=False))
        console.print(table([summary_of(letter)], narrow=True))
    return capture.get()


@pytest.mark.parametrize("reason", REJECTIONS)
def test_what_is_written_is_read_back(reason: Reason) -> None:
    before = datetime.now(UTC)
    data, headers = seal(settled(reason, payload(1)), "JOBS", LIMIT)
    letter = letter_of(stored(headers, data))

    assert before <= letter.died_at <= datetime.now(UTC)
    assert letter == Letter(
        seq=7,
        payload=payload(1),
        died_at=letter.died_at,
        reason=reason,
        nature="poison" if reason is Reason.ATTEMPTS_EXHAUSTED else "data",
        error="what went wrong",
        stream="JOBS",
        subject=None,
        stream_seq=12,
        deliveries=3,
        published_at=PUBLISHED,
        cut=False,
        payload_bytes=None,
        headers=headers,
    )
    assert letter.photo_id == photo(1)


@pytest.mark.parametrize("size", [0, LIMIT - HEADERS_BYTES, LIMIT - HEADERS_BYTES + 1, LIMIT])
def test_a_payload_that_leaves_no_room_for_the_headers_is_cut(size: int) -> None:
    item = replace(settled(data=b"x" * size), detail="é" * 5000)
    data, headers = seal(item, "S" * 255, LIMIT)
    letter = letter_of(stored(headers, data))

    assert letter.cut == (size > LIMIT - HEADERS_BYTES)
    assert letter.payload_bytes == (size if letter.cut else None)
    assert len(data) == min(size, LIMIT - HEADERS_BYTES)
    assert len(data) + sum(len(k) + len(v) + 4 for k, v in headers.items()) + 12 <= LIMIT


@pytest.mark.parametrize("headers", [None, {}, {"Other": "x"}])
def test_a_letter_without_headers_of_ours_says_when_it_was_stored(
    headers: dict[str, str] | None,
) -> None:
    letter = letter_of(stored(headers, b""))

    assert (letter.died_at, letter.payload, letter.error) == (STORED, b"", "")
    told = (letter.reason, letter.nature, letter.stream, letter.stream_seq, letter.deliveries)
    assert told == (None, None, None, None, None)
    assert not letter.cut


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        (Header.REASON, "\x1b[31m", "reason"),
        (Header.REASON, "a" * 65, "reason"),
        (Header.NATURE, "Data", "nature"),
        (Header.STREAM, "two words", "stream"),
        (Header.STREAM, "a.b", "stream"),
        (Header.STREAM_SEQ, "-1", "stream_seq"),
        (Header.STREAM_SEQ, "9" * 5000, "stream_seq"),
        (Header.STREAM_SEQ, "\u0661", "stream_seq"),
        (Header.DELIVERIES, "1.5", "deliveries"),
        (Header.DELIVERIES, "", "deliveries"),
        (Header.PUBLISHED_AT, "2026-01-01T00:00:00", "published_at"),
        (Header.PUBLISHED_AT, "0001-01-01T00:00:00+23:59", "published_at"),
    ],
)
def test_an_odd_header_tells_nothing(name: Header, value: str, field: str) -> None:
    assert getattr(letter_of(stored({name: value})), field) is None


def test_an_odd_size_still_says_that_the_payload_is_cut() -> None:
    letter = letter_of(stored({Header.PAYLOAD_BYTES: "many"}))

    assert letter.cut
    assert letter.payload_bytes is None


@given(odd_headers, st.binary(max_size=200))
def test_any_letter_can_be_listed_and_shown(headers: dict[str, str], data: bytes) -> None:
    letter = letter_of(stored(headers, data))

    assert letter.died_at.tzinfo
    assert rendered(letter).replace("\n", "").isprintable()
    assert orjson.loads(orjson.dumps(whole_of(letter)))["seq"] == 7
    assert Selection().takes(letter)


@pytest.mark.parametrize("data", odd_payloads(20))
def test_any_payload_names_a_photo_or_none(data: bytes) -> None:
    found = letter_of(stored(data=data)).photo_id
    assert found is None or str(found)


@given(st.text() | st.text("\x00\x07\x1b\x7f\x85\x9b\u202e\u2028\n\U000e0001a"))
def test_printable_text_shows_what_it_holds_and_no_more(text: str) -> None:
    shown = printable(text)

    assert shown.replace("\n", "").isprintable()
    assert shown.count("\n") == text.count("\n")
    if text.replace("\n", "").isprintable():
        assert shown == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_is_printable_and_the_same(text: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        printed: list[str] = []
        patched.setattr(typer, "echo", printed.append)
        print_json({"text": text})

    (document,) = printed
    assert document.replace("\n", "").isprintable()
    assert json.loads(document) == {"text": text}


def test_a_payload_is_text_in_json_if_it_can_be() -> None:
    assert whole_of(letter_of(stored(data="é".encode())))["payload"] == "é"
    encoded = whole_of(letter_of(stored(data=b"\xff")))["payload_base64"]
    assert base64.b64decode(str(encoded)) == b"\xff"


def test_no_line_of_a_payload_can_pass_for_one_of_ours() -> None:
    lines = rendered(letter_of(stored({"A": "x\nreason: a"}, b"{\nreason: matched"))).splitlines()
    assert "reason: -" in [line.strip() for line in lines]
    assert [line for line in lines if line.startswith("reason")] == ["reason: -"]


def test_a_narrow_terminal_breaks_no_id_and_no_reason() -> None:
    data, headers = seal(settled(Reason.ATTEMPTS_EXHAUSTED, payload(1)), "JOBS", LIMIT)
    row = summary_of(letter_of(stored(headers, data))) | {"seq": 123_456, "error": "long " * 50}
    console = Console(width=80)
    with console.capture() as capture:
        console.print(table([row], narrow=True))

    assert str(photo(1)) in capture.get()
    assert "attempts_exhausted" in capture.get()


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("0s", timedelta()),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("3d", timedelta(days=3)),
        ("1w", timedelta(weeks=1)),
    ],
)
def test_a_span_is_how_long_ago(text: str, ago: timedelta) -> None:
    assert abs(datetime.now(UTC) - ago - moment(text)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:30", datetime(2026, 1, 31, 12, 30, tzinfo=UTC)),
        ("2026-01-31 12:30:15Z", datetime(2026, 1, 31, 12, 30, 15, tzinfo=UTC)),
        ("2026-01-31T12:30+02:00", datetime(2026, 1, 31, 10, 30, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, time: datetime) -> None:
    assert moment(text) == time


@pytest.mark.parametrize("text", ["", "2 h", "h", "-2h", "1y", "yesterday", "999999999w", "12:30"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="neither a time such as"):
        moment(text)


@given(st.text())
def test_any_text_is_a_time_or_refused(text: str) -> None:
    with suppress(typer.BadParameter):
        assert moment(text).tzinfo


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_a_letter_is_chosen_by_when_it_died(died_at: datetime, bound: datetime) -> None:
    letter = letter_of(stored({Header.DIED_AT: died_at.isoformat()}))

    assert letter.died_at == died_at
    assert Selection(since=bound).takes(letter) == (died_at >= bound)
    assert Selection(until=bound).takes(letter) == (died_at <= bound)


def test_a_letter_is_chosen_by_its_reason_or_by_having_none() -> None:
    told = letter_of(stored({Header.REASON: "image_not_found"}))
    silent = letter_of(stored({Header.REASON: "?"}))

    assert Selection(frozenset({"image_not_found"})).takes(told)
    assert not Selection(frozenset({"image_not_found"})).takes(silent)
    assert not Selection(frozenset({"image_too_large", "unknown"})).takes(told)
    assert Selection(frozenset({"image_too_large", "unknown"})).takes(silent)


def test_every_rejection_can_be_asked_for() -> None:
    assert set(REASONS) == {*map(str, REJECTIONS), "unknown"}


def test_sequences_or_all_must_be_given_but_not_both() -> None:
    nothing, some = selection(None, None, None), selection(["unknown"], None, None)
    require_choice([1], everything=False, filters=nothing)
    require_choice(None, everything=True, filters=some)

    for sequences, everything, filters in [
        (None, False, nothing),
        (None, False, some),
        ([1], True, nothing),
        ([1], False, some),
    ]:
        with pytest.raises(typer.BadParameter):
            require_choice(sequences, everything=everything, filters=filters)
