"""The second act: two galleries, and people who come and go by messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
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
from soloface.cli.demo.platform import Message, Platform, platform
from soloface.cli.demo.report import Answer
from soloface.cli.demo.scenario import MATCHED, NOBODY, Case

HERE, ELSEWHERE = "wedding", "marathon"
LEAVER, RUNNER = ENROLLED[:2]
NEWCOMER = STRANGERS[0]
_NOT_TOLD = "not told"
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
    earlier = next(answer.case for answer in answers if answer.case.title == NEWCOMER.name)
    before = set(run.matches(settings))
    with platform(settings, datetime.now(UTC)) as here:
        act = _Act(settings, here, names, earlier)
        yield from act.galleries()
        yield from act.selfie()
        yield from act.withdrawal()
    others = {(photo_id, user_id) for photo_id, user_id in before if user_id != act.leaver}
    tags = others | {(case.photo_id, act.newcomer) for case in (act.stranger, earlier)}
    same = "unchanged" if set(run.matches(settings)) == tags else "changed"
    yield Step("all other tags", "unchanged", same)


def _settled(reason: str) -> str:
    return f"settled: {reason}"


def _photo(gallery: str, person: Person, expected: frozenset[Reason]) -> Case:
    title = f"{person.name}, {gallery}"
    return Case(title, expected, jpeg(person.portrait()), fields={"gallery": gallery})


@dataclass(frozen=True, slots=True)
class _Act:
    """``earlier`` is the newcomer's photo of the first act, which belongs to no gallery."""

    settings: Settings
    here: Platform
    names: Mapping[UUID, str]
    earlier: Case
    newcomer: UUID = field(default_factory=uuid4)
    member: Case = field(default_factory=lambda: _photo(HERE, LEAVER, MATCHED))
    outsider: Case = field(default_factory=lambda: _photo(ELSEWHERE, LEAVER, NOBODY))
    stranger: Case = field(default_factory=lambda: _photo(HERE, NEWCOMER, NOBODY))
    elsewhere: Case = field(default_factory=lambda: _photo(ELSEWHERE, NEWCOMER, NOBODY))

    def galleries(self) -> Iterator[Step]:
        """A photo shows members of its gallery, and nobody else."""
        with closing(Database(self.settings.database)) as database:
            pairs = [(HERE, self.leaver), (ELSEWHERE, self._id_of(RUNNER))]
            Members(database).add(pairs, by="the demo")
        who, nobody = LEAVER.name, str(Reason.NO_USER_WITHIN_DISTANCE)
        mine, same, *strangers = self._publish(
            self.member, self.outsider, self.stranger, self.elsewhere
        )
        matched = f"{Reason.MATCHED}, {who}"
        yield Step(f"{who}'s photo in {HERE}, of which {who} is a member", matched, mine)
        yield Step(f"the same photo in {ELSEWHERE}, where {RUNNER.name} is", nobody, same)
        both = " ".join(sorted(set(strangers)))
        yield Step(f"{NEWCOMER.name}'s photo in {HERE}, and in {ELSEWHERE}", nobody, both)

    def selfie(self) -> Iterator[Step]:
        """Who enrols is found on photos that were there before, but not in other galleries."""
        settings = self.settings
        selfie = ImageRef(settings.store.bucket, f"demo/{self.newcomer}.jpg")
        store = minio_client(settings.store, connections=1)
        put_object(store, selfie, jpeg(NEWCOMER.portrait(), quality=95))
        subject = settings.nats.people_requested_subject
        told = self._ask(
            subject,
            user_id=self.newcomer,
            image_refs=[selfie.key],
            galleries=[HERE],
            consent="2026-01",
        )
        yield Step(f"{subject}: their selfie, for {HERE}", _settled(PersonReason.ENROLLED), told)
        gained = self._changes(Change.GAINED, "user_id", self.newcomer, 2)
        for title, case in (
            (f"the feed: their photo in {HERE}", self.stranger),
            ("the feed: their photo above, in no gallery", self.earlier),
        ):
            yield Step(title, Change.GAINED, gained.get(case.photo_id, _NOT_TOLD))
        tagged = self.elsewhere.photo_id in dict(run.matches(settings))
        yield Step(f"their photo in {ELSEWHERE}", "no tag", "a tag" if tagged else "no tag")

    def withdrawal(self) -> Iterator[Step]:
        """Who withdraws is taken off their photos, and no job brings them back."""
        tags = run.matches(self.settings)
        theirs = {photo_id for photo_id, user_id in tags if user_id == self.leaver}
        subject = self.settings.nats.people_withdrawn_subject
        told = self._ask(subject, user_id=self.leaver, by="the user")
        yield Step(f"{subject}: {LEAVER.name}", _settled(PersonReason.ERASED), told)
        lost = self._changes(Change.LOST, "previous_user_id", self.leaver, len(theirs))
        count = len(theirs & lost.keys())
        expected = f"{len(theirs)} {Change.LOST}"
        yield Step(f"the feed: photos of {LEAVER.name}", expected, f"{count} {Change.LOST}")
        (again,) = self._publish(replace(self.member, image=None, listed=False))
        yield Step("a new job for one of them", Reason.WITHDRAWN, again)

    @property
    def leaver(self) -> UUID:
        """The user who withdraws."""
        return self._id_of(LEAVER)

    def _id_of(self, person: Person) -> UUID:
        return next(user_id for user_id, name in self.names.items() if name == person.name)

    def _publish(self, *photos: Case) -> list[str]:
        """Publish jobs; returns how each ended."""
        return [self._outcome(event) for event in self.here.settle(photos)]

    def _outcome(self, event: Message | None) -> str:
        if event is None:
            return _NOT_TOLD
        user_id, reason = event["user_id"], str(event["reason"])
        return f"{reason}, {self.names.get(UUID(user_id), user_id)}" if user_id else reason

    def _ask(self, subject: str, **request: object) -> str:
        """Publish a request about a person; returns how it ended."""
        sequence = self.here.ask(subject, **request)
        feed = Feed.people(self.settings.nats)
        told = self.here.hear(feed, lambda event: event.get("stream_seq") == sequence)
        return _settled(told[0]["reason"]) if told else _NOT_TOLD

    def _changes(self, change: Change, side: str, user_id: UUID, count: int) -> dict[UUID, str]:
        """Hear so many changes of a user's tags; returns them by photo."""
        told = self.here.hear(
            Feed.tags(self.settings.nats),
            lambda event: event.get("change") == change and event.get(side) == str(user_id),
            count,
        )
        return {UUID(event["photo_id"]): event["change"] for event in told}
