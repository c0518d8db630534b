"""The truth, read from PostgreSQL and JetStream, against what was published."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo

from connectors.jetstream.letters.dead_letters import Selection, dead_letters
from connectors.jetstream.letters.letter import Letter
from dataflow.jobs.reason import Outcome, Reason
from tests.faults.ledger import Ledger, Wanted
from tests.feed import feed_problems
from tests.world import World


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the database holds about a photo."""

    reason: Reason | None
    faces: int
    users: tuple[UUID, ...]


_NOTHING = Recorded(None, 0, ())


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything that the two servers know when all is said to be done."""

    photos: Mapping[UUID, Recorded]
    letters: Mapping[int, list[Letter]]
    consumer: ConsumerInfo
    kept_jobs: int

    @property
    def deliveries(self) -> int:
        """How often the server handed out a job."""
        return (self.consumer.delivered and self.consumer.delivered.consumer_seq) or 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, one sentence each; and what was counted."""

    jobs: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    wrong: tuple[str, ...]
    dead_expected: Counter[str]
    dead_found: Counter[str]
    deliveries: int

    @property
    def redelivered(self) -> int:
        """Deliveries beside the first one of each job."""
        return self.deliveries - self.jobs

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong."""
        problems = [*self.lost, *self.doubled, *self.wrong]
        if self.dead_expected != self.dead_found:
            problems.append(f"dead letters: {dict(self.dead_found)}")
        return problems


def check(ledger: Ledger) -> Verdict:
    """Compare what came of a world's jobs with what must have; nothing may be in work any more."""
    truth = read(ledger.world)
    expected = Counter(
        str(reason)
        for wanted in ledger.jobs.values()
        for reason in wanted.reasons
        if reason.outcome is Outcome.REJECTED
    )
    found = Counter(
        str(letter.reason) for letters in truth.letters.values() for letter in letters[:1]
    )
    return Verdict(
        jobs=len(ledger.jobs),
        lost=tuple(_lost(ledger, truth)),
        doubled=tuple(_doubled(truth)),
        wrong=(*_wrong(ledger, truth), *_feed_problems(ledger.world)),
        dead_expected=expected,
        dead_found=found,
        deliveries=truth.deliveries,
    )


def _lost(ledger: Ledger, truth: Truth) -> Iterator[str]:
    for seq, wanted in ledger.jobs.items():
        recorded = truth.photos.get(wanted.photo_id, _NOTHING) if wanted.photo_id else _NOTHING
        if recorded.reason is None and seq not in truth.letters:
            if wanted.forgotten:
                continue
            yield f"job {seq} has left no trace"
        elif recorded.reason is Reason.MATCHED and wanted.users and not recorded.users:
            yield f"the match of job {seq} is not there"
        elif _must_die(wanted) and seq not in truth.letters:
            yield f"job {seq} has no dead letter"


def _doubled(truth: Truth) -> Iterator[str]:
    for photo_id, recorded in truth.photos.items():
        if recorded.faces > 1:
            yield f"photo {photo_id} has {recorded.faces} faces"
        if len(recorded.users) > 1:
            yield f"photo {photo_id} has {len(recorded.users)} matches"
    for seq, letters in truth.letters.items():
        if len(letters) > 1:
            yield f"job {seq} has {len(letters)} dead letters"


def _wrong(ledger: Ledger, truth: Truth) -> Iterator[str]:
    consumer = truth.consumer
    if left := (consumer.num_pending or 0) + (consumer.num_ack_pending or 0) + truth.kept_jobs:
        yield f"{left} jobs are not settled"
    for seq, wanted in ledger.jobs.items():
        if wanted.photo_id is None:
            continue
        recorded = truth.photos.get(wanted.photo_id, _NOTHING)
        if recorded.reason and recorded.reason not in wanted.reasons:
            yield f"job {seq} ended as {recorded.reason}, not {' or '.join(wanted.reasons)}"
        if wanted.users and not wanted.users.issuperset(recorded.users):
            yield f"the photo of job {seq} is matched with somebody else"
    for seq, letters in truth.letters.items():
        job = ledger.jobs.get(seq)
        if job is None or letters[0].reason not in job.reasons:
            yield f"job {seq} has a dead letter: {letters[0].reason}, {letters[0].error}"


def _feed_problems(world: World) -> Iterator[str]:
    yield from feed_problems(world.settings.nats, world.settings.database)


def _must_die(wanted: Wanted) -> bool:
    return all(reason.outcome is Outcome.REJECTED for reason in wanted.reasons)


def read(world: World) -> Truth:
    """Ask both servers."""

    async def read_streams(js: JetStreamContext) -> tuple[ConsumerInfo, int]:
        nats = world.settings.nats
        state = (await js.stream_info(nats.stream)).state
        info: ConsumerInfo = await js.consumer_info(nats.stream, nats.durable)
        return info, state.messages

    consumer, kept_jobs = world.with_jetstream(read_streams)
    letters = defaultdict[int, list[Letter]](list)
    for letter in asyncio.run(_letters(world)):
        letters[letter.stream_seq or 0].append(letter)
    return Truth(_photos(world), letters, consumer, kept_jobs)


async def _letters(world: World) -> list[Letter]:
    async with dead_letters(world.settings.nats) as letters:
        return [x async for window in letters.chosen([], Selection()) for x in window.letters]


def _photos(world: World) -> dict[UUID, Recorded]:
    query = """
        select photo_id, o.reason, count(distinct f.id) as faces,
            array_remove(array_agg(m.user_id), null) as users
        from photo_faces as f
        full join face_match_outcomes as o using (photo_id)
        left join face_matches as m on m.photo_face_id = f.id
        group by photo_id, o.reason
    """
    with world.database() as connection:
        return {
            row["photo_id"]: Recorded(
                Reason(row["reason"]) if row["reason"] else None, row["faces"], tuple(row["users"])
            )
            for row in connection.execute(query)
        }
