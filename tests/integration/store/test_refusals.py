"""One object is never an outage: what the store refuses, and whether it refuses everything."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from io import BytesIO

import pytest
from minio import Minio

from connectors.store import MinioStore
from connectors.store import access as access_module
from dataflow.jobs.errors import (
    DataError,
    SolofaceError,
    SystemicError,
    TransientError,
    UnprovenError,
)
from dataflow.jobs.image_ref import ImageRef
from dataflow.jobs.reason import Reason
from tests.faults.store_faults import FaultyStore, answering
from tests.fixtures.open_stores import OpenStore
from tests.fixtures.refusals import (
    BUSY,
    ODD_BODIES,
    S3_ERRORS,
    ReadOnlyLogin,
    deny_everything,
    key_of,
    refuse_marked,
)

PHOTO = b"a photo"
GOOD = tuple(f"good/{number}.jpg" for number in range(4))
PERMANENT = [(status, code) for status, codes in S3_ERRORS.items() for code in codes] + [
    (status, body) for status in (400, 403, 404, 410, 418) for body in ODD_BODIES
]
PASSING = [(status, code) for status, codes in BUSY.items() for code in codes] + [
    (status, body) for status in (429, 500, 502, 503, 504) for body in ODD_BODIES
]


@pytest.fixture
def good(object_client: Minio, bucket: str) -> list[ImageRef]:
    for key in GOOD:
        object_client.put_object(bucket, key, BytesIO(PHOTO), len(PHOTO))
    return [ImageRef(bucket, key) for key in GOOD]


@pytest.fixture
def store(refusing_store: FaultyStore, store_of: OpenStore) -> MinioStore:
    return store_of(refusing_store.address)


def refusal(store: MinioStore, ref: ImageRef) -> DataError:
    with pytest.raises(DataError) as failure:
        store.read(ref)
    return failure.value


@pytest.mark.parametrize("read_before", [True, False])
def test_each_refusal_of_one_object_is_about_that_object(
    store: MinioStore,
    good: list[ImageRef],
    read_before: bool,  # noqa: FBT001 - a table's column
) -> None:
    if read_before:
        store.read(good[0])
    for status, word in PERMANENT:
        bad = ImageRef(good[0].bucket, key_of(status, word))
        error = refusal(store, bad)
        absent = word in {"NoSuchKey", "NoSuchVersion"} or (
            word in ODD_BODIES and status in {404, 410}
        )
        assert error.reason is (Reason.IMAGE_NOT_FOUND if absent else Reason.IMAGE_UNREADABLE)
        assert bad.key in str(error)
        assert (word if word not in ODD_BODIES else str(status)) in str(error)
        assert store.read(good[1]) == PHOTO


def test_a_forbidden_object_may_be_a_missing_one(store: MinioStore, good: list[ImageRef]) -> None:
    store.read(good[0])
    error = refusal(store, ImageRef(good[0].bucket, key_of(403, "AccessDenied")))
    assert "missing or forbidden" in str(error)


@pytest.mark.parametrize(("status", "word"), PASSING)
def test_a_busy_store_is_worth_another_try(
    store: MinioStore, good: list[ImageRef], status: int, word: str
) -> None:
    with pytest.raises(TransientError, match=str(status)):
        store.read(ImageRef(good[0].bucket, key_of(status, word)))


def test_a_bad_object_costs_few_requests(
    refusing_store: FaultyStore, store: MinioStore, good: list[ImageRef]
) -> None:
    store.read(good[0])
    before = refusing_store.requests
    for _ in range(10):
        refusal(store, ImageRef(good[0].bucket, key_of(403, "AccessDenied")))
    assert refusing_store.requests - before <= 10 * (2 + 2)  # itself and others, twice


def test_a_bucket_that_is_not_there_is_an_outage(store: MinioStore, good: list[ImageRef]) -> None:
    store.read(good[0])
    with pytest.raises(SystemicError, match="the bucket no-such-bucket does not exist"):
        store.read(ImageRef("no-such-bucket", "a.jpg"))


@pytest.mark.parametrize(
    "code", ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AllAccessDisabled"]
)
def test_rights_that_were_taken_away_are_an_outage_and_end_with_it(
    refusing_store: FaultyStore, store: MinioStore, good: list[ImageRef], code: str
) -> None:
    store.read(good[0])
    store.read(good[1])
    refusing_store.behave(answering(403, code.encode()))
    for ref in (good[0], good[1], ImageRef(good[0].bucket, "missing.jpg")):
        with pytest.raises(SystemicError, match=code) as failure:
            store.read(ref)
        assert not isinstance(failure.value, UnprovenError)
    refusing_store.behave(refuse_marked)
    assert store.read(good[0]) == PHOTO


def test_rights_on_objects_alone_that_were_taken_away_are_an_outage(
    refusing_store: FaultyStore, store: MinioStore, good: list[ImageRef]
) -> None:
    store.read(good[0])
    refusing_store.behave(lambda request: "list-type" not in request.path and _denied(request))
    with pytest.raises(SystemicError, match="AccessDenied"):
        store.read(good[1])


def _denied(request: BaseHTTPRequestHandler) -> bool:
    return deny_everything(request)


def test_a_login_that_may_only_get_objects_learns_from_the_first_one(
    refusing_store: FaultyStore, store: MinioStore, good: list[ImageRef]
) -> None:
    refusing_store.behave(ReadOnlyLogin(GOOD.__contains__))
    missing = ImageRef(good[0].bucket, "missing.jpg")
    with pytest.raises(UnprovenError, match="AccessDenied"):
        store.read(missing)
    assert store.read(good[0]) == PHOTO
    assert refusal(store, missing).reason is Reason.IMAGE_UNREADABLE


def test_or_from_what_was_read_before_it_started(
    refusing_store: FaultyStore, store_of: OpenStore, good: list[ImageRef]
) -> None:
    refusing_store.behave(ReadOnlyLogin(GOOD.__contains__))
    store = store_of(refusing_store.address, lambda _: good)
    missing = ImageRef(good[0].bucket, "missing.jpg")
    assert refusal(store, missing).reason is Reason.IMAGE_UNREADABLE
    refusing_store.behave(deny_everything)
    with pytest.raises(SystemicError, match="AccessDenied"):
        store_of(refusing_store.address, lambda _: good).read(missing)


def test_a_witness_that_was_deleted_says_nothing(
    refusing_store: FaultyStore, store: MinioStore, object_client: Minio, good: list[ImageRef]
) -> None:
    store.read(good[0])
    object_client.remove_object(good[0].bucket, good[0].key)
    refusal(store, ImageRef(good[0].bucket, key_of(400, "InvalidArgument")))
    refusing_store.behave(deny_everything)
    with pytest.raises(SystemicError):
        store.read(good[1])


def test_an_empty_object_and_one_that_is_no_image_prove_access_too(
    store: MinioStore, object_client: Minio, bucket: str
) -> None:
    object_client.put_object(bucket, "empty", BytesIO(b""), 0)
    assert store.read(ImageRef(bucket, "empty")) == b""
    refusal(store, ImageRef(bucket, key_of(403, "AccessDenied")))


def test_while_nothing_can_be_read_those_who_hold_share_one_look(
    refusing_store: FaultyStore,
    store: MinioStore,
    good: list[ImageRef],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(access_module, "STANDS_FOR_S", 3600)
    store.read(good[0])
    refusing_store.behave(deny_everything)
    before = refusing_store.requests
    with ThreadPoolExecutor(16) as pool:
        for error in pool.map(lambda _: failure_of(store, good[1]), range(64)):
            assert isinstance(error, SystemicError)
    looks = 2  # at the one that was read, and at the bucket
    assert refusing_store.requests - before == 64 + looks


def failure_of(store: MinioStore, ref: ImageRef) -> SolofaceError | None:
    try:
        store.read(ref)
    except SolofaceError as error:
        return error
    return None


def test_no_good_object_is_blamed_while_access_comes_and_goes(
    refusing_store: FaultyStore,
    store: MinioStore,
    good: list[ImageRef],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store.read(good[0])
    bad = ImageRef(good[0].bucket, key_of(400, "InvalidArgument"))
    over = threading.Event()

    def read(number: int) -> Counter[str]:
        ref, found = [*good, bad][number % 5], Counter[str]()
        while not over.is_set():
            error = failure_of(store, ref)
            assert ref == bad or not isinstance(error, DataError), error
            found[type(error).__name__] += 1
        return found

    with ThreadPoolExecutor(10) as pool:
        reading = [pool.submit(read, number) for number in range(10)]
        try:
            for _ in range(20):
                refusing_store.behave(deny_everything)
                over.wait(0.1)
                refusing_store.behave(refuse_marked)
                over.wait(0.2)
        finally:
            over.set()
        counts = sum((future.result() for future in reading), Counter[str]())
    assert counts["SystemicError"] > 0
    assert counts["NoneType"] > 0
    for memory in ("UNSTEADY_FOR_S", "STANDS_FOR_S"):
        monkeypatch.setattr(access_module, memory, 0)
    assert refusal(store, bad).reason is Reason.IMAGE_UNREADABLE
