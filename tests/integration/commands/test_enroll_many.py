"""`soloface enroll` for many users: where photos come from, who is refused, what is recorded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.gallery.enrolments import EnrolmentRegister
from dataflow.gallery.enrolment import Enrolment, Status
from dataflow.jobs.errors import ConfigurationError
from soloface.cli.demo.changes import brightened, jpeg
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.worker import Soloface
from tests.world import World

ANA, BEA = ENROLLED[:2]


def photo_counts(world: World, *users: UUID) -> dict[UUID, int]:
    with closing(Database(world.settings.database)) as database:
        register = EnrolmentRegister(database, world.pack.contract.id)
        return dict(register.photo_counts(users))


def test_a_folder_tree_enrols_its_users(
    world: World, soloface: Soloface, tmp_path: Path, tree: dict[str, UUID]
) -> None:
    done = soloface("enroll", "--folder", tmp_path, "--by", "Olga")

    assert done.code == 0
    assert "2 users enrolled, 0 unchanged, 0 not enrolled" in " ".join(done.out.split())
    assert world.gallery().keys() == set(tree.values())
    with world.database() as connection:
        rows = connection.execute("select * from face_enrolments").fetchall()
        photos = connection.execute("select * from face_enrolment_photos").fetchall()
    assert {row["user_id"] for row in rows} == set(tree.values())
    for row in rows:
        assert (row["photos"], row["enrolled_by"]) == (2, "Olga")
        assert (row["model"], row["database_role"]) == (world.pack.contract.id, "soloface")
    assert len(photos) == 4
    assert all(Path(photo["ref"]).is_absolute() for photo in photos)
    assert all(photo["quality"]["sharpness"] > 0 for photo in photos)
    ana, bea = tree.values()
    assert photo_counts(world, ana, bea, uuid4()) == {ana: 2, bea: 2}
    with world.database() as connection:
        connection.execute("update users set face_enrolled_at = now() where id = %s", [bea])
    assert photo_counts(world, ana, bea) == {ana: 2}


def test_objects_under_a_prefix_enrol_their_users_and_their_references_last(
    world: World, soloface: Soloface, tmp_path: Path, tree: dict[str, UUID]
) -> None:
    for photo in tmp_path.glob("*/*.jpg"):
        world.upload(f"people/{photo.parent.name}/{photo.name}", photo.read_bytes())
    world.upload("people/readme.txt", b"no user's")

    done = soloface("enroll", "--prefix", "people/", "--json")

    assert {user["user_id"]: user["enrolled"] for user in done.json} == {
        str(user): True for user in tree.values()
    }
    bucket = world.settings.store.bucket
    refs = {used["photo"] for user in done.json for used in user["used"]}
    assert refs == {
        f"minio://{bucket}/people/{user}/{n}.jpg" for user in tree.values() for n in (1, 2)
    }
    again = soloface("enroll", "--prefix", f"minio://{bucket}/people", "--json")
    assert [user["status"] for user in again.json] == ["unchanged", "unchanged"]


@pytest.mark.usefixtures("world")
def test_a_folder_that_is_no_users_is_named(soloface: Soloface, tmp_path: Path) -> None:
    (tmp_path / "ana").mkdir()
    (tmp_path / "ana" / "1.jpg").touch()

    done = soloface("enroll", "--folder", tmp_path)

    assert done.code == 1
    assert "ana is not the id of a user; name each folder by its user's id" in done.err
    assert "--users FILE.csv with the columns folder and user_id" in done.err


def test_a_photo_of_somebody_else_is_refused_and_named(
    world: World, soloface: Soloface, tmp_path: Path, tree: dict[str, UUID]
) -> None:
    odd = tmp_path / str(tree["ana"]) / "odd.jpg"
    odd.write_bytes(jpeg(BEA.portrait()))

    done = soloface("enroll", "--folder", tmp_path, "--json")

    ana = next(user for user in done.json if user["user_id"] == str(tree["ana"]))
    assert [(r["photo"], r["reason"]) for r in ana["refused"]] == [(str(odd), "unlike_others")]
    assert len(ana["used"]) == 2
    with world.database() as connection:
        (row,) = connection.execute(
            "select ref from face_enrolment_photos where refused = 'unlike_others'"
        ).fetchall()
    assert row["ref"] == str(odd)


def test_a_burnt_out_photo_is_refused_and_what_was_measured_is_told(
    world: World, soloface: Soloface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "bright.jpg"
    photo.write_bytes(brightened(ANA.portrait(), 5))

    refused = soloface("enroll", uuid4(), photo, "--json")

    assert refused.code == 1
    (refusal,) = refused.json[0]["refused"]
    assert refusal["reason"] == "too_bright"
    assert refusal["quality"]["brightness"] > 240
    assert not world.gallery()
    monkeypatch.setenv("SOLOFACE_ENROLMENT__QUALITY", "off")
    assert soloface("enroll", uuid4(), photo).code == 0


def test_a_dry_run_stores_nothing(
    world: World, soloface: Soloface, tmp_path: Path, tree: dict[str, UUID]
) -> None:
    done = soloface("enroll", "--folder", tmp_path, "--dry-run", "--keep-photos")

    assert done.code == 0
    assert f"{len(tree)} users would be enrolled" in " ".join(done.out.split())
    assert not world.gallery()
    assert not list(world.store.list_objects(world.settings.store.bucket, recursive=True))


def test_a_platform_whose_users_need_more_than_an_id_adds_them_itself(
    world: World, soloface: Soloface, tmp_path: Path, tree: dict[str, UUID]
) -> None:
    with world.database() as connection:
        connection.execute("alter table users add column email text not null")
        connection.execute("insert into users (id, email) values (%s, 'a@b.c')", [tree["ana"]])

    done = soloface("enroll", "--folder", tmp_path, "--json")

    assert done.code == 1
    statuses = {user["user_id"]: user["status"] for user in done.json}
    assert statuses == {str(tree["ana"]): "enrolled", str(tree["bea"]): "unknown_user"}
    assert world.gallery().keys() == {tree["ana"]}


def test_a_gallery_that_is_moved_meanwhile_is_not_mixed_either(
    world: World, soloface: Soloface, tmp_path: Path, tree: dict[str, UUID]
) -> None:
    soloface("enroll", "--folder", tmp_path)
    with world.database() as connection:
        connection.execute("update users set face_embedding_model = 'other-0123456789ab'")
    register = EnrolmentRegister(Database(world.settings.database), world.pack.contract.id)
    vector = world.gallery()[tree["ana"]]

    with closing(register.database), pytest.raises(ConfigurationError, match="soloface reembed"):
        register.save([Enrolment(tree["ana"], Status.ENROLLED, vector)])

    with world.database() as connection:
        rows = connection.execute("select distinct face_embedding_model from users").fetchall()
    assert [row["face_embedding_model"] for row in rows] == ["other-0123456789ab"]


def test_a_gallery_of_another_model_is_not_mixed_with_this_one(
    world: World, soloface: Soloface, tmp_path: Path, tree: dict[str, UUID]
) -> None:
    soloface("enroll", "--folder", tmp_path)
    with world.database() as connection:
        connection.execute("update users set face_embedding_model = 'other-0123456789ab'")

    done = soloface("enroll", tree["ana"], tmp_path / str(tree["ana"]) / "1.jpg")

    assert done.code == 1
    assert "soloface reembed" in done.err


@pytest.fixture
def named(tmp_path: Path, tree: dict[str, UUID]) -> dict[str, UUID]:
    """The same folders by names of their own, and the table that says whose they are."""
    lines = ["folder,user_id"]
    for number, user in enumerate(tree.values()):
        name = f"Ana & Béa {number}"
        (tmp_path / str(user)).rename(tmp_path / name)
        lines.append(f"{name},{user}")
    (tmp_path / "names.csv").write_text("\n".join(lines), encoding="utf-8")
    return tree


def test_folders_with_any_names_enrol_the_users_that_a_table_names(
    world: World, soloface: Soloface, tmp_path: Path, named: dict[str, UUID]
) -> None:
    done = soloface("enroll", "--folder", tmp_path, "--users", tmp_path / "names.csv")

    assert done.code == 0
    assert world.gallery().keys() == set(named.values())


def test_objects_in_folders_with_any_names_too(
    world: World, soloface: Soloface, tmp_path: Path, named: dict[str, UUID]
) -> None:
    for photo in tmp_path.glob("*/*.jpg"):
        world.upload(f"people/{photo.parent.name}/{photo.name}", photo.read_bytes())

    done = soloface("enroll", "--prefix", "people", "--users", tmp_path / "names.csv")

    assert done.code == 0
    assert world.gallery().keys() == set(named.values())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("Béa 1", "Bea 1"), "there is no folder Ana & Bea 1"),
        (lambda text: text.partition("\nAna & Béa 1")[0], "does not name the folder Ana & Béa 1"),
        (lambda text: text + f"\nAna & Béa 1,{UUID(int=7)}", "is another user's further up"),
        (lambda text: text.replace("folder", "name"), "there is no column folder"),
    ],
)
def test_a_table_of_names_that_does_not_fit_the_folders_enrols_nobody(  # noqa: PLR0913, PLR0917 - fixtures and a table
    world: World,
    soloface: Soloface,
    tmp_path: Path,
    named: dict[str, UUID],
    change: Callable[[str], str],
    words: str,
) -> None:
    assert named
    table = tmp_path / "names.csv"
    table.write_text(change(table.read_text(encoding="utf-8")), encoding="utf-8")

    done = soloface("enroll", "--folder", tmp_path, "--users", table)

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert words in done.err
    assert not world.gallery()


@pytest.mark.parametrize("source", ["--prefix", "--folder"])
@pytest.mark.usefixtures("world")
def test_where_there_is_nobody_to_enrol_the_exit_code_says_so(
    soloface: Soloface, tmp_path: Path, source: str
) -> None:
    (tmp_path / "no-such").mkdir()
    done = soloface("enroll", source, "no-such" if source == "--prefix" else tmp_path / "no-such")

    assert (done.code, done.out) == (1, "")
    assert "no-such: there are no photos of users" in done.err


@pytest.mark.usefixtures("world")
def test_a_table_of_names_goes_with_folders_only(soloface: Soloface, tmp_path: Path) -> None:
    assert soloface("enroll", uuid4(), "a.jpg", "--users", tmp_path / "names.csv").code == 2
