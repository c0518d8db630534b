"""Enrolling while the gallery is moved to another model: no mixed vectors, no photo lost."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest
from numpy.testing import assert_allclose

from connectors.postgres.connection import Database
from connectors.postgres.gallery import index as gallery_index
from connectors.postgres.gallery.enrolments import EnrolmentRegister
from connectors.postgres.gallery.reembedding import Reembedding, ToDo
from connectors.postgres.gallery.search import current_plan, nearest_users
from connectors.postgres.photos.erasure import erase
from dataflow.faces.face import Embedding, FacePack
from dataflow.gallery import search as gallery_search
from dataflow.gallery.enrolment import Enrolment, Portrait, Status
from dataflow.jobs.errors import ConfigurationError
from dataflow.process.retry import LinearBackoff
from dataflow.settings import PREFIX
from dataflow.steps.recognition import recognise
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import ENROLLED
from tests.builders import DIMENSION, FakePack, user
from tests.fixtures.logins import login_with
from tests.fixtures.recording import MODEL, Records, direction, face
from tests.fixtures.worker import Soloface
from tests.world import World, eventually

PATIENCE = LinearBackoff(tries=20, step_s=0.2)
ANA = ENROLLED[0]
ENROLLED_OR_NEW = [
    pytest.param(DIMENSION, 1, id="enrolled before, vectors of one length"),
    pytest.param(DIMENSION + 3, 2, id="new user, vectors of another length"),
]


def enrolment(user_id: UUID, embedding: Embedding, ref: str) -> Enrolment:
    portrait = Portrait(ref, ref, embedding, None)
    return Enrolment(user_id, Status.ENROLLED, embedding, [portrait], fingerprint=ref)


def new_vector(degrees: float, dimension: int) -> Embedding:
    vector = np.zeros(dimension, np.float32)
    vector[:DIMENSION] = direction(degrees)
    return vector


class Move:
    """User 1 is enrolled, and a new model's vector is beside; nothing is cut over yet."""

    def __init__(self, records: Records, dimension: int, databases: ExitStack) -> None:
        self.records = records
        self.dimension = dimension
        self.contract = replace(FakePack.contract, pack="new", dimension=dimension)
        self.reembedding = Reembedding(self._database(databases), self.contract)
        self.register = EnrolmentRegister(self._database(databases), MODEL)
        self.register.save([enrolment(user(1), direction(0), "old.jpg")])
        self.stage(0)

    def _database(self, databases: ExitStack) -> Database:
        database = Database(self.records.settings)
        databases.callback(database.close)
        return database

    def stage(self, degrees: float) -> list[ToDo]:
        todo = self.reembedding.users()
        vector = new_vector(degrees, self.dimension)
        self.reembedding.stage_users([(item, vector) for item in todo])
        return todo

    def cut_over(self) -> bool:
        """As the command does it: again, if a lock was not to be had."""
        try:
            return PATIENCE.call(self.reembedding.cut_over)
        finally:
            # The connection is this thread's.
            self.reembedding.database.close()

    def save(self, item: Enrolment) -> None:
        try:
            self.register.save([item])
        finally:
            self.register.database.close()

    def wait_for_a_lock(self) -> None:
        query = (
            "select 1 from pg_stat_activity "
            "where datname = current_database() and wait_event_type = 'Lock'"
        )
        eventually(lambda: bool(self.records.run(query)), "somebody waits for a lock")

    def enrolled(self) -> dict[UUID, tuple[str, list[str]]]:
        """Every user's model and photos."""
        rows = self.records.run(
            "select u.id, u.face_embedding_model, array_agg(p.ref) as refs from users u "
            "join face_enrolment_photos p on p.user_id = u.id group by u.id"
        )
        return {row["id"]: (row["face_embedding_model"], row["refs"]) for row in rows}


@pytest.fixture(params=[DIMENSION, DIMENSION + 3], ids=["same length", "another length"])
def move(records: Records, request: pytest.FixtureRequest) -> Iterator[Move]:
    with ExitStack() as databases:
        yield Move(records, request.param, databases)


@pytest.mark.parametrize(("move", "number"), ENROLLED_OR_NEW, indirect=["move"])
def test_a_cut_over_waits_for_an_enrolment_and_then_for_that_users_new_vector(
    move: Move, number: int
) -> None:
    item = enrolment(user(number), direction(90), "new.jpg")
    database = move.register.database
    with ThreadPoolExecutor(1) as other:
        with database.connection() as connection, connection.transaction():
            move.register.save([item])
            cut_over = other.submit(move.cut_over)
            move.wait_for_a_lock()
        assert cut_over.result() is False

    assert {model for model, _ in move.enrolled().values()} == {MODEL}
    (todo,) = move.stage(90)
    assert (todo.id, todo.photos) == (user(number), ("new.jpg",))
    assert move.cut_over()
    assert {model for model, _ in move.enrolled().values()} == {move.contract.id}
    assert move.enrolled()[user(number)][1] == ["new.jpg"]
    (row,) = move.records.run(
        "select face_embedding::text as vector from users where id = %s", user(number)
    )
    vector = np.array(row["vector"].strip("[]").split(","), np.float32)
    assert_allclose(vector, new_vector(90, move.dimension), atol=1e-6)


@pytest.mark.parametrize(("move", "number"), ENROLLED_OR_NEW, indirect=["move"])
def test_an_enrolment_waits_for_a_cut_over_and_is_then_refused_whole(
    move: Move, number: int
) -> None:
    item = enrolment(user(number), direction(90), "new.jpg")
    database = move.reembedding.database
    with ThreadPoolExecutor(1) as other:
        with database.connection() as connection, connection.transaction():
            assert move.reembedding.cut_over()
            saved = other.submit(move.save, item)
            move.wait_for_a_lock()
        with pytest.raises(ConfigurationError, match="soloface reembed") as refusal:
            saved.result()

    assert move.contract.id in str(refusal.value)
    assert move.enrolled() == {user(1): (move.contract.id, ["old.jpg"])}
    assert move.reembedding.users() == []


@pytest.mark.parametrize("waits", [False, True], ids=["after it", "while it waits for it"])
def test_no_new_vector_is_staged_of_whoever_withdraws_meanwhile(
    move: Move,
    waits: bool,  # noqa: FBT001 - pytest's parameter
) -> None:
    move.register.save([enrolment(user(2), direction(50), "2.jpg")])
    todo = move.reembedding.users()
    vectors = [(item, new_vector(50, move.dimension)) for item in todo]

    def stage() -> None:
        try:
            move.reembedding.stage_users(vectors)
        finally:
            move.reembedding.database.close()

    database = move.register.database
    with ThreadPoolExecutor(1) as other:
        with database.connection() as connection, connection.transaction():
            erase(connection, "user", user(2), row=False, dry_run=False)
            if waits:
                staged = other.submit(stage)
                move.wait_for_a_lock()
        if not waits:
            staged = other.submit(stage)
        staged.result()

    assert [row["user_id"] for row in move.records.run("table user_embeddings")] == [user(1)]
    assert move.cut_over()
    rows = move.records.run("select id from users where face_embedding is not null")
    assert [row["id"] for row in rows] == [user(1)]


def test_no_new_vector_is_staged_of_a_face_that_is_erased_meanwhile(move: Move) -> None:
    move.records.add_photos(1)
    move.records.recorder().record([face(1, 0)])
    todo = move.reembedding.faces()
    with move.register.database.connection() as connection:
        erase(connection, "user", user(1), row=False, dry_run=False)

    move.reembedding.stage_faces([(item, new_vector(0, move.dimension)) for item in todo])

    assert todo
    assert not move.records.run("table photo_face_embeddings")


def test_an_index_that_outlives_a_move_is_not_searched_before_it_has_proved_itself_again(
    move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_search, "EXACT_BUDGET_MS", 0)
    gallery_index.build(move.records.settings, 1, DIMENSION, lambda _phase, _share: None)
    proof = gallery_search.Proof(model=MODEL, users=1, breadth=1, recall=1, faces=400)
    move.records.run(f"comment on index users_face_search is '{proof.model_dump_json()}'")

    with move.register.database.connection() as connection:
        assert current_plan(connection, MODEL, DIMENSION).name == "index"
    assert move.cut_over()

    with move.reembedding.database.connection() as connection:
        plan = current_plan(connection, move.contract.id, move.dimension)
        found = nearest_users(connection, [new_vector(0, move.dimension)], move.contract.id)
    assert plan.name == "exact"
    gone = move.dimension != DIMENSION
    assert plan.objection
    assert ("there is no index" if gone else f"vectors of {MODEL}") in plan.objection
    assert [candidate.user_id for candidate in found[0]] == [user(1)]


def enrol_by(world: World, user_id: UUID, image: bytes) -> None:
    """Enrol a user, in no time, by a photo that lasts."""
    world.upload("new.jpg", image)
    ref = f"minio://{world.settings.store.bucket}/new.jpg"
    database = Database(world.settings.database)
    register = EnrolmentRegister(database, world.pack.contract.id)
    with closing(database):
        register.save([enrolment(user_id, world.recognise(image).embedding, ref)])


@pytest.mark.parametrize("lasting", [True, False], ids=["old photo there", "old photo gone"])
def test_who_is_enrolled_before_the_cut_over_moves_with_the_new_photo(  # noqa: PLR0913, PLR0917
    world: World,
    soloface: Soloface,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    insightface_folder: Path,
    insightface_pack: FacePack,
    lasting: bool,  # noqa: FBT001 - pytest's parameter
) -> None:
    ana, photo = uuid4(), tmp_path / "ana.jpg"
    photo.write_bytes(jpeg(ANA.portrait()))
    assert soloface("enroll", ana, photo).code == 0
    if not lasting:
        photo.unlink()
    image = CHANGES["turned +18°"](ANA.portrait())
    cut_over, attempts = Reembedding.cut_over, list[bool]()

    def enrolling_first(move: Reembedding, left_behind: Collection[ToDo]) -> bool:
        if not attempts:
            enrol_by(world, ana, image)
        attempts.append(cut_over(move, left_behind))
        return attempts[-1]

    monkeypatch.setattr(Reembedding, "cut_over", enrolling_first)

    moved = soloface("reembed", "--to", insightface_folder, "--leave-behind", "--json")

    assert (moved.code, moved.json["moved"], moved.json["left_behind"]) == (0, True, {})
    assert attempts == [False, True]
    expected = recognise(image, insightface_pack, world.settings.images.max_pixels).embedding
    assert_allclose(world.gallery()[ana], expected, atol=1e-5)


@pytest.mark.usefixtures("insightface_pack")
def test_who_does_not_own_the_tables_is_told_so_instead_of_waiting_for_ever(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch, insightface_folder: Path
) -> None:
    image = CHANGES["turned +18°"](ANA.portrait())
    with world.database() as connection:
        connection.execute("grant all on all tables in schema public to soloface_enroller")
    enrol_by(world, uuid4(), image)

    with login_with("soloface_enroller", world.settings.database) as login:
        monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", login.dsn.get_secret_value())
        done = soloface("reembed", "--to", insightface_folder)

    assert (done.code, done.err) == (1, "error: must be owner of table users\n")
    assert {len(vector) for vector in world.gallery().values()} == {128}
