"""Requests about people, what they must come to in their order, and what they came to."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import orjson
from nats.js import JetStreamContext

from connectors.jetstream.provision import provision
from dataflow.persons.event import read
from dataflow.persons.reason import PersonReason
from soloface.cli.demo.changes import CHANGES
from soloface.cli.demo.people import ENROLLED
from tests.selfies import Desk
from tests.world import World, jetstream

_AT_ONCE = 64
_LONGEST = 6
"""Requests of one user, at most."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request: a withdrawal, or an enrolment by one photo."""

    user: UUID
    photo: str = ""
    append: bool = False
    consents: bool = False

    def payload(self) -> bytes:
        """As it is published."""
        if not self.photo:
            return orjson.dumps({"user_id": self.user})
        consent = {"consent": "1"} if self.consents else {}
        fields = {"user_id": self.user, "image_refs": [self.photo], "append": self.append}
        return orjson.dumps({**fields, **consent})


@dataclass(slots=True)
class Known:
    """What is to be known of a user after some requests in their order."""

    photos: set[str] = field(default_factory=set)
    gone: bool = False

    def take(self, request: Request) -> None:
        """The next one."""
        if not request.photo:
            self.photos, self.gone = set(), True
        elif not self.gone or request.consents:
            self.gone = False
            self.photos = {request.photo} | (self.photos if request.append else set())


@dataclass(slots=True)
class Requests:
    """What is asked in a world, by its sequence."""

    world: World
    asked: dict[int, Request] = field(default_factory=dict)

    def publish(self, users: int) -> None:
        """Ask several things about each of so many users, all of them mixed."""
        ways = ("scaled 0.7", "cropped 10 %", "dark 55 %", "quality 25")
        photos = [self._selfie(way) for way in ways]
        made = [_request(uuid4(), photos) for _ in range(users)]
        requests = [one for some in made for one in some]
        random.shuffle(requests)
        self._ask(requests)

    def publish_rivals(self, users: int) -> None:
        """Ask to enrol so many users by one photo."""
        photo = self._selfie("scaled 0.7")
        self._ask([Request(uuid4(), photo) for _ in range(users)])

    def _selfie(self, way: str) -> str:
        image = CHANGES[way](ENROLLED[0].portrait())
        return Desk(self.world).selfie(ENROLLED[0], image)

    def _ask(self, requests: list[Request]) -> None:
        for seq, request in asyncio.run(self._publish(requests)):
            self.asked[seq] = request

    async def _publish(self, requests: list[Request]) -> list[tuple[int, Request]]:
        nats = self.world.settings.nats.people

        async def sent(js: JetStreamContext, request: Request) -> tuple[int, Request]:
            subject = nats.subject if request.photo else nats.people_withdrawn_subject
            stored = await js.publish(subject, request.payload(), stream=nats.stream)
            return stored.seq, request

        async with jetstream(nats) as js:
            await provision(js, nats)
            done = []
            for start in range(0, len(requests), _AT_ONCE):
                part = requests[start : start + _AT_ONCE]
                done += await asyncio.gather(*(sent(js, request) for request in part))
            return done

    def problems(self) -> tuple[list[str], list[str], list[str]]:
        """What was lost, what was doubled, and who is known as they must not be."""
        events = Desk(self.world).events()
        told = {event.stream_seq: event for event in events}
        counts = Counter(event.stream_seq for event in events)
        last = {r.user: seq for seq, r in sorted(self.asked.items()) if not r.photo}
        # What was told of somebody before they withdrew is erased with them, also where it is said
        # of another that they look alike.
        alike = self._naming(set(last))
        lost = [
            f"request {seq} has no event: {self._story(request.user)}"
            for seq, request in self.asked.items()
            if seq not in told and seq not in alike and seq >= last.get(request.user, 0)
        ]
        doubled = [f"request {seq} was told {n} times" for seq, n in counts.items() if n > 1]
        refused = {seq for seq, event in told.items() if event.reason is PersonReason.HAS_WITHDRAWN}
        wrong = [
            f"request {seq} was refused in spite of its consent"
            for seq in refused
            if self.asked[seq].consents and seq > last.get(self.asked[seq].user, 0)
        ]
        return lost, doubled, wrong + self._wrong(refused)

    def _naming(self, users: set[UUID]) -> set[int]:
        """The requests whose events name somebody of these besides their own user."""
        with self.world.database() as connection:
            rows = connection.execute("select event from face_person_requests").fetchall()
        events = [read(row["event"]) for row in rows]
        return {
            event.stream_seq
            for event in events
            for other in (event.clash, event.possibly_also)
            if other and other.user_id in users
        }

    def _story(self, user: UUID) -> str:
        """What was asked about a user, and how it ended."""
        query = "select stream_seq, outcome from face_person_requests where user_id = %s"
        with self.world.database() as connection:
            ended = {r["stream_seq"]: r["outcome"] for r in connection.execute(query, [user])}
        asked = {
            seq: "enrol" if one.photo else "withdraw"
            for seq, one in self.asked.items()
            if one.user == user
        }
        return f"asked {asked}, noted {ended}"

    def _wrong(self, refused: set[int]) -> list[str]:
        wanted: dict[UUID, Known] = {}
        for seq, request in sorted(self.asked.items()):
            known = wanted.setdefault(request.user, Known())
            # One without a consent that overtakes the consent is refused for good.
            if seq not in refused:
                known.take(request)
        photos: dict[UUID, set[str]] = {}
        with self.world.database() as connection:
            for row in connection.execute(
                "select user_id, ref from face_enrolment_photos where refused is null"
            ):
                key = row["ref"].partition("://")[2].partition("/")[2]
                photos.setdefault(row["user_id"], set()).add(key)
            gone = {
                row["user_id"] for row in connection.execute("select user_id from face_withdrawals")
            }
        vectors = self.world.gallery()
        wrong = []
        for user, known in wanted.items():
            if photos.get(user, set()) != known.photos:
                wrong.append(f"{user} is enrolled by {photos.get(user)}, not {known.photos}")
            if (user in vectors) != bool(known.photos):
                wrong.append(f"{user} has a vector: {user in vectors}")
            if (user in gone) != known.gone:
                wrong.append(f"{user} has withdrawn: {user in gone}")
        return wrong


def _request(user: UUID, photos: list[str]) -> list[Request]:
    """Several about one user; a photo that is asked for twice is the same file."""
    return [
        Request(user)
        if random.random() < 0.3  # noqa: S311 - a third, and not secret
        else Request(
            user,
            random.choice(photos),  # noqa: S311
            append=random.random() < 0.5,  # noqa: S311
            consents=random.random() < 0.5,  # noqa: S311
        )
        for _ in range(random.randint(1, _LONGEST))  # noqa: S311
    ]
