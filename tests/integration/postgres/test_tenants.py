"""A photo of one gallery is never compared with another's people, whatever happens.

Each gallery's vectors have a length of their own here, so that PostgreSQL and numpy refuse to
compare those of two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from connectors.postgres.gallery.enrolments import EnrolmentRegister
from connectors.postgres.gallery.search import nearest_users
from connectors.postgres.photos.limits import Limits
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.decisions import Decision, Decisions, Word
from connectors.postgres.tags.foretelling import foretell
from connectors.postgres.tags.requests import Requests, Wish
from dataflow.faces.face import Embedding
from dataflow.gallery.limit import FollowingLimit
from dataflow.jobs.errors import SolofaceError
from dataflow.jobs.reason import Reason
from dataflow.steps.matching import MatchPolicy
from tests.builders import photo, user
from tests.faults.law.mistakes import (
    Mistake,
    galleries_are_not_heeded,
    sifting_does_not_heed_galleries,
)
from tests.fixtures.recording import MODEL, THRESHOLD, Records, direction, distance, face
from tests.fixtures.rematching import rematching_of, settle

TENANTS = ("north", "south", "west")
USERS_EACH, PHOTOS_EACH = 4, 3
LIMITS = FollowingLimit(0.01, 1e-9, tuple(distance(degrees) for degrees in (60, 40, 30)))

WHAT = ["job", "job", "enrol", "alone", "leave", "join", "confirm", "reject", "match", "look"]

tenants = st.sampled_from(range(len(TENANTS)))
degrees = st.integers(0, 90)
ones = st.integers(1, USERS_EACH)
shots = st.integers(1, PHOTOS_EACH)


def vector(tenant: int, angle: float) -> Embedding:
    """As long as no other gallery's."""
    return np.concatenate([direction(angle), np.zeros(tenant, np.float32)])


@dataclass(frozen=True)
class Step:
    """Something that happens to one tenant."""

    what: str
    tenant: int
    user: int
    photo: int
    degrees: int


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(WHAT),
        tenants,
        ones,
        shots,
        degrees,
    ),
    min_size=5,
    max_size=25,
)


class Platform:
    """Several tenants in one database, each with users and photos of its own."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.recorder = records.recorder(gallery_required=True)
        self.seq = 0
        self.policy = MatchPolicy(THRESHOLD, gallery_required=True)

    def user(self, step: Step) -> int:
        return step.tenant * 10 + step.user

    def photo(self, step: Step) -> int:
        return step.tenant * 10 + step.photo

    def begin(self) -> None:
        run = self.records.run
        run("truncate users, photos, face_withdrawals, face_withdrawn_photos cascade")
        run("truncate face_match_limits, face_gallery_limits, face_rematches, face_outbox")
        everybody = [Step("", t, n, n, 0) for t in range(len(TENANTS)) for n in range(1, 5)]
        for table, ids in (
            ("users", [user(self.user(step)) for step in everybody]),
            ("photos", [photo(self.photo(step)) for step in everybody]),
        ):
            run(f"insert into {table} (id) select unnest(%s::uuid[])", ids)
        for step in everybody:
            self.records.add_members(TENANTS[step.tenant], self.user(step))
        with closing(rematching_of(self.records)) as rematching:
            Limits(rematching.database).note(MODEL, self.policy, LIMITS)

    def do(self, steps: list[Step]) -> None:
        """All of it, through the code that workers and commands run."""
        with capture_logs() as logs:
            self._do(steps)
        refused = [one for one in logs if one["event"] == "rematch_refused"]
        assert not refused, f"refused: {refused}"

    def _do(self, steps: list[Step]) -> None:
        with closing(rematching_of(self.records)) as rematching:
            rules = Rules(self.policy, MODEL)
            for step in steps:
                name = TENANTS[step.tenant]
                match step.what:
                    case "job":
                        self.batch([one for one in steps if one.what == "job"])
                    case "enrol":
                        EnrolmentRegister(rematching.database, MODEL).nearest(
                            [vector(step.tenant, step.degrees)], [frozenset({name})], 3
                        )
                        self.enrol(step)
                    case "alone":
                        self.enrol(step)
                    case "leave":
                        self.records.run(
                            "delete from face_gallery_members where user_id = %s",
                            user(self.user(step)),
                        )
                    case "join":
                        self.records.run(
                            "insert into face_gallery_members values (%s, %s) "
                            "on conflict do nothing",
                            name,
                            user(self.user(step)),
                        )
                    case "confirm" | "reject":
                        word = Word.CONFIRMED if step.what == "confirm" else Word.REJECTED
                        said = Decision(photo(self.photo(step)), user(self.user(step)), word)
                        Decisions(rematching.database, rules).take(said)
                    case "match":
                        Requests(rematching.database).leave(Wish(gallery=name), MODEL)
                        settle(rematching)
                    case "look":
                        list(foretell(rematching.database, Wish(), rules))
            settle(rematching)

    def enrol(self, step: Step) -> None:
        self.records.run(
            "update users set face_embedding = %s, face_embedding_model = %s where id = %s",
            str(vector(step.tenant, step.degrees).tolist()),
            MODEL,
            user(self.user(step)),
        )

    def batch(self, jobs: list[Step]) -> None:
        """Of all tenants together, and one that names none."""
        items = {}
        for step in jobs:
            self.seq += 1
            item = face(self.photo(step), seq=self.seq, gallery=TENANTS[step.tenant])
            seen = replace(item.face, embedding=vector(step.tenant, step.degrees))
            items[self.photo(step)] = replace(item, face=seen)
        self.seq += 1
        items[4] = face(4, seq=self.seq)
        settled = self.recorder.record(list(items.values()))
        refused = [one.detail for one in settled if one.reason is Reason.WRITE_REJECTED]
        assert not refused, refused

    def problems(self) -> Iterator[str]:
        """What shows that a face was compared with somebody else's people."""
        for row in self.records.run(
            "select gallery, photo_id, nearest_user_id, second_user_id, "
            "(select user_id from face_matches where photo_face_id = photo_faces.id) as tagged "
            "from photo_faces"
        ):
            for kind in ("nearest_user_id", "second_user_id", "tagged"):
                seen = row[kind]
                if seen is not None and TENANTS[(seen.int - 0xA000) // 10] != row["gallery"]:
                    yield f"photo {row['photo_id'].int} of {row['gallery']}: {kind} {seen.int}"


@pytest.fixture
def platform(records: Records) -> Platform:
    # Of any length each.
    records.run("alter table users alter column face_embedding type vector")
    records.run("alter table photo_faces alter column embedding type vector")
    return Platform(records)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(story=steps, few=st.sampled_from((1, 8)))
def test_no_photo_is_compared_with_another_tenants_people(
    platform: Platform, story: list[Step], few: int
) -> None:
    platform.begin()
    with patch("connectors.postgres.tags.sifting.FEW", few):
        platform.do(story)
    assert list(platform.problems()) == []
    assert platform.records.run("select from photo_faces where gallery is null") == []


@pytest.mark.parametrize("mistake", [galleries_are_not_heeded, sifting_does_not_heed_galleries])
def test_such_a_comparison_does_not_go_unnoticed(platform: Platform, mistake: Mistake) -> None:
    """Else the test above would say nothing."""
    platform.begin()
    story = [
        Step(what, tenant, 1, 1, 5) for what in ("job", "match", "alone") for tenant in (0, 1, 2)
    ]
    with (
        mistake(),
        pytest.raises((AssertionError, SolofaceError), match=r"vector dimensions|refused"),
    ):
        platform.do(story)


def test_where_a_gallery_is_required_no_search_finds_anybody_without_one(
    platform: Platform,
) -> None:
    platform.begin()
    platform.enrol(Step("", 0, 1, 1, 0))
    with platform.recorder.database.connection() as connection:
        assert nearest_users(connection, [vector(0, 0)], MODEL) == [[]]
    register = EnrolmentRegister(platform.recorder.database, MODEL)
    assert register.nearest([vector(0, 0)], [frozenset()], 2) == [[]]
    (found,) = register.nearest([vector(0, 0)], [frozenset({"north"})], 2)
    assert [one.user_id for one in found] == [user(1)]
