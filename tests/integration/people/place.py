"""Where requests are done by the real database, without streams and flow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import cv2
import numpy as np
import orjson

from connectors.postgres.connection import Database
from connectors.postgres.people.register import PeopleRegister
from dataflow.faces.face import FacePack
from dataflow.gallery.clashes import ClashLimit
from dataflow.jobs.image_ref import RefPolicy
from dataflow.persons.asked import Asked
from dataflow.persons.ended import PersonSettled
from dataflow.persons.reception import Reception
from dataflow.persons.request import PersonRequest
from dataflow.persons.services import PeopleServices
from dataflow.process.retry import LinearBackoff, Persistence
from dataflow.settings import EnrolmentSettings, Settings
from tests.builders import PUBLISHED, FakePack, MemoryStore, delivery

BUCKET = "images"


def selfie(number: int) -> bytes:
    """One face, the same person's; no two are the same file."""
    pixels = np.full((8, 8, 3), (1, 0, number), np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


PHOTOS = {f"{number}.png": selfie(number) for number in range(1, 20)}


@dataclass(frozen=True, slots=True)
class Step:
    """One request: a withdrawal, or an enrolment by a photo of its own."""

    withdraws: bool = False
    append: bool = False
    consents: bool = False
    further: tuple[str, ...] = ()
    """More photos, after its own."""
    at: datetime | None = None
    """When it is published, if not by its number."""
    request_id: str | None = None
    photo: int | None = None
    """By which photo, if not by the one of its number."""


@dataclass
class Place:
    """Requests are done here, by the real database."""

    database: Database
    clashes: ClashLimit = field(default=ClashLimit(0.5, fixed=-1))
    """By default nobody is too near: all photos show one person."""
    meanwhile: Callable[[Asked], None] = field(default=lambda _asked: None)
    """What happens while a withdrawal erases what the database does not have."""

    def __post_init__(self) -> None:
        stop = threading.Event()
        people = PeopleRegister(
            self.database,
            Persistence(LinearBackoff(tries=3, step_s=0.01), stop),
            lambda: FakePack().contract.id,
            RefPolicy(BUCKET),
            lambda asked: self.meanwhile(asked),  # noqa: PLW0108 - a test sets it later
        )
        services = PeopleServices(
            Settings(enrolment=EnrolmentSettings(quality="off")),
            people,
            MemoryStore(PHOTOS),
            make_pack,
            lambda: self.clashes,
            cores=1,
        )
        self.reception: Reception = services.reception()
        self.validate = services.validate

    def do(self, user: UUID, number: int, step: Step, attempt: int = 1) -> PersonSettled:
        """Do what the request with this number asks."""
        withdrawn = Settings().nats.people_withdrawn_subject
        fields: Mapping[str, object] = (
            {}
            if step.withdraws
            else {
                "image_refs": [f"{step.photo or number}.png", *step.further],
                "append": step.append,
                **({"consent": "1"} if step.consents else {}),
            }
        )
        came = replace(
            delivery(
                orjson.dumps({"user_id": user, "request_id": step.request_id, **fields}),
                seq=number,
                attempt=attempt,
                published_at=step.at or PUBLISHED + timedelta(seconds=number),
            ),
            subject=withdrawn if step.withdraws else "",
        )
        request = self.validate(came)
        assert isinstance(request, PersonRequest)
        done = self.reception.settle(request, lambda: False)
        assert isinstance(done, PersonSettled), done
        return done

    def known(self, user: UUID) -> tuple[set[str], bool, bool]:
        """By which photos the user is enrolled, whether there is a vector, and a withdrawal."""
        with self.database.connection() as connection:
            photos = connection.execute(
                "select ref from face_enrolment_photos where user_id = %s and refused is null",
                [user],
            ).fetchall()
            vector = connection.execute(
                "select from users where id = %s and face_embedding is not null", [user]
            ).fetchone()
            gone = connection.execute(
                "select from face_withdrawals where user_id = %s", [user]
            ).fetchone()
        return {ref.rpartition("/")[2] for (ref,) in photos}, vector is not None, gone is not None


def make_pack() -> FacePack:
    return FakePack()
