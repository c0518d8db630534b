"""What a platform asks about a person: enrol them, or forget them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StrictStr, TypeAdapter
from pydantic.dataclasses import dataclass as validated_dataclass

from dataflow.jobs.delivery import Delivery
from dataflow.jobs.job import GalleryName, IdText, MalformedError, parse
from dataflow.persons.ended import PersonSettled
from dataflow.persons.order import Moment
from dataflow.persons.reason import PersonReason

MOST_PHOTOS = 20
MOST_GALLERIES = 100
NAME_CHARACTERS = 128


def _one_line(text: str) -> str:
    if text.strip() and text.isprintable():
        return text
    raise ValueError("should be on one line, and not blank")


Line = Annotated[StrictStr, Field(max_length=NAME_CHARACTERS), AfterValidator(_one_line)]


@validated_dataclass(frozen=True, slots=True, config=ConfigDict(extra="ignore"))
class EnrolRequest:
    """The request to enrol a user by some photos.

    A reference that may not be read is no malformed payload: that photo is refused, like any other
    that cannot be used, and the rest may do.
    """

    user_id: Annotated[UUID, IdText, Field(description="The user's id in `users`.")]
    image_refs: Annotated[
        list[StrictStr],
        Field(
            min_length=1,
            max_length=MOST_PHOTOS,
            description="Photos that show only this user: minio://<bucket>/<key>, or keys in the "
            "default bucket.",
        ),
    ]
    galleries: Annotated[
        list[GalleryName] | None,
        Field(max_length=MOST_GALLERIES, description="Of which galleries the user is a member."),
    ] = None
    consent: Annotated[
        Line | None,
        Field(
            description="The version of the terms that the user has agreed to with this request. "
            "Without it, nobody who has withdrawn is enrolled again."
        ),
    ] = None
    append: Annotated[
        StrictBool,
        Field(description="Whether the photos are added to those on record, or replace them."),
    ] = False
    request_id: Annotated[
        Line | None,
        Field(description="The publisher's own id: what has it twice is done once."),
    ] = None

    @property
    def names(self) -> Mapping[str, str | None]:
        """What it is called by in logs and traces."""
        return {"user_id": str(self.user_id), "request_id": self.request_id}


@validated_dataclass(frozen=True, slots=True, config=ConfigDict(extra="ignore"))
class WithdrawRequest:
    """The request to forget a user's face, and not to look for it any more."""

    user_id: Annotated[UUID, IdText, Field(description="The user's id in `users`.")]
    by: Annotated[
        Line | None, Field(description="Who asked for it: kept with the withdrawal, and told.")
    ] = None
    request_id: Annotated[
        Line | None,
        Field(description="The publisher's own id: what has it twice is done once."),
    ] = None

    @property
    def names(self) -> Mapping[str, str | None]:
        """What it is called by in logs and traces."""
        return {"user_id": str(self.user_id), "request_id": self.request_id}


PersonJob: TypeAlias = EnrolRequest | WithdrawRequest

_ENROL = TypeAdapter(EnrolRequest)
_WITHDRAW = TypeAdapter(WithdrawRequest)


@dataclass(frozen=True, slots=True)
class PersonRequest:
    """A delivery whose payload is a request."""

    delivery: Delivery
    job: PersonJob

    @property
    def key(self) -> str:
        """What is done once: the publisher's id, else the message."""
        return self.job.request_id or message_key(self.delivery)


def message_key(delivery: Delivery) -> str:
    """A message's own name."""
    return moment_of(delivery).name


def moment_of(delivery: Delivery) -> Moment:
    """When a message was published, and its place in the stream."""
    return Moment(delivery.stream_seq, delivery.published_at)


def validate_person(
    delivery: Delivery, withdrawn_subject: str, max_deliver: int
) -> PersonRequest | PersonSettled:
    """Read the payload. A request that came more than ``max_deliver`` times is given up here."""
    withdraws = delivery.subject == withdrawn_subject
    try:
        job: PersonJob = (
            parse(_WITHDRAW, delivery.payload) if withdraws else parse(_ENROL, delivery.payload)
        )
    except MalformedError as error:
        return PersonSettled(delivery, None, PersonReason.MALFORMED_PAYLOAD, str(error))
    if delivery.attempt > max_deliver:
        detail = f"delivered {delivery.attempt} times without an outcome"
        return PersonSettled(delivery, job, PersonReason.ATTEMPTS_EXHAUSTED, detail)
    return PersonRequest(delivery, job)
