"""What Kubernetes runs every night, with the rights of its logins and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.builders import photo, user
from tests.fixtures.kubernetes import FOLDER, container, everything
from tests.fixtures.letters import Letters
from tests.fixtures.logins import login_with
from tests.fixtures.recording import Records, face
from tests.fixtures.worker import Soloface

FILE = (FOLDER / "components/upkeep/reconcile-cronjob.yaml").read_text(encoding="utf-8")
GRANT = re.compile(r"^# +(grant select .* on photos) to photo_reconciler;$", re.MULTILINE)


def command(name: str) -> list[str]:
    """The arguments that come after `soloface`."""
    words: list[str] = container(everything(), f"CronJob/{name}")["command"]
    assert words[0] == "soloface"
    return words[1:]


@pytest.fixture
def login(
    request: pytest.FixtureRequest,
    records: Records,
    letters: Letters,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """The environment's login, with one role."""
    del letters  # the streams, and the environment that leads to them
    with login_with(request.param, records.settings) as settings:
        dsn = settings.dsn.get_secret_value()
        monkeypatch.setenv("SOLOFACE_DATABASE__DSN", dsn)
        name = str(urlsplit(dsn).username)
        yield name
        records.run(f"drop owned by {name}")


@pytest.mark.parametrize("login", ["soloface_eraser"], indirect=True)
@pytest.mark.usefixtures("login")
def test_old_faces_that_nobody_was_found_for_are_dropped(
    records: Records, soloface: Soloface
) -> None:
    days = int(command("retention")[-1])
    records.add_photos(1, 2, 3)
    records.add_user(1, degrees=0)
    records.recorder(max_distance=0.1).record([face(1), face(2, degrees=90), face(3, degrees=90)])
    records.run(
        "update photo_faces set updated_at = now() - make_interval(days => %s) "
        "where photo_id <> %s",
        days + 1,
        photo(3),
    )

    done = soloface(*command("retention"))

    assert (done.code, done.out.split()[:2]) == (0, ["dropped", "1"])
    assert [row["photo_id"] for row in records.faces()] == [photo(1), photo(3)]
    assert records.matches() == {photo(1): user(1)}


@pytest.mark.parametrize("login", ["soloface_auditor"], indirect=True)
def test_photos_that_were_forgotten_get_their_jobs(
    login: str, records: Records, letters: Letters, soloface: Soloface
) -> None:
    records.run("alter table photos add image_ref text, add faces_detected int default 1")
    records.add_photos(1, 2)
    records.run("update photos set image_ref = 'x.jpg', created_at = now() - interval '1 day'")
    records.run("update photos set created_at = now() where id = %s", photo(2))
    [grant] = GRANT.findall(FILE)
    records.run(f"{grant} to {login}")

    done = soloface(*command("reconcile"))

    assert (done.code, done.json["published"]) == (0, 1)
    assert len(letters.jobs()) == 1
