"""Somebody withdraws, and nothing that runs by itself brings them back, or puts another there."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.worker import Done, Log, RunWorker, Soloface
from tests.world import Photo, World

ANA, BEA = ENROLLED[:2]


@pytest.fixture
def photos(world: World) -> list[Photo]:
    """Two photos of Ana, with their references in the platform's table."""
    taken = [world.photo(CHANGES["turned +18°"](ANA.portrait())) for _ in range(2)]
    with world.database() as connection:
        connection.execute("alter table photos add column key text")
        for photo in taken:
            connection.execute("update photos set key = %s where id = %s", [photo.key, photo.id])
    return taken


def reconcile(soloface: Soloface) -> Done:
    return soloface(
        "reconcile", "--ref-column", "key", "--created-before", "0s", "--publish", "--json"
    )


def tags(world: World) -> dict[UUID, UUID]:
    return {photo: row["user_id"] for photo, row in world.rows("face_matches").items()}


def test_a_withdrawal_holds_until_consent_is_given_again(  # noqa: PLR0913, PLR0917
    world: World,
    photos: list[Photo],
    run_worker: RunWorker,
    log: Log,
    soloface: Soloface,
    tmp_path: Path,
) -> None:
    users = world.enrol(ANA, BEA)
    ana = users[ANA.name]
    run_worker()
    letter = photos[0].job(image_ref="photos/not-there.jpg")
    log.wait_settled(world.publish(letter, *(photo.job() for photo in photos)))
    assert tags(world) == {photo.id: ana for photo in photos}

    erased = soloface("erase", "--user", ana, "--yes", "--json")

    assert set(erased.json["photos"]) == {str(photo.id) for photo in photos}
    # Whatever sends a job: none comes back, no image is fetched, and Bea is not put there.
    assert reconcile(soloface).json["found"] == 0
    assert soloface("dlq", "replay", "--all", "--json").json["replayed"] == 1
    world.publish(photos[1].job())
    log.wait(lambda: len(log.events("job_settled", reason="withdrawn")) == 2)
    assert tags(world) == {}
    assert not world.rows("photo_faces")
    portrait = tmp_path / "ana.jpg"
    portrait.write_bytes(jpeg(ANA.portrait()))
    refused = soloface("enroll", ana, portrait)
    assert refused.code == 1
    assert f"not enrolled {ana}: withdrawn: once they have agreed again" in refused.out
    with world.database() as connection:
        enrolled = connection.execute("select id from users where face_embedding is not null")
        assert [row["id"] for row in enrolled] == [users[BEA.name]]

    assert soloface("enroll", ana, portrait, "--again", "--consent", "2026-11").code == 0
    assert reconcile(soloface).json["published"] == 2
    log.wait(lambda: len(log.events("job_settled", reason="matched")) == 4)
    assert tags(world) == {photo.id: ana for photo in photos}
