"""The second act: two galleries, and people who come and go by messages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from connectors.jetstream.letters.following import Feed
from connectors.postgres.connection import Database
from connectors.postgres.gallery.members import Members
from connectors.store import minio_client, put_object
from dataflow.jobs.image_ref import ImageRef
from dataflow.jobs.reason import Reason
from dataflow.persons.reason import PersonReason
from dataflow.settings import Settings
from dataflow.tags.change import Change
from soloface.cli.demo import run
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED, STRANGERS, Person
from soloface.cli.demo.platform import Platform, platform
from soloface.cli.demo.report import Answer
from soloface.cli.demo.scenario import MATCHED, NOBODY, Case

HERE, ELSEWHERE = "wedding", "marathon"
LEAVER, NEWCOMER = ENROLLED[0], STRANGERS[0]
_TITLE_COLUMNS = 50


@dataclass(frozen=True, slots=True)
class Step:
    """What was done, what had to come of it, and what came."""

    title: str
    expected: str
    outcome: str

    @property
    def as_expected(self) -> bool:
        """Whether that came."""
        return self.outcome == self.expected

    def line(self) -> str:
        """For people, below the table of the first act."""
        start = f"{self.title:<{_TITLE_COLUMNS}} {self.outcome}"
        if self.as_expected:
            return f"  [green]✓[/]   {start}"
        return f"  [red]✗[/]   {start}, and not {self.expected}"


def play(
    settings: Settings, answers: Sequence[Answer], names: Mapping[UUID, str]
) -> Iterator[Step]:
    """Yield the steps as they are done.

    Raises:
        SystemicError: a server or the worker did not run.
    """
    leaver, newcomer = _id_of(LEAVER, names), uuid4()
    who, them = LEAVER.name, NEWCOMER.name
    member, stranger, again = (
        _photo(HERE, LEAVER, MATCHED),
        _photo(HERE, NEWCOMER, NOBODY),
        _photo(ELSEWHERE, NEWCOMER, NOBODY),
    )
    outsider = _photo(ELSEWHERE, LEAVER, NOBODY)
    first = next(answer.case for answer in answers if answer.case.title == them)
    tags = set(run.matches(settings))
    with platform(settings.nats, datetime.now(UTC)) as act:
        with closing(Database(settings.database)) as database:
            Members(database).add([(HERE, leaver)], by="the demo")
        nobody = str(Reason.NO_USER_WITHIN_DISTANCE)
        ended = _publish(settings, act, [member, outsider, stranger, again])
        yield Step(f"{who}'s photo in {HERE}, of which {who} is a member", "matched", ended[0])
        yield Step(f"the same photo in {ELSEWHERE}", nobody, ended[1])
        both = " ".join(sorted(set(ended[2:])))
        yield Step(f"{them}'s photo in {HERE}, and in {ELSEWHERE}", nobody, both)

        selfie = ImageRef(settings.store.bucket, f"demo/{newcomer}.jpg")
        store = minio_client(settings.store, connections=1)
        put_object(store, selfie, jpeg(NEWCOMER.portrait(), quality=95))
        subject = settings.nats.people_requested_subject
        request = {"image_refs": [selfie.key], "galleries": [HERE], "consent": "2026-01"}
        told = _ask(settings, act, subject, user_id=newcomer, **request)
        yield Step(f"{subject}: {them}'s selfie, for {HERE}", PersonReason.ENROLLED, told)
        gained = _changes(settings, act, Change.GAINED, "user_id", newcomer, 2)
        for title, case in (
            (f"the feed: the photo that was in {HERE} before", stranger),
            ("the feed: the first act's, in no gallery", first),
        ):
            yield Step(title, Change.GAINED, gained.get(case.photo_id, "not told"))
        shown = dict(run.matches(settings))
        untagged = "no tag" if again.photo_id not in shown else "a tag"
        yield Step(f"still in {ELSEWHERE}", "no tag", untagged)

        theirs = {photo_id for photo_id, user_id in shown.items() if user_id == leaver}
        subject = settings.nats.people_withdrawn_subject
        told = _ask(settings, act, subject, user_id=leaver, by="the user")
        yield Step(f"{subject}: {who}", PersonReason.ERASED, told)
        lost = _changes(settings, act, Change.LOST, "previous_user_id", leaver, len(theirs))
        count = sum(photo_id in lost for photo_id in theirs)
        yield Step(f"the feed: photos of {who}", f"{len(theirs)} lost", f"{count} lost")
        (ended_again,) = _publish(settings, act, [replace(member, image=None, listed=False)])
        yield Step("a new job for one of them", Reason.WITHDRAWN, ended_again)

    tags = {(photo_id, user_id) for photo_id, user_id in tags if user_id != leaver}
    tags |= {(case.photo_id, newcomer) for case in (stranger, first)}
    same = "unchanged" if set(run.matches(settings)) == tags else "changed"
    yield Step("all other tags", "unchanged", same)


def _id_of(person: Person, names: Mapping[UUID, str]) -> UUID:
    return next(user_id for user_id, name in names.items() if name == person.name)


def _photo(gallery: str, person: Person, expected: frozenset[Reason]) -> Case:
    title = f"{person.name}, {gallery}"
    return Case(title, expected, jpeg(person.portrait()), fields={"gallery": gallery})


def _publish(settings: Settings, act: Platform, photos: Sequence[Case]) -> list[str]:
    """Publish jobs; returns how each ended."""
    run.furnish(settings, photos)
    published = asyncio.run(run.publish(settings.nats, photos))
    feed = Feed.outcomes(settings.nats)
    told = act.hear(feed, lambda event: event["stream_seq"] in published, len(published))
    ended = {event["stream_seq"]: event["reason"] for event in told}
    return [ended.get(sequence, "not told") for sequence in published]


def _ask(settings: Settings, act: Platform, subject: str, **request: object) -> str:
    """Publish a request about a person; returns how it ended."""
    sequence = act.ask(subject, **request)
    feed = Feed.people(settings.nats)
    told = act.hear(feed, lambda event: event["stream_seq"] == sequence)
    return str(told[0]["reason"]) if told else "not told"


def _changes(
    settings: Settings, act: Platform, change: Change, field: str, user_id: UUID, count: int
) -> dict[UUID, str]:
    """Hear so many changes of a user's tags; returns them by photo."""
    told = act.hear(
        Feed.tags(settings.nats),
        lambda event: event["change"] == change and event[field] == str(user_id),
        count,
    )
    return {UUID(event["photo_id"]): event["change"] for event in told}
