"""The published schemas and the AsyncAPI document say what the code does."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker

from connectors.jetstream.letters.letter import seal
from dataflow.jobs.event import body, event_of, headers
from dataflow.jobs.job import parse_job
from dataflow.jobs.outcome import Match, Settled
from dataflow.jobs.reason import Outcome, Reason
from dataflow.jobs.stages import Lap, Stage
from dataflow.settings import NatsSettings
from dataflow.tags import change as tags
from dataflow.tags.change import TagChange, Tags
from docs.contracts import FOLDER, SCHEMAS, document
from tests.builders import PUBLISHED, delivery, payload, request, tag_change, user
from tests.odd_payloads import odd_payloads
from tests.tag_stories import stories

DOCS = FOLDER.parent
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
REJECTIONS = [reason for reason in Reason if reason.outcome is Outcome.REJECTED]


FORMATS = FormatChecker()


@FORMATS.checks("date-time", raises=ValueError)
def is_a_time(value: object) -> bool:
    """Without it jsonschema takes any text for one."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def validator(name: str) -> Draft7Validator:
    schema = orjson.loads((FOLDER / name).read_bytes())
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema, format_checker=FORMATS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_what_the_code_makes_of_it(name: str) -> None:
    assert (FOLDER / name).read_bytes() == document(name), "run: uv run python docs/contracts.py"


def test_there_is_no_schema_of_something_else() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(SCHEMAS)


MATCHES = st.none() | st.builds(
    Match,
    st.just(user(1)),
    st.floats(0, 2),
    st.booleans(),
    st.none() | st.floats(0, 2),
)
LAPS = st.lists(st.builds(Lap, st.sampled_from(Stage), st.just(0.0), st.floats(0, 1e6)))


@given(st.sampled_from(Reason), MATCHES, LAPS, st.text(), st.booleans())
def test_every_event_keeps_to_its_schemas(
    reason: Reason,
    match: Match | None,
    laps: list[Lap],
    detail: str,
    repeated: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    asked = request(attempt=3, job_id=user(9))
    job = None if reason is Reason.MALFORMED_PAYLOAD else asked.job
    detail = detail.encode("utf-8", "replace").decode()
    item = Settled(asked.delivery, job, reason, detail, match, repeated).after(laps)
    event = event_of(item, "PHOTO_FACES", "open-1", PUBLISHED)
    validator("settled.json").validate(orjson.loads(body(event)))
    validator("settled.headers.json").validate(headers(event, TRACE))


@given(stories())
def test_every_change_of_a_tag_keeps_to_its_schemas(
    story: tuple[list[TagChange], Tags],
) -> None:
    for change in story[0]:
        validator("tags.json").validate(orjson.loads(tags.body(change)))
        validator("tags.headers.json").validate(tags.headers(change, "PHOTO_FACES_TAGS"))


@pytest.mark.parametrize("odd", [{"change": "grown"}, {"cause": "whim"}, {"seq": 0}, {"by": 7}])
def test_what_is_no_change_of_a_tag_does_not_pass_for_one(odd: Mapping[str, object]) -> None:
    change = orjson.loads(tags.body(tag_change()))
    assert validator("tags.json").is_valid(change)
    assert not validator("tags.json").is_valid({**change, **odd})


@given(st.sampled_from(REJECTIONS), st.text(), st.binary(max_size=9000))
def test_every_letter_keeps_to_its_schema(reason: Reason, detail: str, data: bytes) -> None:
    _, found = seal(Settled(delivery(data), None, reason, detail), "PHOTO_FACES", 8192)
    validator("dead.headers.json").validate({str(k): v for k, v in found.items()})


@pytest.mark.parametrize(
    "change", [{"outcome": "lost"}, {"distance": 3}, {"durations": {"sleep": 1}}, {"model": None}]
)
def test_what_is_no_event_does_not_pass_for_one(change: Mapping[str, object]) -> None:
    event = event_of(Settled(delivery(), None, Reason.MALFORMED_PAYLOAD), "S", "m", PUBLISHED)
    assert not validator("settled.json").is_valid({**orjson.loads(body(event)), **change})


def test_what_the_schema_takes_for_a_job_the_worker_does_too() -> None:
    requested = validator("requested.json")
    payloads = [payload(), payload(x=1), payload(image_ref=None), payload(face_index=2**31)]
    accepted = 0
    for data in [*payloads, *odd_payloads(300)]:
        try:
            fields = orjson.loads(data)
        except orjson.JSONDecodeError:
            continue
        # To JSON Schema 1.0 is an integer, to the worker it is not.
        if requested.is_valid(fields) and not any(isinstance(v, float) for v in fields.values()):
            accepted += 1
            parse_job(data)
    assert accepted >= 3


@pytest.fixture(scope="module")
def asyncapi() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())
    return document


def test_the_asyncapi_document_keeps_to_the_specification(asyncapi: dict[str, Any]) -> None:
    specification = os.environ.get("TEST_ASYNCAPI_SCHEMA")
    if not specification:
        pytest.skip("TEST_ASYNCAPI_SCHEMA names no schema of AsyncAPI 3; .ci/run fetches it")
    official = Draft7Validator(orjson.loads(Path(specification).read_bytes()))
    assert [error.message for error in official.iter_errors(asyncapi)] == []
    wrong = {**asyncapi, "operations": {"takeJobs": {"action": "eat"}}}
    assert not official.is_valid(wrong)


def references(part: object) -> Iterator[str]:
    match part:
        case {"$ref": str(target)}:
            yield target
        case dict():
            for inner in part.values():
                yield from references(inner)
        case list():
            for inner in part:
                yield from references(inner)


def test_its_references_lead_somewhere(asyncapi: dict[str, Any]) -> None:
    files = set()
    for target in references(asyncapi):
        if target.startswith("#/"):
            found: Any = asyncapi
            for name in target[2:].split("/"):
                found = found[name]
        else:
            files.add((DOCS / target).relative_to(FOLDER).name)
    assert files == set(SCHEMAS)


def test_its_subjects_and_streams_are_the_defaults(asyncapi: dict[str, Any]) -> None:
    defaults = NatsSettings()
    channels = asyncapi["channels"]
    expected = {
        "requested": (defaults.subject, defaults.stream),
        "backfill": (defaults.backfill_subject, defaults.stream),
        "settled": (defaults.settled_subject, defaults.settled_stream),
        "tags": (defaults.tags_subject, defaults.tags_stream),
        "dead": (defaults.dead_subject, defaults.dead_stream),
        "enrol": (defaults.people_requested_subject, defaults.people_stream),
        "withdraw": (defaults.people_withdrawn_subject, defaults.people_stream),
        "peopleSettled": (defaults.people_settled_subject, defaults.people_settled_stream),
        "peopleDead": (defaults.people_dead_subject, defaults.people_dead_stream),
    }
    assert channels.keys() == expected.keys()
    for name, (subject, stream) in expected.items():
        assert channels[name]["address"] == subject
        assert f"stream {stream}," in channels[name]["description"]


@pytest.mark.parametrize(
    ("message", "schema"),
    [
        ("job", "requested.json"),
        ("outcome", "settled.json"),
        ("change", "tags.json"),
        ("enrol", "people.requested.json"),
        ("withdraw", "people.withdrawn.json"),
        ("person", "people.settled.json"),
    ],
)
def test_its_examples_are_examples(asyncapi: dict[str, Any], message: str, schema: str) -> None:
    (example,) = asyncapi["components"]["messages"][message]["examples"]
    validator(schema).validate(example["payload"])
