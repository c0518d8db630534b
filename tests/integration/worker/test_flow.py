"""The whole flow: a mixed stream of jobs, and what the log, the tables and the streams then say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

import numpy as np
import pytest

from dataflow.faces.face import EmbeddedFace
from dataflow.jobs.reason import Outcome, Reason
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import (
    CAT,
    ENROLLED,
    GROUP,
    LANDSCAPE,
    STRANGERS,
    Person,
    load_picture,
)
from tests.fixtures.worker import Log, MakeWorld, RunWorker
from tests.odd_payloads import LARGEST, odd_payloads
from tests.world import Photo, World

SOME_CHANGES = list(CHANGES.values())[::3]
TABLES = ("photo_faces", "face_matches", "face_match_outcomes")
TWIN_WAS_FIRST = {Reason.DUPLICATE_IN_FLIGHT, Reason.ALREADY_MATCHED}


@dataclass(frozen=True, slots=True)
class Case:
    """A job and its outcome; ``person`` must be matched, ``face`` is what is on the photo.

    Of twins, two jobs for one photo, either may be the first.
    """

    payload: bytes
    reason: Reason
    photo: Photo | None = None
    person: str | None = None
    face: EmbeddedFace | None = None
    delivered_before: int = 0
    twin: bool = False

    @property
    def expected(self) -> set[Reason]:
        return {self.reason} | (TWIN_WAS_FIRST if self.twin else set())


def matches(world: World, people: Sequence[Person]) -> Iterator[Case]:
    matched = Reason.MATCHED
    for index, person in enumerate(people):
        for change in SOME_CHANGES:
            image = change(person.portrait())
            photo = world.photo(image)
            job = photo.job(face_index=index, faces_detected=1)
            yield Case(job, matched, photo, person.name, world.recognise(image))
    name = people[0].name
    image = jpeg(people[0].portrait())
    face = world.recognise(image)
    for delivered_before in (1, 2):
        photo = world.photo(image)
        yield Case(photo.job(), matched, photo, name, face, delivered_before)
    photo = world.photo(image)
    full_reference = f"minio://{world.settings.store.bucket}/{photo.key}"
    yield Case(photo.job(image_ref=full_reference, x=1), matched, photo, name, face, twin=True)
    yield Case(photo.job(), matched, photo, name, face, twin=True)


def skips(world: World) -> Iterator[Case]:
    for stranger in STRANGERS:
        image = jpeg(stranger.portrait())
        photo, face = world.photo(image), world.recognise(image)
        yield Case(photo.job(), Reason.NO_USER_WITHIN_DISTANCE, photo, face=face)
    for picture, reason in (
        (GROUP, Reason.MULTIPLE_FACES),
        (LANDSCAPE, Reason.NO_FACE),
        (CAT, Reason.NO_FACE),
    ):
        photo = world.photo(jpeg(load_picture(picture)))
        yield Case(photo.job(), reason, photo)
    portrait = jpeg(ENROLLED[1].portrait())
    for fields, reason in (
        ({"faces_detected": 0}, Reason.NOT_SINGLE_FACE_HINT),
        ({"faces_detected": 2**60}, Reason.NOT_SINGLE_FACE_HINT),
        ({"image_ref": None}, Reason.MISSING_IMAGE_REF),
        ({"image_ref": " "}, Reason.MISSING_IMAGE_REF),
    ):
        photo = world.photo(portrait)
        yield Case(photo.job(**fields), reason, photo)
    unknown = world.photo(portrait, listed=False)
    yield Case(unknown.job(), Reason.PHOTO_NOT_FOUND, unknown)


def rejections(world: World, noise: int) -> Iterator[Case]:
    whole = jpeg(ENROLLED[0].portrait())
    for image in (whole[: len(whole) // 2], b"no photo", b"", b"\x89PNG\r\n\x1a\n" + bytes(50)):
        photo = world.photo(image)
        yield Case(photo.job(), Reason.IMAGE_UNDECODABLE, photo)
    absent = world.photo()
    yield Case(absent.job(), Reason.IMAGE_NOT_FOUND, absent)
    for reference in (
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "../secret.jpg",
        "minio://another-bucket/photo.jpg",
        "nul\0.jpg",
        "a" * 1025,
    ):
        photo = world.photo(whole)
        yield Case(photo.job(image_ref=reference), Reason.INVALID_IMAGE_REF, photo)
    worn_out = world.photo(whole)
    yield Case(worn_out.job(), Reason.ATTEMPTS_EXHAUSTED, worn_out, delivered_before=3)
    for payload in odd_payloads(noise):
        yield Case(payload, Reason.MALFORMED_PAYLOAD)


def publish(world: World, cases: list[Case]) -> dict[int, Case]:
    """The cases by sequence; those that were delivered before have to be so."""
    published, taken = {}, []
    for case in [case for case in cases if case.delivered_before]:
        published[world.publish(case.payload)[0]] = case
        for _ in range(case.delivered_before - 1):
            world.hand_back(world.take())
        taken += world.take()  # and kept, so that the next one is the only one to take
    rest = [case for case in cases if not case.delivered_before]
    published |= zip(world.publish(*(case.payload for case in rest)), rest, strict=True)
    world.hand_back(taken)
    return published


@pytest.fixture
def mixed_world(make_world: MakeWorld) -> World:
    return make_world(MATCH__MAX_DISTANCE="0.55", NATS__MAX_DELIVER="3")


@pytest.mark.parametrize("threads", [1, 4])
def test_a_mixed_stream_ends_as_it_must_in_the_log_the_tables_and_the_streams(
    mixed_world: World, run_worker: RunWorker, log: Log, threads: int
) -> None:
    world = mixed_world
    users = world.enrol(*ENROLLED)
    cases = publish(world, [*matches(world, ENROLLED), *skips(world), *rejections(world, 1000)])

    worker = run_worker(threads)
    log.wait_settled(list(cases))
    worker.stop()

    assert_log(log, cases, users)
    assert_outcomes(world, log, cases, users)
    assert_faces_and_matches(world, cases, users)
    assert_dead_letters(world, cases)
    world.assert_nothing_is_left()


def test_the_same_jobs_once_more_change_no_match(
    mixed_world: World, run_worker: RunWorker, log: Log
) -> None:
    world = mixed_world
    world.enrol(*ENROLLED)
    cases = publish(world, [*matches(world, ENROLLED[:2]), *skips(world), *rejections(world, 0)])
    worker = run_worker(2)
    log.wait_settled(list(cases))
    faces, matched, outcomes = map(world.rows, TABLES)

    repeated = [case for case in cases.values() if not case.delivered_before]
    again = world.publish(*(case.payload for case in repeated))
    log.wait_settled(again)
    worker.stop()

    reasons = log.reasons()
    for sequence, case in zip(again, repeated, strict=True):
        expected = {Reason.ALREADY_MATCHED} if case.person else {case.reason}
        if case.face:  # the worker may remember the photo
            expected.add(Reason.DUPLICATE_IN_FLIGHT)
        assert reasons[sequence] in expected
    assert world.rows("photo_faces").keys() == faces.keys()
    assert world.rows("face_matches") == matched
    later = world.rows("face_match_outcomes")
    assert later.keys() == outcomes.keys()
    assert all(later[photo_id] == outcomes[photo_id] for photo_id in matched)
    world.assert_nothing_is_left()


def assert_log(log: Log, cases: dict[int, Case], users: dict[str, UUID]) -> None:
    reasons = log.reasons()
    assert reasons.keys() == cases.keys()
    found = {sequence: (reasons[sequence], case) for sequence, case in cases.items()}
    assert not {s: both for s, both in found.items() if both[0] not in both[1].expected}
    twins = [reasons[sequence] for sequence, case in cases.items() if case.twin]
    assert twins.count(Reason.MATCHED) == 1
    for line in log.settled:
        case = cases[line["stream_seq"]]
        assert line["outcome"] == Reason(line["reason"]).outcome
        assert line["photo_id"] == (str(case.photo.id) if case.photo else None)
        user = users[case.person or ""] if line["reason"] == Reason.MATCHED else None
        assert line.get("user_id") == (str(user) if user else None)
        if case.reason is not Reason.PHOTO_NOT_FOUND:  # whose job is granted time
            assert line["deliveries"] == 1 + case.delivered_before
        assert "repeated" not in line
    assert not log.events("answer_unconfirmed")


def assert_outcomes(world: World, log: Log, cases: dict[int, Case], users: dict[str, UUID]) -> None:
    by_photo = {case.photo.id: case for case in cases.values() if case.photo}
    rows = world.rows("face_match_outcomes")
    assert rows.keys() == by_photo.keys()
    for photo_id, case in by_photo.items():
        row = rows[photo_id]
        assert (row["reason"], row["outcome"]) == (case.reason, case.reason.outcome)
        (line,) = log.events("job_settled", stream_seq=row["stream_seq"])
        assert (line["photo_id"], line["reason"]) == (str(photo_id), case.reason)
        assert (str(row["job_id"]), row["deliveries"]) == (line["job_id"], line["deliveries"])
        assert (row["known_photo_id"] is None) == (case.reason is Reason.PHOTO_NOT_FOUND)
        if case.person:
            assert row["user_id"] == users[case.person]
        if case.face:
            assert row["distance"] == pytest.approx(line["distance"], abs=1e-4)
            assert row["within_threshold"] == bool(case.person)
            assert row["model"] == world.pack.contract.id


def assert_faces_and_matches(world: World, cases: dict[int, Case], users: dict[str, UUID]) -> None:
    by_photo = {case.photo.id: case for case in cases.values() if case.photo and case.face}
    faces, matched, gallery = world.rows("photo_faces"), world.rows("face_matches"), world.gallery()
    assert faces.keys() == by_photo.keys()
    assert matched.keys() == {photo_id for photo_id, case in by_photo.items() if case.person}
    for photo_id, row in faces.items():
        face, stored = by_photo[photo_id].face, row["embedding"].to_numpy()
        assert face
        assert np.linalg.norm(stored) == pytest.approx(1, abs=1e-5)
        assert stored == pytest.approx(face.embedding, abs=1e-5)
        assert row["bbox"] == pytest.approx(asdict(face.box), abs=1e-3)
        assert row["det_score"] == pytest.approx(face.score, abs=1e-5)
        assert row["model"] == world.pack.contract.id
    for photo_id, row in matched.items():
        case = by_photo[photo_id]
        assert case.face
        distances = {user: 1 - float(v @ case.face.embedding) for user, v in gallery.items()}
        nearest = min(distances, key=distances.__getitem__)
        assert row["user_id"] == nearest == users[case.person or ""]
        assert row["confidence"] == pytest.approx(distances[nearest], abs=1e-5)


def assert_dead_letters(world: World, cases: dict[int, Case]) -> None:
    rejected = {
        sequence: case
        for sequence, case in cases.items()
        if case.reason.outcome is Outcome.REJECTED
    }
    letters = {int((m.headers or {})["Soloface-Stream-Seq"]): m for m in world.dead_letters()}
    assert letters.keys() == rejected.keys()
    assert len(world.dead_letters()) == len(rejected)
    for sequence, letter in letters.items():
        headers = letter.headers or {}
        data, payload = letter.data or b"", rejected[sequence].payload
        assert data == payload[: len(data)]
        if len(data) < len(payload):  # no room for the headers
            assert len(payload) > LARGEST - 5000
            assert headers["Soloface-Payload-Bytes"] == str(len(payload))
        assert headers["Soloface-Reason"] == rejected[sequence].reason
        assert headers["Soloface-Stream"] == world.settings.nats.stream
        assert int(headers["Soloface-Deliveries"]) == 1 + rejected[sequence].delivered_before
        assert headers["Soloface-Published-At"]
        assert headers["Soloface-Error"]
