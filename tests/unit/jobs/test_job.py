"""Reading a job's payload."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from dataflow.jobs.errors import DataError
from dataflow.jobs.job import BoxHint, Job, parse_job
from dataflow.jobs.reason import Reason
from tests.builders import payload, photo


class Box(BaseModel):
    x1: float
    y1: float
    x2: float
    y2: float


class PublishedJob(BaseModel):
    """What a platform publishes: our fields, and some of its own."""

    photo_id: UUID
    image_ref: str | None = None
    face_index: int = 0
    faces_detected: int | None = None
    bbox: Box | None = None
    job_id: UUID | None = None
    submitted_at: datetime | None = None
    album: str | None = None
    tags: dict[str, list[int]] = {"a": [1]}


def published(job: BaseModel) -> Job:
    return parse_job(job.model_dump_json().encode())


def malformed(data: bytes) -> str:
    """The explanation with which the payload is refused."""
    with pytest.raises(DataError) as refused:
        parse_job(data)
    assert refused.value.reason is Reason.MALFORMED_PAYLOAD
    return str(refused.value)


def test_a_full_job_of_a_platform_is_read_and_its_own_fields_are_ignored() -> None:
    now = datetime.now(UTC)
    sent = PublishedJob(
        photo_id=uuid4(),
        image_ref="minio://images/a.jpg",
        face_index=3,
        faces_detected=1,
        bbox=Box(x1=1, y1=2.5, x2=3, y2=4),
        job_id=uuid4(),
        submitted_at=now,
        album="summer",
    )
    job = published(sent)
    assert (job.photo_id, job.image_ref, job.face_index) == (sent.photo_id, sent.image_ref, 3)
    assert (job.faces_detected, job.bbox) == (1, BoxHint(1.0, 2.5, 3.0, 4.0))
    assert (job.job_id, job.submitted_at) == (sent.job_id, now)


def test_fields_that_are_null_are_as_good_as_absent() -> None:
    sent = PublishedJob(photo_id=uuid4())
    job = published(sent)
    assert job == parse_job(orjson.dumps({"photo_id": sent.photo_id}))
    assert (job.photo_id, job.face_index) == (sent.photo_id, 0)
    assert (job.image_ref, job.faces_detected, job.bbox, job.job_id, job.submitted_at) == (
        (None,) * 5
    )


@pytest.mark.parametrize("fields", [{}, {"image_ref": None}, {"image_ref": ""}])
def test_a_missing_or_empty_image_ref_is_no_malformed_payload(fields: dict[str, Any]) -> None:
    job = parse_job(orjson.dumps({"photo_id": photo(1)} | fields))
    assert not job.image_ref


def test_whole_pixels_are_pixels() -> None:
    job = parse_job(payload(bbox={"x1": 1, "y1": 2, "x2": 3, "y2": 4}))
    assert job.bbox == BoxHint(1, 2, 3, 4)


def test_the_greatest_face_index_is_the_databases() -> None:
    assert parse_job(payload(face_index=2**31 - 1)).face_index == 2**31 - 1
    assert malformed(payload(face_index=2**31)).startswith("face_index: ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("photo_id", None),
        ("photo_id", 7),
        ("photo_id", "7"),
        ("photo_id", ["00000000-0000-0000-0000-000000000001"]),
        ("image_ref", 7),
        ("image_ref", ["a.jpg"]),
        ("face_index", "0"),
        ("face_index", True),
        ("face_index", 0.0),
        ("face_index", -1),
        ("face_index", None),
        ("faces_detected", "1"),
        ("faces_detected", True),
        ("faces_detected", 1.0),
        ("bbox", [1, 2, 3, 4]),
        ("bbox", "1,2,3,4"),
        ("bbox", {"x1": 1, "y1": 2, "x2": 3}),
        ("bbox", {"x1": "1", "y1": 2, "x2": 3, "y2": 4}),
        ("bbox", {"x1": True, "y1": 2, "x2": 3, "y2": 4}),
        ("job_id", 7),
        ("job_id", ""),
        ("submitted_at", 1700000000),
        ("submitted_at", "yesterday"),
        ("submitted_at", True),
    ],
)
def test_a_value_of_another_type_is_refused_by_its_fields_name(field: str, value: object) -> None:
    assert malformed(payload(**{field: value})).startswith(field)


@pytest.mark.parametrize("value", [[1, 2, 3, 4], "1,2,3,4", 7])
def test_a_box_that_is_no_object_is_refused_without_a_name_of_ours(value: object) -> None:
    assert malformed(payload(bbox=value)) == "bbox: Input should be an object"


def test_a_job_without_photo_id_is_refused_by_that_name() -> None:
    assert malformed(b'{"image_ref": "a.jpg"}').startswith("photo_id: ")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b'{"photo_id": "\xed\xa0\x80"}',
        b"[" * 10_000,
        b'{"a":' * 10_000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
        payload()[:-1] + b',"face_index":' + b"9" * 5_000 + b"}",
        payload()[:-1] + b',"faces_detected":' + b"9" * 300 + b"}",
        payload()[:-1] + b',"face_index":NaN}',
        payload()[:-1] + b',"bbox":{"x1":NaN,"y1":0,"x2":0,"y2":0}}',
        payload()[:-1] + b',"bbox":{"x1":1e999,"y1":0,"x2":0,"y2":0}}',
        payload()[:-1] + b',"image_ref":"\\ud800"}',
    ],
    ids=lambda data: repr(data[:24] + b"..." + data[-24:] if len(data) > 48 else data),
)
def test_what_is_no_job_is_refused_in_one_line(data: bytes) -> None:
    assert_one_line(malformed(data))


@given(st.binary())
def test_any_bytes_are_a_job_or_malformed(data: bytes) -> None:
    assert_job_or_malformed(data)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [name for name in PublishedJob.model_fields if name not in ("album", "tags")]


@given(fields=st.dictionaries(st.sampled_from(FIELDS), ANY_JSON), escaped=st.booleans())
@example(fields={"photo_id": str(photo(1)), "submitted_at": "9" * 400}, escaped=True)
@example(fields={"photo_id": str(photo(1)), "image_ref": "\ud800"}, escaped=False)
@example(fields={"photo_id": "\n" * 36}, escaped=True)
def test_any_values_of_the_fields_are_a_job_or_malformed(
    fields: dict[str, object],
    escaped: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    text = json.dumps({"photo_id": str(photo(1))} | fields, ensure_ascii=escaped)
    assert_job_or_malformed(text.encode(errors="surrogatepass"))


@pytest.mark.parametrize("field", [name for name in FIELDS if name != "image_ref"])
@pytest.mark.parametrize("value", ["Zzyzx-\nZzyzx", ["Zzyzx"], {"Zzyzx": "Zzyzx"}, "Zzyzx" * 9])
def test_an_explanation_holds_nothing_of_the_payload(field: str, value: object) -> None:
    explanation = malformed(payload(**{field: value}))
    assert explanation.startswith(field)
    assert "Zzyzx" not in explanation


def assert_job_or_malformed(data: bytes) -> None:
    try:
        job = parse_job(data)
    except DataError as error:
        refusal = error
    else:
        assert isinstance(job, Job)
        return
    assert refusal.reason is Reason.MALFORMED_PAYLOAD
    assert_one_line(str(refusal))


def assert_one_line(explanation: str) -> None:
    assert explanation.isprintable()
    assert 0 < len(explanation) < 200


@pytest.mark.parametrize("gallery", ["a", "Tenant-7_x.y:Z", "g" * 128, None])
def test_a_job_may_name_a_gallery(gallery: str | None) -> None:
    assert parse_job(payload(gallery=gallery)).gallery == gallery


@pytest.mark.parametrize("gallery", ["", "g" * 129, "two words", "a/b", "a\n", "é", "*", 7, ["a"]])
def test_what_is_no_name_of_a_gallery_is_refused_and_not_repeated(gallery: object) -> None:
    told = malformed(payload(gallery=gallery))
    assert told.startswith("gallery: ")
    assert "two words" not in told
