"""What may happen, in any order, and what must hold after each of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Outcome, Reason
from dataflow.steps.dedup import SeenPhotos
from dataflow.steps.request import Recognised
from tests.builders import PUBLISHED, payload, photo
from tests.faults.machine.database import SimulatedDatabase
from tests.faults.machine.jetstream import ACK_WAIT_S, SimulatedJetStream
from tests.faults.machine.worker import MAX_DELIVER, CrashedError, Ends, SimulatedWorker, Trouble

PHOTOS = 3
WORKERS = 2
SHOWN = (
    "a face",
    "a face",
    "a face",
    "no_face",
    "multiple_faces",
    "image_undecodable",
    "malformed_payload",
)
MOST_JOBS = 6
"""Unanswered at a time: with more of them, little of what happens concerns the same photo."""
DELAYS_S = (1.0, 6.0, 20.0, 2 * ACK_WAIT_S)
_NO_JOB = b"no job"

workers = st.integers(0, WORKERS - 1)
counts = st.integers(1, 4)
troubles = st.builds(
    Trouble,
    effects_left=st.none() | st.integers(0, 6),
    database_fails=st.sampled_from([False, False, True]),
    answers_lost=st.frozensets(st.integers(1, 4), max_size=2),
)


class Settling(RuleBasedStateMachine):
    """Two workers on one consumer; everything may crash, get lost or come twice."""

    steps: ClassVar[int] = 0
    """What has happened so far, over all runs."""
    runs: ClassVar[int] = 0
    jobs: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.server = SimulatedJetStream()
        self.database = SimulatedDatabase()
        self.workers = [
            SimulatedWorker(Ends(self.server, self.database), self._time, self.dedup)
            for _ in range(WORKERS)
        ]
        self.shown: dict[int, tuple[UUID | None, str]] = {}
        self.answers: dict[UUID, Reason] = {}

    @staticmethod
    def dedup(seen: SeenPhotos, item: Recognised) -> Recognised | Settled:
        """Step 5, as it is."""
        return seen.mark(item)

    def _time(self) -> datetime:
        return PUBLISHED + timedelta(seconds=self.server.now)

    # What may happen

    @initialize()
    def the_platform_lists_photos(self) -> None:
        self.database.photos |= {photo(number) for number in range(1, PHOTOS)}

    @precondition(lambda self: photo(PHOTOS) not in self.database.photos)
    @rule()
    def a_late_photo_is_listed(self) -> None:
        self.database.photos.add(photo(PHOTOS))

    @precondition(lambda self: len(self.server.unanswered) < MOST_JOBS)
    @rule(number=st.integers(1, PHOTOS), index=st.integers(0, 1), shows=st.sampled_from(SHOWN))
    def a_job_is_published(self, number: int, index: int, shows: str) -> None:
        if shows == Reason.MALFORMED_PAYLOAD:
            self.shown[self.server.publish(_NO_JOB)] = (None, shows)
            return
        data = payload(number, face_index=index, shows=shows)
        self.shown[self.server.publish(data)] = (photo(number), shows)

    @precondition(lambda self: self.server.is_due)
    @rule(index=workers, count=counts, begun=counts)
    def a_worker_pulls(self, index: int, count: int, begun: int) -> None:
        self.workers[index].deliveries += self.server.fetch(count)
        self.workers[index].work(begun)

    @precondition(lambda self: any(worker.deliveries for worker in self.workers))
    @rule(index=workers, count=counts)
    def a_worker_works(self, index: int, count: int) -> None:
        self._one(index, lambda worker: bool(worker.deliveries)).work(count)

    @precondition(lambda self: any(worker.results for worker in self.workers))
    @rule(index=workers, count=counts, trouble=st.builds(Trouble) | troubles)
    def a_worker_writes(self, index: int, count: int, trouble: Trouble) -> None:
        with suppress(CrashedError):
            self._one(index, lambda worker: bool(worker.results)).write(count, trouble)

    @precondition(lambda self: any(worker.tokens for worker in self.workers))
    @rule(index=workers, luck=st.integers(0, 3))
    def a_worker_may_crash(self, index: int, luck: int) -> None:
        if luck == 0:
            self._one(index, lambda worker: bool(worker.tokens)).crash()

    def _one(self, index: int, can: Callable[[SimulatedWorker], bool]) -> SimulatedWorker:
        """That worker, or the next one that can."""
        turn = self.workers[index:] + self.workers[:index]
        return next(worker for worker in turn if can(worker))

    @precondition(lambda self: bool(self.server.unanswered))
    @rule(seconds=st.sampled_from(DELAYS_S), heard=st.lists(workers, unique=True))
    def time_passes(self, seconds: float, heard: list[int]) -> None:
        """Some of the workers' heartbeats are heard in time, others not."""
        self.server.now += seconds / 2
        for index in heard:
            self.server.in_progress(self.workers[index].tokens)
        self.server.now += seconds / 2

    # What must hold

    @invariant()
    def every_step_is_counted(self) -> None:
        type(self).steps += 1

    @invariant()
    def nothing_is_answered_without_a_trace(self) -> None:
        for seq, message in self.server.messages.items():
            photo_id, _ = self.shown[seq]
            if message.answered in {"acked", "termed"}:
                assert seq in self.server.events, f"job {seq} was answered before its event"
            if message.answered == "acked":
                assert photo_id in self.database.outcomes, f"job {seq} was acked, and is lost"
            if message.answered == "termed":
                assert seq in self.server.letters, f"job {seq} was given up without a letter"

    @invariant()
    def only_rejected_jobs_have_letters(self) -> None:
        for seq, reason in self.server.letters.items():
            _, shows = self.shown[seq]
            assert Reason(reason).outcome is Outcome.REJECTED
            if reason == Reason.ATTEMPTS_EXHAUSTED:
                assert self.server.messages[seq].attempts > MAX_DELIVER
            else:
                assert reason == shows

    @invariant()
    def a_photo_has_one_match_at_most(self) -> None:
        matched = [photo_id for photo_id, _ in self.database.matches]
        assert len(matched) == len(set(matched))
        assert self.database.faces == self.database.matches.keys()

    @invariant()
    def a_match_stays_and_no_duplicate_takes_an_answers_place(self) -> None:
        for photo_id, before in self.answers.items():
            now = self.database.outcomes[photo_id].reason
            if before is Reason.MATCHED:
                assert now is Reason.MATCHED
            elif now in {Reason.ALREADY_MATCHED, Reason.DUPLICATE_IN_FLIGHT}:
                assert before is now
        self.answers = {p: row.reason for p, row in self.database.outcomes.items()}

    def teardown(self) -> None:
        """Whatever has happened: left alone, the workers bring everything to its end."""
        type(self).runs += 1
        type(self).jobs += len(self.server.messages)
        self.database.photos.add(photo(PHOTOS))
        while self.server.unanswered:
            for worker in self.workers:
                worker.deliveries += self.server.fetch(100)
                worker.work(100)
                worker.write(100, Trouble())
            self.server.now += ACK_WAIT_S
        self.nothing_is_answered_without_a_trace()
        self.only_rejected_jobs_have_letters()
        self.a_photo_has_one_match_at_most()
        for seq, (photo_id, shows) in self.shown.items():
            exhausted = self.server.letters.get(seq) == Reason.ATTEMPTS_EXHAUSTED
            if photo_id is None or exhausted:
                continue
            matched = self.database.outcomes[photo_id].reason is Reason.MATCHED
            if shows == "a face":
                assert matched or self._was_too_early(photo_id), f"job {seq} should have matched"
            if shows == Reason.IMAGE_UNDECODABLE:
                assert seq in self.server.letters or matched or self._was_too_early(photo_id)

    def _was_too_early(self, photo_id: UUID) -> bool:
        """Its photo came after the grace was over."""
        return photo_id == photo(PHOTOS)


class SeenSoDropped(Settling):
    """The mistake that a dedup step invites: what was seen is acknowledged, and forgotten."""

    @staticmethod
    def dedup(seen: SeenPhotos, item: Recognised) -> Recognised | Settled:
        known = item.job.photo_id in seen._seen
        seen.mark(item)
        if known:
            return Settled(item.delivery, item.job, Reason.DUPLICATE_IN_FLIGHT, repeated=True)
        return item
