"""Write the JSON Schemas of everything that travels on NATS, made from the code's own types.

    uv run python docs/contracts.py

They are in ``docs/schemas``; a test compares, so they cannot lag behind the code.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter

REPOSITORY = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))

from connectors.jetstream.letters.letter import DETAIL_CHARACTERS, NATURES, Header  # noqa: E402
from dataflow.jobs.cloud_event import SPEC_VERSION  # noqa: E402
from dataflow.jobs.event import TYPE, OutcomeEvent  # noqa: E402
from dataflow.jobs.job import Job  # noqa: E402
from dataflow.jobs.reason import Outcome, Reason  # noqa: E402
from dataflow.persons.event import TYPE as PERSON_TYPE  # noqa: E402
from dataflow.persons.event import PersonEvent  # noqa: E402
from dataflow.persons.reason import PersonReason  # noqa: E402
from dataflow.persons.request import EnrolRequest, WithdrawRequest  # noqa: E402
from dataflow.process.trace import PATTERN as TRACEPARENT  # noqa: E402
from dataflow.tags import change as tags  # noqa: E402

FOLDER = REPOSITORY / "docs" / "schemas"
# The dialect that AsyncAPI's tools must understand; what Pydantic writes is valid in it too.
DIALECT = "http://json-schema.org/draft-07/schema#"

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "string", "pattern": "^[0-9]{1,18}$"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_PHOTO: Schema = {"type": "string", "format": "uuid", "description": "The photo."}
_TRACE: Schema = {
    "type": "string",
    "pattern": f"^{TRACEPARENT}$",
    "description": "The job's trace, as W3C Trace Context has it.",
}
_PERSON_REJECTIONS = sorted(reason for reason in PersonReason if reason.is_rejection)
_REJECTIONS = sorted(reason for reason in Reason if reason.outcome is Outcome.REJECTED)


def job() -> Schema:
    """A job's payload. Unknown fields are allowed; the worker ignores them."""
    return TypeAdapter(Job).json_schema()


def event() -> Schema:
    """An event's data."""
    return TypeAdapter(OutcomeEvent).json_schema(mode="serialization")


def event_headers() -> Schema:
    """An event's attributes."""
    identity: Schema = {
        **_TEXT,
        "description": "Made of the job's stream, sequence and time of publication. If an id comes "
        "again, it is the same event.",
    }
    return _headers(
        "Headers of an outcome event: a CloudEvent in binary mode.",
        {
            "Nats-Msg-Id": {**_TEXT, "description": "The same as ce-id; JetStream drops repeats."},
            **_attributes(TYPE, identity),
        },
        {
            "ce-subject": _PHOTO,
            "ce-traceparent": _TRACE,
            "traceparent": _TRACE,
        },
    )


def tag_change() -> Schema:
    """A change of a tag."""
    return TypeAdapter(tags.TagChange).json_schema(mode="serialization")


def tag_change_headers() -> Schema:
    """Its attributes."""
    identity: Schema = {
        **_TEXT,
        "description": "Made of the change's seq and of all that it says. If it comes again, it is "
        "the same change.",
    }
    return _headers(
        "Headers of a change of a tag: a CloudEvent in binary mode.",
        {
            "Nats-Msg-Id": {**_TEXT, "description": "The same as ce-id; JetStream drops repeats."},
            **_attributes(tags.TYPE, identity),
            "ce-subject": _PHOTO,
        },
        {},
    )


def enrol_request() -> Schema:
    """A request to enrol somebody. Unknown fields are allowed, and ignored."""
    return TypeAdapter(EnrolRequest).json_schema()


def withdraw_request() -> Schema:
    """A request to forget somebody."""
    return TypeAdapter(WithdrawRequest).json_schema()


def person_event() -> Schema:
    """How a request about a person ended."""
    return TypeAdapter(PersonEvent).json_schema(mode="serialization")


def person_event_headers() -> Schema:
    """Its attributes."""
    identity: Schema = {
        **_TEXT,
        "description": "Made of the request's stream, sequence and time of publication. If an id "
        "comes again, it is the same event.",
    }
    return _headers(
        "Headers of the event of a request about a person: a CloudEvent in binary mode.",
        {
            "Nats-Msg-Id": {**_TEXT, "description": "The same as ce-id; JetStream drops repeats."},
            **_attributes(PERSON_TYPE, identity),
        },
        {
            "ce-subject": {**_PHOTO, "description": "The user."},
            "ce-traceparent": _TRACE,
            "traceparent": _TRACE,
        },
    )


def person_letter_headers() -> Schema:
    """What is written on the dead letter of a request about a person."""
    return _letter_headers(_PERSON_REJECTIONS, "request")


def letter_headers() -> Schema:
    """What is written on a dead letter."""
    return _letter_headers(_REJECTIONS, "job")


def _letter_headers(reasons: Sequence[str], what: str) -> Schema:
    required: dict[str, Schema] = {
        Header.REASON: {"enum": reasons},
        Header.NATURE: {"enum": list(NATURES)},
        Header.ERROR: {**_TEXT, "maxLength": DETAIL_CHARACTERS},
        Header.STREAM: {**_TEXT, "description": f"The stream that the {what} came from."},
        Header.STREAM_SEQ: {**_NUMBER, "description": f"The {what}'s sequence on it."},
        Header.DELIVERIES: _NUMBER,
        Header.PUBLISHED_AT: _TIME,
        Header.DIED_AT: _TIME,
    }
    optional: dict[str, Schema] = {
        Header.SUBJECT: {**_TEXT, "description": f"The subject that the {what} came by."},
        Header.PAYLOAD_BYTES: {
            **_NUMBER,
            "description": "The payload's whole size, if the letter keeps only its beginning.",
        },
        "traceparent": _TRACE,
    }
    return _headers(f"Headers of a dead letter, whose payload is the {what}'s.", required, optional)


def _attributes(kind: str, identity: Schema) -> dict[str, Schema]:
    """What every CloudEvent of ours has."""
    return {
        "ce-specversion": {"const": SPEC_VERSION},
        "ce-id": identity,
        "ce-source": {"type": "string", "format": "uri-reference"},
        "ce-type": {"const": kind},
        "ce-time": _TIME,
        "ce-datacontenttype": {"const": "application/json"},
        "content-type": {"const": "application/json"},
    }


def _headers(title: str, required: dict[str, Schema], optional: dict[str, Schema]) -> Schema:
    return {
        "title": title,
        "type": "object",
        "properties": {str(k): v for k, v in {**required, **optional}.items()},
        "required": [str(name) for name in required],
    }


SCHEMAS = {
    "requested.json": job,
    "settled.json": event,
    "settled.headers.json": event_headers,
    "tags.json": tag_change,
    "tags.headers.json": tag_change_headers,
    "dead.headers.json": letter_headers,
    "people.requested.json": enrol_request,
    "people.withdrawn.json": withdraw_request,
    "people.settled.json": person_event,
    "people.settled.headers.json": person_event_headers,
    "people.dead.headers.json": person_letter_headers,
}


def document(name: str) -> bytes:
    """A schema as it is written to its file."""
    whole = {"$schema": DIALECT, **SCHEMAS[name]()}
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file in SCHEMAS:
        (FOLDER / file).write_bytes(document(file))
