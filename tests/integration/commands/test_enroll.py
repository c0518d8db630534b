"""`soloface enroll`: photos in, one vector per user out, and a reason for each photo refused."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest

from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import CAT, ENROLLED, GROUP, load_picture
from tests.fixtures.worker import MakeWorld, Soloface
from tests.world import World

ANA, BEA = ENROLLED[:2]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder with photos of Ana and Bea, and some that nobody can be enrolled by."""
    (tmp_path / "ana1.jpg").write_bytes(jpeg(ANA.portrait()))
    (tmp_path / "ana2.jpg").write_bytes(CHANGES["turned +18°"](ANA.portrait()))
    (tmp_path / "bea.jpg").write_bytes(jpeg(BEA.portrait()))
    (tmp_path / "group.jpg").write_bytes(jpeg(load_picture(GROUP)))
    (tmp_path / "cat.jpg").write_bytes(jpeg(load_picture(CAT)))
    (tmp_path / "text.jpg").write_text("not a photo")
    return tmp_path


def unit_mean(world: World, *photos: Path) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    mean = np.sum([world.recognise(photo.read_bytes()).embedding for photo in photos], axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def test_one_photo_becomes_the_vector_of_a_new_user(
    world: World, soloface: Soloface, album: Path
) -> None:
    user = uuid4()

    done = soloface("enroll", user, album / "ana1.jpg")

    assert done.code == 0
    assert f"enrolled {user} from 1 photo ({world.pack.contract.id})" in " ".join(done.out.split())
    assert world.gallery()[user] == pytest.approx(unit_mean(world, album / "ana1.jpg"), abs=1e-5)


def test_several_photos_become_their_unit_mean_and_replace_what_was_there(
    world: World, soloface: Soloface, album: Path
) -> None:
    user = uuid4()
    soloface("enroll", user, album / "bea.jpg")

    done = soloface("enroll", user, album / "ana1.jpg", album / "ana2.jpg", "--json")

    photos = [album / "ana1.jpg", album / "ana2.jpg"]
    (answer,) = done.json
    assert (answer["user_id"], answer["status"]) == (str(user), "enrolled")
    assert [used["photo"] for used in answer["used"]] == list(map(str, photos))
    assert all(used["quality"]["eye_distance_px"] > 30 for used in answer["used"])
    assert answer["refused"] == []
    stored = world.gallery()[user]
    assert stored == pytest.approx(unit_mean(world, *photos), abs=1e-5)
    assert np.linalg.norm(stored) == pytest.approx(1, abs=1e-5)


def test_photos_that_do_not_show_one_face_are_refused_with_a_reason_and_the_rest_is_used(
    world: World, soloface: Soloface, album: Path
) -> None:
    user = uuid4()
    bad = ["group.jpg", "cat.jpg", "text.jpg", "absent.jpg"]

    done = soloface("enroll", user, album / "ana1.jpg", *(album / name for name in bad), "--json")

    assert done.code == 0
    (answer,) = done.json
    assert [used["photo"] for used in answer["used"]] == [str(album / "ana1.jpg")]
    reasons = {Path(refusal["photo"]).name: refusal["reason"] for refusal in answer["refused"]}
    expected = ["multiple_faces", "no_face", "image_undecodable", "unreadable_file"]
    assert reasons == dict(zip(bad, expected, strict=True))
    assert world.gallery()[user] == pytest.approx(unit_mean(world, album / "ana1.jpg"), abs=1e-5)


def test_a_user_without_a_usable_photo_is_not_enrolled_and_the_exit_code_says_so(
    world: World, soloface: Soloface, album: Path
) -> None:
    done = soloface("enroll", uuid4(), album / "cat.jpg")

    assert done.code == 1
    assert "no_face" in done.out
    assert not world.gallery()


def test_a_csv_enrols_many_users_by_photos_beside_it(
    world: World, soloface: Soloface, album: Path
) -> None:
    ana, bea, nobody = uuid4(), uuid4(), uuid4()
    rows = [(ana, "ana1.jpg"), (bea, "bea.jpg"), (ana, "ana2.jpg"), (nobody, "cat.jpg")]
    table = album / "users.csv"
    lines = ["user_id,photo", *(f"{user},{photo}" for user, photo in rows)]
    table.write_text("\n".join(lines), encoding="utf-8-sig")

    done = soloface("enroll", "--csv", table, "--json")

    assert done.code == 1
    assert {UUID(user["user_id"]): user["enrolled"] for user in done.json} == {
        ana: True,
        bea: True,
        nobody: False,
    }
    gallery = world.gallery()
    assert gallery.keys() == {ana, bea}
    both = unit_mean(world, album / "ana1.jpg", album / "ana2.jpg")
    assert gallery[ana] == pytest.approx(both, abs=1e-5)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"user,photo\n1,2\n", "line 1: there is no column user_id"),
        (b"", "line 1: there is no column user_id or photo"),
        (f"{UUID(int=1)},a.jpg\n".encode(), "line 1: there is no column"),
        (b"user_id,photo\nnobody,a.jpg\n", "line 2: nobody is not the id of a user"),
        (b"user_id,photo\n,a.jpg\n", "line 2: an empty cell is not the id"),
        (f"user_id,photo\n{UUID(int=1)},\n".encode(), "line 2: the column photo is empty"),
        (f"user_id,photo\n{UUID(int=1)}\n".encode(), "line 2: it has not as many cells"),
        (f"user_id,photo\n{UUID(int=1)},a,b\n".encode(), "line 2: it has not as many cells"),
        (b"user_id,photo\n", "there are no photos of users"),
        ("user_id,photo\n\xe4,a.jpg\n".encode("latin-1"), "is not text in UTF-8"),
        ("user_id,photo\n".encode("utf-16"), "is not text in UTF-8"),
        (b"user_id,photo\n\x00,a.jpg\n", "line 2"),
    ],
)
@pytest.mark.usefixtures("world")
def test_a_csv_that_cannot_be_read_is_an_error_with_its_line(
    soloface: Soloface, tmp_path: Path, content: bytes, words: str
) -> None:
    table = tmp_path / "users.csv"
    table.write_bytes(content)

    done = soloface("enroll", "--csv", table)

    assert done.code == 1
    assert str(table) in done.err
    assert words in done.err
    assert done.err.count("\n") == 1


def test_a_csv_may_part_its_cells_by_semicolons(
    world: World, soloface: Soloface, album: Path
) -> None:
    ana = uuid4()
    (album / "users.csv").write_text(f"user_id;photo\r\n{ana};ana1.jpg\r\n")

    assert soloface("enroll", "--csv", album / "users.csv").code == 0
    assert world.gallery().keys() == {ana}


def consents(world: World) -> dict[UUID, str | None]:
    with world.database() as connection:
        rows = connection.execute("select user_id, consent from face_enrolments").fetchall()
    return {row["user_id"]: row["consent"] for row in rows}


def test_consent_is_kept_and_told_of_one_user_and_of_many(
    world: World, soloface: Soloface, album: Path
) -> None:
    ana, bea = uuid4(), uuid4()
    table = album / "users.csv"
    table.write_text(
        f"user_id,photo,consent\n{ana},ana1.jpg,\n{bea},bea.jpg,v1\n{bea},cat.jpg,v1\n"
    )

    done = soloface("enroll", "--csv", table, "--consent", "v2", "--json")

    assert [user["consent"] for user in done.json] == ["v2", "v1"]
    assert consents(world) == {ana: "v2", bea: "v1"}
    again = soloface("enroll", ana, album / "ana1.jpg", "--consent", "v3", "--json")
    assert [(user["status"], user["consent"]) for user in again.json] == [("unchanged", "v3")]
    assert consents(world) == {ana: "v3", bea: "v1"}


@pytest.mark.parametrize("version", ["", "  ", "a\nb", "x" * 129])
def test_what_is_no_version_of_a_consent_is_refused(
    world: World, soloface: Soloface, album: Path, version: str
) -> None:
    done = soloface("enroll", uuid4(), album / "ana1.jpg", "--consent", version)

    assert done.code == 1
    assert done.err.startswith("error: --consent: the consent must be the name of a version")
    assert done.err.count("\n") == 1
    assert not world.gallery()


@pytest.mark.usefixtures("world")
def test_lines_of_a_user_that_do_not_agree_about_the_consent_are_named(
    soloface: Soloface, album: Path
) -> None:
    table, ana = album / "users.csv", uuid4()
    table.write_text(f"user_id,photo,consent\n{ana},ana1.jpg,v1\n{ana},ana2.jpg,v2\n")

    done = soloface("enroll", "--csv", table)

    assert f"{table}, line 3: the user has agreed to v1 further up" in done.err


@pytest.mark.usefixtures("world")
def test_photos_and_a_csv_at_once_are_a_wrong_use(soloface: Soloface, album: Path) -> None:
    assert soloface("enroll").code == 2
    assert soloface("enroll", uuid4()).code == 2
    assert soloface("enroll", uuid4(), album / "cat.jpg", "--csv", album / "a.csv").code == 2


def test_without_tables_it_says_what_to_run(
    make_world: MakeWorld, soloface: Soloface, album: Path
) -> None:
    make_world(migrated=False)

    done = soloface("enroll", uuid4(), album / "ana1.jpg")

    assert done.code == 1
    assert done.err.startswith("error: ")
    assert "run: soloface migrate" in done.err
