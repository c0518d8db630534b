"""Moving a gallery to another model while the worker runs, without one mixed match."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest
from pgvector.psycopg import register_vector

from dataflow.faces.face import FacePack
from dataflow.settings import OPEN_PACK
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.worker import Log, RunWorker, Soloface
from tests.world import World

PEOPLE = ENROLLED[:3]


@pytest.fixture
def users(world: World, soloface: Soloface, tmp_path: Path) -> dict[str, UUID]:
    """Enrolled users by name, whose photos are kept; then the files are gone."""
    ids = {person.name: uuid4() for person in PEOPLE}
    for person in PEOPLE:
        folder = tmp_path / str(ids[person.name])
        folder.mkdir()
        (folder / "one.jpg").write_bytes(jpeg(person.portrait()))
        (folder / "two.jpg").write_bytes(CHANGES["quality 25"](person.portrait()))
    assert soloface("enroll", "--folder", tmp_path, "--keep-photos").code == 0
    for photo in tmp_path.glob("*/*.jpg"):
        photo.unlink()
    assert len(world.gallery()) == len(PEOPLE)
    return ids


def jobs(world: World, rounds: int) -> list[bytes]:
    """One job for each photo of each person."""
    return [
        photo.job() for person in PEOPLE for photo in world.photos(jpeg(person.portrait()), rounds)
    ]


def assert_every_match_is_of_one_model(world: World) -> dict[str, int]:
    """Compare each match's distance with its own model's vectors; returns matches by model."""
    query = """
        select o.model, m.confidence,
            coalesce(fb.embedding, f.embedding) as face,
            coalesce(ub.embedding, u.face_embedding) as user
        from face_matches m
        join photo_faces f on f.id = m.photo_face_id
        join face_match_outcomes o on o.photo_id = f.photo_id
        join users u on u.id = m.user_id
        left join photo_face_embeddings fb on fb.photo_face_id = f.id and fb.model = o.model
        left join user_embeddings ub on ub.user_id = u.id and ub.model = o.model
    """
    counts: dict[str, int] = {}
    with world.database() as connection:
        register_vector(connection)
        for row in connection.execute(query).fetchall():
            face, user = row["face"].to_numpy(), row["user"].to_numpy()
            assert 1 - np.dot(face, user) == pytest.approx(row["confidence"], abs=1e-5)
            counts[row["model"]] = counts.get(row["model"], 0) + 1
    return counts


def test_a_gallery_moves_to_another_model_under_a_running_worker(  # noqa: PLR0913, PLR0917
    world: World,
    users: dict[str, UUID],
    soloface: Soloface,
    run_worker: RunWorker,
    log: Log,
    insightface_pack: FacePack,
    insightface_folder: Path,
) -> None:
    old = run_worker()
    before = world.publish(*jobs(world, 3))
    log.wait_settled(before)
    flood = world.publish(*jobs(world, 10))

    moved = soloface("reembed", "--to", insightface_folder, "--photos", "--json")

    assert (moved.code, moved.json["moved"], moved.json["users"]) == (0, True, len(users))
    after = world.publish(*jobs(world, 2))
    log.wait(lambda: bool(log.events("dependency_unusable")))
    message = log.events("dependency_unusable")[0]["error"]
    for words in (world.pack.contract.id, insightface_pack.contract.id, "SOLOFACE_MODEL__PACK"):
        assert words in message
    old.stop()
    run_worker(MODEL__PACK=str(insightface_folder))
    log.wait_settled(after + flood)

    assert {line["reason"] for line in log.settled} == {"matched"}
    assert len(world.rows("face_matches")) == len(before + flood + after)
    counts = assert_every_match_is_of_one_model(world)
    assert counts[insightface_pack.contract.id] >= len(before + after)
    assert sum(counts.values()) == len(before + flood + after)
    world.assert_nothing_is_left()


def test_moving_back_takes_the_old_vectors_until_they_are_dropped(
    world: World,
    users: dict[str, UUID],
    soloface: Soloface,
    insightface_folder: Path,
) -> None:
    first = world.gallery()
    soloface("reembed", "--to", insightface_folder)
    assert {len(vector) for vector in world.gallery().values()} == {512}

    back = soloface("reembed", "--to", OPEN_PACK, "--json")

    assert (back.json["moved"], back.json["users"]) == (True, 0)
    again = world.gallery()
    assert again.keys() == set(users.values())
    assert all(np.array_equal(again[user], first[user]) for user in first)
    dropped = soloface("reembed", "--to", OPEN_PACK, "--drop-old", "--json")
    assert dropped.json["dropped"] == len(users)
    with world.database() as connection:
        rows = connection.execute("select distinct model from user_embeddings").fetchall()
    assert [row["model"] for row in rows] == [world.pack.contract.id]
    assert all(np.array_equal(world.gallery()[user], first[user]) for user in first)


def test_users_whose_photos_are_gone_are_named_and_keep_the_gallery_where_it_is(
    world: World,
    users: dict[str, UUID],
    soloface: Soloface,
    tmp_path: Path,
    insightface_folder: Path,
) -> None:
    photo = tmp_path / "gwen.jpg"
    photo.write_bytes(jpeg(ENROLLED[6].portrait()))
    gwen = uuid4()
    soloface("enroll", gwen, photo)
    photo.unlink()

    refused = soloface("reembed", "--to", insightface_folder, "--json")

    assert (refused.code, refused.json["moved"]) == (1, False)
    assert refused.json["left_behind"] == {str(gwen): "unreadable_file"}
    assert {len(vector) for vector in world.gallery().values()} == {128}
    moved = soloface("reembed", "--to", insightface_folder, "--leave-behind", "--json")
    assert (moved.code, moved.json["moved"], moved.json["users"]) == (0, True, 0)
    with world.database() as connection:
        rows = connection.execute("select id from users where face_embedding is not null")
        assert {row["id"] for row in rows.fetchall()} == set(users.values())
