"""The parts of the JetStream connector that need no server."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.js.api import AckPolicy, ConsumerConfig

from connectors.jetstream.consumers import consumer_problems, effective_ack_wait_s
from connectors.jetstream.jobs.settling import nak
from connectors.jetstream.letters.letter import header_value
from connectors.jetstream.subjects import covers
from dataflow.settings import NatsSettings

SETTINGS = NatsSettings(max_deliver=8)
GOOD = ConsumerConfig(
    durable_name="soloface",
    filter_subject=SETTINGS.subject,
    ack_policy=AckPolicy.EXPLICIT,
    ack_wait=30,
    max_deliver=-1,
    max_ack_pending=256,
)


@pytest.mark.parametrize(
    ("delay_s", "answer"),
    [
        (0, b'-NAK {"delay": 0}'),
        (5, b'-NAK {"delay": 5000000000}'),
        (0.5, b'-NAK {"delay": 500000000}'),
    ],
)
def test_a_nak_asks_for_nanoseconds(delay_s: float, answer: bytes) -> None:
    assert nak(delay_s) == answer


@given(st.floats(0, 1e6))
def test_a_nak_is_json_after_its_verb(delay_s: float) -> None:
    verb, _, options = nak(delay_s).partition(b" ")
    assert verb == b"-NAK"
    assert json.loads(options)["delay"] == pytest.approx(delay_s * 1e9, abs=1)


@pytest.mark.parametrize(
    "config",
    [
        GOOD,
        replace(GOOD, max_deliver=None),
        replace(GOOD, max_deliver=0),
        replace(GOOD, max_deliver=9),
        replace(GOOD, filter_subject=None, filter_subjects=[SETTINGS.subject]),
        replace(GOOD, ack_wait=5, max_ack_pending=1),
        replace(GOOD, backoff=[1, 2], max_deliver=20),
    ],
)
def test_a_consumer_that_loses_nothing_is_taken_as_it_is(config: ConsumerConfig) -> None:
    assert consumer_problems(config, [SETTINGS.subject], SETTINGS) == []


@pytest.mark.parametrize(
    ("config", "word"),
    [
        (replace(GOOD, ack_policy=AckPolicy.NONE), "ack policy"),
        (replace(GOOD, ack_policy=AckPolicy.ALL), "ack policy"),
        (replace(GOOD, deliver_subject="inbox"), "push"),
        (replace(GOOD, max_deliver=8), "SOLOFACE_NATS__MAX_DELIVER"),
        (replace(GOOD, max_deliver=1), "gives up after 1"),
        (replace(GOOD, filter_subject="photo_faces.>"), "photo_faces.>"),
        (
            replace(GOOD, filter_subject=None, filter_subjects=[SETTINGS.subject, "photos.new"]),
            "photos.new",
        ),
    ],
)
def test_a_consumer_that_would_lose_jobs_is_reported(config: ConsumerConfig, word: str) -> None:
    (problem,) = consumer_problems(config, [SETTINGS.subject], SETTINGS)
    assert word in problem


def test_a_consumer_of_everything_on_a_shared_stream_is_reported() -> None:
    config = replace(GOOD, filter_subject=None)
    (problem,) = consumer_problems(config, [SETTINGS.subject, "albums.new"], SETTINGS)
    assert "albums.new" in problem


def test_a_header_is_one_line_of_ascii_and_not_too_long() -> None:
    assert header_value("über\r\nNats-Msg-Id: 1 " + "x" * 5000).startswith("?ber Nats-Msg-Id: 1 x")
    assert len(header_value("x" * 5000)) == 1000


def test_all_problems_of_a_consumer_are_reported_at_once() -> None:
    config = ConsumerConfig(
        ack_policy=AckPolicy.NONE, deliver_subject="inbox", max_deliver=1, filter_subject="other"
    )
    assert len(consumer_problems(config, [SETTINGS.subject], SETTINGS)) == 4


@pytest.mark.parametrize(
    ("pattern", "subject", "covered"),
    [
        ("a.b.c", "a.b.c", True),
        ("a.b.c", "a.b", False),
        ("a.b", "a.b.c", False),
        ("a.b.c", "a.b.d", False),
        ("a.*.c", "a.b.c", True),
        ("a.*", "a.b.c", False),
        ("*.*.*", "a.b.c", True),
        ("a.b.*", "a.b", False),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        (">", "a", True),
        ("a.*.>", "a.b.c", True),
        ("a.*.>", "a.b", False),
        ("A.b.c", "a.b.c", False),
        ("", "a", False),
    ],
)
def test_a_pattern_takes_in_the_subjects_that_nats_says(
    pattern: str,
    subject: str,
    covered: bool,  # noqa: FBT001 - a table's column
) -> None:
    assert covers(pattern, subject) is covered


@pytest.mark.parametrize(
    ("config", "ack_wait_s"),
    [
        (ConsumerConfig(ack_wait=12), 12),
        (ConsumerConfig(ack_wait=12, backoff=[20, 3, 40]), 3),
        (ConsumerConfig(backoff=[7]), 7),
        (ConsumerConfig(), 30),
        (ConsumerConfig(ack_wait=0, backoff=[]), 30),
    ],
)
def test_the_heart_beats_for_the_shortest_wait_of_the_consumer(
    config: ConsumerConfig, ack_wait_s: float
) -> None:
    assert effective_ack_wait_s(config) == ack_wait_s
