"""`soloface match`: what a person says of a photo, at the command line."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from connectors.postgres.photos.recorder import Recorder
from dataflow.jobs.job import parse_job
from dataflow.steps.matching import MatchPolicy
from dataflow.steps.request import Recognised
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED
from tests.builders import delivery
from tests.fixtures.logins import login_with
from tests.fixtures.recording import ONCE
from tests.fixtures.worker import Soloface
from tests.world import World

ANA, BEA = ENROLLED[:2]


def matched_photo(world: World) -> UUID:
    """A photo of Ana, recorded as the worker does."""
    image = jpeg(ANA.portrait())
    photo = world.photo(image)
    face = Recognised(delivery(), parse_job(photo.job()), world.recognise(image))
    with closing(Database(world.settings.database)) as database:
        policy = MatchPolicy(world.pack.threshold)
        Recorder(database, ONCE, policy, world.pack.contract.id).record([face])
    return photo.id


def test_a_rejection_and_a_confirmation_are_told_and_stored(
    world: World, soloface: Soloface
) -> None:
    users = world.enrol(ANA, BEA)
    photo_id = matched_photo(world)

    rejected = soloface("match", "reject", photo_id, users[ANA.name], "--by", "Olga", "--json")

    assert rejected.code == 0
    answer = rejected.json
    assert (answer["matched_before"], answer["matched_now"]) == (
        str(users[ANA.name]),
        str(users[BEA.name]),
    )
    assert (answer["reason"], answer["distance"] > world.pack.threshold) == ("matched", True)
    confirmed = soloface("match", "confirm", photo_id, users[ANA.name])
    assert f"the photo is matched with {users[ANA.name]}, at distance 0.0000" in confirmed.out
    assert world.rows("face_matches")[photo_id]["user_id"] == users[ANA.name]
    row = world.rows("photo_faces")[photo_id]
    assert row["quality"]["eye_distance_px"] > 30
    assert row["image_ref"].startswith("photos/")


def test_the_limits_of_the_workers_count_and_not_those_of_whoever_decides(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = world.enrol(ANA, BEA)
    photo_id = matched_photo(world)
    with closing(Database(world.settings.database)) as database:
        policy = MatchPolicy(0.5, max_distance=0.5)
        assert Limits(database).note(world.pack.contract.id, policy) is None
    monkeypatch.setenv("SOLOFACE_MATCH__MAX_DISTANCE", "2")
    # The pack is where the workers are.
    monkeypatch.setenv("SOLOFACE_MODEL__ROOT", "/nowhere")

    rejected = soloface("match", "reject", photo_id, users[ANA.name], "--json")

    assert (rejected.code, rejected.err) == (0, "")
    assert rejected.json["limits"] == {"max_distance": 0.5, "min_margin": None}
    assert (rejected.json["matched_now"], rejected.json["reason"]) == (
        None,
        "no_user_within_distance",
    )


def test_before_any_worker_has_started_the_environment_counts_and_that_is_said(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = world.enrol(ANA, BEA)
    photo_id = matched_photo(world)
    monkeypatch.setenv("SOLOFACE_MATCH__MAX_DISTANCE", "0.4")

    rejected = soloface("match", "reject", photo_id, users[ANA.name], "--json")

    assert rejected.json["limits"]["max_distance"] == 0.4
    assert rejected.json["reason"] == "no_user_within_distance"
    assert "no worker has noted its limits" in rejected.err
    assert rejected.err.count("\n") == 1


def test_nobody_and_forget_are_told(world: World, soloface: Soloface) -> None:
    users = world.enrol(ANA, BEA)
    photo_id = matched_photo(world)

    nobody = soloface("match", "nobody", photo_id, "--by", "Olga")
    forgotten = soloface("match", "forget", photo_id, "--json")
    again = soloface("match", "forget", photo_id, users[ANA.name])

    assert "the photo has no match now (nobody)" in nobody.out
    assert f"before: {users[ANA.name]}" in nobody.out
    assert (forgotten.json["matched_before"], forgotten.json["matched_now"]) == (
        None,
        str(users[ANA.name]),
    )
    assert (forgotten.json["decision"], forgotten.json["taken_back"]) == ("forgotten", 1)
    assert again.out.startswith(f"nothing was said of photo {photo_id}")


def test_a_table_of_words_is_taken_line_by_line_as_a_reviewer(
    world: World, soloface: Soloface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = world.enrol(ANA, BEA)
    ana, bea, photo_id = users[ANA.name], users[BEA.name], matched_photo(world)
    other = matched_photo(world)
    table = tmp_path / "words.csv"
    lines = [
        "photo_id,word,user_id,face_index,by",
        f"{photo_id},confirm,{bea},0,Olga",
        f"{other},nobody,,,",
        f"{other},forget,,,Piet",
        f"{photo_id},reject,{bea},,",
    ]
    table.write_text("\n".join(lines))

    with login_with("soloface_reviewer", world.settings.database) as reviewer:
        monkeypatch.setenv("SOLOFACE_DATABASE__DSN", reviewer.dsn.get_secret_value())
        done = soloface("match", "--csv", table, "--by", "Rosa", "--json")

    assert done.code == 0
    effects = [orjson.loads(line) for line in done.out.splitlines()]
    assert [(e["line"], e["by"], e["matched_before"], e["matched_now"]) for e in effects] == [
        (2, "Olga", str(ana), str(bea)),
        (3, "Rosa", str(ana), None),
        (4, "Piet", None, str(ana)),
        (5, "Rosa", str(bea), str(ana)),
    ]


def test_no_line_is_taken_while_one_is_wrong_and_each_is_named(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, photo_id = world.enrol(ANA)[ANA.name], matched_photo(world)
    unknown = uuid4()
    lines = [
        "photo_id;word;user_id;face_index",
        f"{photo_id};nobody;;",
        f"{photo_id};maybe;{ana};",
        f"{photo_id};confirm;;",
        f"{photo_id};nobody;{ana};",
        f"{photo_id};reject;Ana;",
        ";forget;;",
        f"{photo_id};confirm;{ana};-1",
        f"{photo_id};forget;;0",
        f"{unknown};nobody;;",
        f"{photo_id};reject;{unknown};",
    ]
    typed = io.TextIOWrapper(io.BytesIO("\n".join(lines).encode()))
    monkeypatch.setattr("sys.stdin", typed)

    done = soloface("match", "--csv", "-")

    assert (done.code, done.out) == (1, "")
    told = done.err.splitlines()
    assert [line.split(":")[0] for line in told if line.startswith("-")] == [
        f"-, line {number}" for number in range(3, 12)
    ]
    for number, words in (
        (3, "maybe is none of the words confirm, reject, nobody, forget"),
        (4, "confirm needs a user_id"),
        (5, "leave user_id empty"),
        (6, "Ana is not the id of a user"),
        (7, "an empty cell is not the id of a photo"),
        (8, "-1 is not the index of a face"),
        (9, "face_index goes with confirm and reject only"),
        (10, f"there is no photo {unknown}"),
        (11, f"there is no user {unknown}"),
    ):
        assert any(line.startswith(f"-, line {number}:") and words in line for line in told)
    assert told[-1] == "error: 9 lines of - cannot be taken, so nothing was taken"
    assert not world.rows("face_match_decisions")


def test_a_line_that_fails_stops_no_other_and_the_exit_code_says_so(
    world: World, soloface: Soloface, tmp_path: Path
) -> None:
    ana, photo_id = world.enrol(ANA)[ANA.name], matched_photo(world)
    table = tmp_path / "words.csv"
    table.write_text(
        f"photo_id,word,user_id,face_index\n{photo_id},reject,{ana},5\n{photo_id},nobody,,\n"
    )

    done = soloface("match", "--csv", table)

    assert done.code == 1
    assert f"{table}, line 2: photo {photo_id} has no recorded face 5" in done.err
    assert done.out.startswith(f"line 3: photo {photo_id} shows nobody")


@pytest.mark.usefixtures("world")
def test_a_word_and_a_table_at_once_are_a_wrong_use(soloface: Soloface) -> None:
    assert soloface("match", "--by", "Olga").code == 2
    assert soloface("match", "--csv", "words.csv", "nobody", uuid4()).code == 2
    assert soloface("match", "--csv", "nowhere.csv").code == 1


def test_an_unknown_photo_is_an_error_in_one_line(world: World, soloface: Soloface) -> None:
    users = world.enrol(ANA)
    unknown = uuid4()

    done = soloface("match", "confirm", unknown, users[ANA.name])

    assert done.code == 1
    assert done.err.endswith(f"error: there is no photo {unknown}\n")
