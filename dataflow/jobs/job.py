"""A job as a publisher writes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, TypeVar
from uuid import UUID

import orjson
from pydantic import BeforeValidator, ConfigDict, Field, StrictInt, StrictStr, TypeAdapter
from pydantic import ValidationError as PydanticError
from pydantic.dataclasses import dataclass as validated_dataclass

from dataflow.jobs.errors import DataError, SolofaceError
from dataflow.jobs.reason import Reason

T = TypeVar("T")

GALLERY = r"^[A-Za-z0-9._:-]{1,128}$"
"""What a gallery may be called; short and plain, so that it fits into any name."""

_MAX_INT4 = 2**31 - 1
_DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:")


class MalformedError(SolofaceError):
    """A message is not what its subject says."""


def _id_text(value: object) -> object:
    if isinstance(value, str | UUID | None):
        return value
    raise ValueError("Input should be a string")


def _time_text(value: object) -> object:
    """Refuse the numbers that pydantic would take for seconds since 1970."""
    if isinstance(value, str) and _DATE_AND_TIME.match(value):
        return value
    if isinstance(value, datetime | None):
        return value
    raise ValueError("Input should be an RFC 3339 time")


IdText = BeforeValidator(_id_text)
TimeText = BeforeValidator(_time_text)
GalleryName = Annotated[StrictStr, Field(pattern=GALLERY)]
Pixels = Annotated[float, Field(strict=True, allow_inf_nan=False)]


@validated_dataclass(frozen=True, slots=True)
class BoxHint:
    """Where the publisher saw the face, in pixels of the upright photo.

    Informative, unless ``model.choose_by_bbox`` lets it choose among the faces that are found.
    """

    x1: Pixels
    y1: Pixels
    x2: Pixels
    y2: Pixels


@validated_dataclass(frozen=True, slots=True, config=ConfigDict(extra="ignore"))
class Job:
    """The request to find out who is on a photo.

    A missing ``image_ref`` is no malformed payload: the guardrails skip it with its own reason.
    """

    photo_id: Annotated[UUID, IdText, Field(description="The photo's id in `photos`.")]
    image_ref: Annotated[
        StrictStr | None,
        Field(description="minio://<bucket>/<key>, or a key in the default bucket."),
    ] = None
    face_index: Annotated[
        StrictInt, Field(ge=0, le=_MAX_INT4, description="Which face of the photo it becomes.")
    ] = 0
    faces_detected: Annotated[
        StrictInt | None, Field(description="How many faces were seen before; 1, or it is skipped.")
    ] = None
    bbox: Annotated[
        BoxHint | None,
        Field(
            description="Where the face was seen, in pixels of the upright photo; informative, "
            "unless SOLOFACE_MODEL__CHOOSE_BY_BBOX is set."
        ),
    ] = None
    gallery: Annotated[
        GalleryName | None,
        Field(description="Only its members are looked for; without one, everybody."),
    ] = None
    job_id: Annotated[UUID | None, IdText, Field(description="The publisher's own id.")] = None
    submitted_at: Annotated[
        datetime | None, TimeText, Field(description="When the publisher made the job.")
    ] = None

    @property
    def names(self) -> Mapping[str, str | None]:
        """What it is called by in logs and traces."""
        return {"photo_id": str(self.photo_id), "job_id": str(self.job_id) if self.job_id else None}


_JOB = TypeAdapter(Job)


def parse_job(payload: bytes) -> Job:
    """Read a job from JSON; unknown fields are ignored.

    Raises:
        DataError: ``malformed_payload``, with the first thing that is wrong.
    """
    try:
        return parse(_JOB, payload)
    except MalformedError as error:
        raise DataError(Reason.MALFORMED_PAYLOAD, str(error)) from None


def parse(kind: TypeAdapter[T], payload: bytes) -> T:
    """Read what a publisher wrote as JSON.

    Raises:
        MalformedError: it is none, with the first thing that is wrong. Nothing of it is quoted.
    """
    try:
        fields = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise MalformedError(f"not JSON: {error.msg}") from None
    if not isinstance(fields, dict):
        raise MalformedError("not a JSON object")
    try:
        return kind.validate_python(fields)
    except PydanticError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].partition(",")[0]  # what follows may quote the payload
        if first["type"] == "dataclass_type":  # the publisher does not know our classes
            what = "Input should be an object"
        raise MalformedError(f"{where}: {what}") from None
