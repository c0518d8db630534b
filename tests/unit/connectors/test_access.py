"""Whether a refusal is about one object or about all: who is asked, how often, what counts."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import NewConnectionError, ReadTimeoutError
from urllib3.poolmanager import PoolManager

from connectors.store.access import REMEMBERED, STANDS_FOR_S, UNSTEADY_FOR_S, WITNESSES, Access
from connectors.store.answers import RedirectedError, RefusedError
from dataflow.jobs.errors import SolofaceError, SystemicError, TransientError, UnprovenError
from dataflow.jobs.image_ref import ImageRef

BAD = ImageRef("images", "bad.jpg")
DENIED = RefusedError(403, "AccessDenied")
ABSENT = RefusedError(404, "NoSuchKey")
BUSY = RefusedError(503, "SlowDown")
POOL = PoolManager().connection_from_host("store")


def ref(number: int) -> ImageRef:
    return ImageRef("images", f"{number}.jpg")


@dataclass
class Bucket:
    """What the store answers; an object that is not named is there."""

    answers: dict[ImageRef, Exception] = field(default_factory=dict)
    listing: list[ImageRef] | Exception = field(default_factory=lambda: DENIED)
    known: list[ImageRef] = field(default_factory=list)
    looked: list[ImageRef] = field(default_factory=list)
    listings: int = 0
    tick_s: float = STANDS_FOR_S
    ticks: int = 0
    ticked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self.access = Access(self.look, self.list_some, lambda _: self.known, self.clock)

    def clock(self) -> float:
        """A clock that moves with each look at it."""
        self.ticks += 1
        self.ticked.release()
        return self.ticks * self.tick_s

    def look(self, asked: ImageRef) -> None:
        self.looked.append(asked)
        if answer := self.answers.get(asked):
            raise answer

    def list_some(self, bucket: str) -> Iterable[ImageRef]:
        assert bucket == BAD.bucket
        self.listings += 1
        if isinstance(self.listing, Exception):
            raise self.listing
        return self.listing

    def problem(self) -> type[SolofaceError] | None:
        problem = self.access.problem(BAD, DENIED)
        return type(problem) if problem else None


def test_a_key_that_was_read_lately_and_can_be_read_is_enough() -> None:
    bucket = Bucket()
    for number in range(3):
        bucket.access.was_read(ref(number))
    assert bucket.problem() is None
    assert bucket.looked == [ref(2)]
    assert bucket.listings == 0


def test_when_those_are_refused_as_well_access_is_lost() -> None:
    bucket = Bucket(answers={ref(1): DENIED, ref(2): DENIED})
    bucket.access.was_read(ref(1))
    bucket.access.was_read(ref(2))
    assert bucket.problem() is SystemicError
    assert bucket.looked == [ref(2), ref(1)]


def test_one_of_them_that_can_be_read_outweighs_the_others() -> None:
    bucket = Bucket(answers={ref(2): DENIED, ref(3): RefusedError(403, "InvalidObjectState")})
    for number in (1, 2, 3):
        bucket.access.was_read(ref(number))
    assert bucket.problem() is None


def test_those_that_were_deleted_meanwhile_say_nothing() -> None:
    bucket = Bucket(answers={ref(1): ABSENT}, known=[ref(5)])
    bucket.access.was_read(ref(1))
    assert bucket.problem() is None
    assert bucket.looked == [ref(1), ref(5)]
    assert bucket.problem() is None
    assert bucket.looked == [ref(1), ref(5), ref(5)]


@pytest.mark.parametrize(
    ("listing", "expected"),
    [(DENIED, SystemicError), ([BAD], SystemicError), ([], SystemicError), ([ref(1)], None)],
)
def test_that_the_refused_key_could_be_read_itself_counts_if_no_other_can_tell(
    listing: list[ImageRef] | Exception, expected: type[Exception] | None
) -> None:
    bucket = Bucket(listing=listing)
    bucket.access.was_read(BAD)
    assert bucket.problem() is expected
    assert BAD not in bucket.looked


def test_so_it_does_if_somebody_else_knows_that() -> None:
    assert Bucket(known=[BAD]).problem() is SystemicError


def test_what_somebody_else_knows_counts_like_what_was_read_here() -> None:
    bucket = Bucket(known=[ref(1)], answers={ref(1): DENIED})
    assert bucket.problem() is SystemicError


def test_few_are_asked_of_each_kind() -> None:
    numbers = range(3 * REMEMBERED)
    known = [ref(number) for number in range(100, 120)]
    listing = [ref(number) for number in range(200, 220)]
    refused = [*map(ref, numbers), *known, *listing]
    answers: dict[ImageRef, Exception] = dict.fromkeys(refused, DENIED)
    bucket = Bucket(answers=answers, known=known, listing=listing)
    for number in numbers:
        bucket.access.was_read(ref(number))
    assert bucket.problem() is SystemicError
    assert len(bucket.looked) == 3 * WITNESSES
    assert bucket.listings == 1


@pytest.mark.parametrize(
    ("listing", "answers", "expected"),
    [
        ([], {}, None),
        ([ref(1)], {}, None),
        ([BAD], {}, UnprovenError),
        ([ref(1), ref(2)], {ref(1): DENIED}, None),
        # The classic mistake in a policy: the bucket, and not what is in it.
        ([ref(1), ref(2)], {ref(1): DENIED, ref(2): DENIED}, UnprovenError),
        (DENIED, {}, UnprovenError),
        (RefusedError(403), {}, UnprovenError),
        (RefusedError(501, "NotImplemented"), {}, UnprovenError),
        (RefusedError(404, "NoSuchBucket"), {}, SystemicError),
        (RefusedError(404, "NoSuchKey"), {}, SystemicError),
        (RefusedError(403, "InvalidAccessKeyId"), {}, SystemicError),
        (RefusedError(403, "SignatureDoesNotMatch"), {}, SystemicError),
        (RefusedError(403, "RequestTimeTooSkewed"), {}, SystemicError),
        (RefusedError(400, "ExpiredToken"), {}, SystemicError),
        (RedirectedError(307), {}, SystemicError),
        (BUSY, {}, TransientError),
    ],
)
def test_without_any_the_bucket_is_asked(
    listing: list[ImageRef] | Exception,
    answers: dict[ImageRef, Exception],
    expected: type[Exception] | None,
) -> None:
    assert Bucket(listing=listing, answers=answers).problem() is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BUSY, TransientError),
        (ReadTimeoutError(POOL, "/", "silent"), TransientError),
        (ConnectionResetError(), TransientError),
        (NewConnectionError(POOL, "refused"), SystemicError),  # type: ignore[arg-type]
    ],
)
def test_a_store_that_gives_no_answer_proves_nothing_against_a_key(
    error: Exception, expected: type[Exception]
) -> None:
    bucket = Bucket(answers={ref(1): error})
    bucket.access.was_read(ref(1))
    assert bucket.problem() is expected


def test_a_finding_that_nothing_can_be_read_stands_for_a_while() -> None:
    bucket = Bucket(known=[ref(1)], answers={ref(1): DENIED}, tick_s=0.001)
    for _ in range(5):
        assert bucket.problem() is SystemicError
    assert bucket.looked == [ref(1)]


def test_but_not_once_something_was_read() -> None:
    bucket = Bucket(tick_s=0.001)
    assert bucket.problem() is UnprovenError
    bucket.access.was_read(ref(1))
    assert bucket.problem() is None


def test_for_a_while_after_a_loss_no_object_is_blamed() -> None:
    bucket = Bucket(known=[ref(1)], answers={ref(1): DENIED})
    assert bucket.problem() is SystemicError
    bucket.answers.clear()
    started = bucket.ticks
    while bucket.problem() is SystemicError:
        pass
    assert (bucket.ticks - started) * bucket.tick_s >= UNSTEADY_FOR_S
    assert bucket.problem() is None


def test_a_finding_that_others_can_be_read_never_stands_for_a_later_refusal() -> None:
    bucket = Bucket(tick_s=0.001)
    bucket.access.was_read(ref(1))
    assert bucket.problem() is None
    bucket.answers[ref(1)] = DENIED  # access is lost right after that
    assert bucket.problem() is SystemicError


def test_all_who_were_refused_before_a_look_began_share_it() -> None:
    bucket = Bucket()
    bucket.access.was_read(ref(1))
    asking = 16
    found: list[type[SolofaceError] | None] = []

    def ask() -> None:
        found.append(bucket.problem())

    with bucket.access._bucket(BAD.bucket).lock:  # somebody looks; meanwhile all of these come
        threads = [threading.Thread(target=ask) for _ in range(asking)]
        for thread in threads:
            thread.start()
        for _ in threads:
            bucket.ticked.acquire()
    for thread in threads:
        thread.join()
    assert found == [None] * asking
    assert bucket.looked == [ref(1)]


def test_buckets_are_judged_one_by_one() -> None:
    bucket = Bucket(known=[])
    bucket.access.was_read(ImageRef("archive", "1.jpg"))
    assert bucket.problem() is UnprovenError
    assert bucket.looked == []


@given(st.lists(st.sampled_from([None, DENIED, ABSENT]), min_size=1, max_size=WITNESSES))
def test_it_is_lost_only_if_no_witness_can_be_read_and_one_is_refused(
    answers: list[Exception | None],
) -> None:
    keys = [ref(number) for number in range(len(answers))]
    bucket = Bucket(
        known=keys,
        answers={key: answer for key, answer in zip(keys, answers, strict=True) if answer},
    )
    problem = bucket.problem()
    if None in answers:
        assert problem is None
    else:
        assert problem is (SystemicError if DENIED in answers else UnprovenError)
