"""`soloface gallery`: the sink searches by the index once that has proved what it finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import psycopg
import pytest
from prometheus_client import REGISTRY

from connectors.postgres.connection import Database
from connectors.postgres.gallery import index as gallery_index
from connectors.postgres.gallery import search
from connectors.postgres.gallery.proof import draw_sample
from connectors.postgres.photos.recorder import Recorder
from connectors.postgres.session import Connection
from dataflow.faces.face import Box, EmbeddedFace
from dataflow.gallery import search as gallery_search
from dataflow.steps.matching import MatchPolicy
from soloface.cli.gallery import examine
from tests.builders import photo, recognised
from tests.fixtures.crowds import GROUPS, INDEX, MODEL, USERS, Crowd
from tests.fixtures.recording import ONCE, THRESHOLD
from tests.fixtures.worker import Soloface


@pytest.fixture
def connection(crowd: Crowd) -> Iterator[Connection]:
    """As the sink has one."""
    with closing(Database(crowd.settings)) as database, database.connection() as connection:
        yield connection


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is made again for every batch."""
    monkeypatch.setattr(search, "REVISIT_S", 0)


@pytest.mark.usefixtures("impatient")
def test_a_connection_takes_to_the_index_while_it_works(
    crowd: Crowd, connection: Connection, soloface: Soloface
) -> None:
    assert crowd.found(connection) == crowd.ids[:8]
    assert INDEX not in crowd.explained(connection)

    done = soloface("gallery", "index", "--json")

    assert done.code == 0
    assert done.json["strategy"] == "index"
    assert done.json["tries"][-1]["recall"] >= 0.99
    assert crowd.found(connection) == crowd.ids[:8]
    assert f"Index Scan using {INDEX}" in crowd.explained(connection)
    assert "Seq Scan" not in crowd.explained(connection)


def scans(connection: Connection) -> tuple[int, int]:
    """How often the index was scanned, and the whole table."""
    connection.execute("select pg_stat_force_next_flush()")
    row = connection.execute(
        "select idx_scan, (select seq_scan from pg_stat_user_tables where relname = 'users') "
        "from pg_stat_user_indexes where indexrelname = %s",
        [INDEX],
    ).fetchone()
    assert row
    return row[0], row[1]


def test_the_sinks_own_batch_is_searched_by_the_index_and_by_nothing_else(
    crowd: Crowd, connection: Connection, soloface: Soloface
) -> None:
    soloface("gallery", "index")
    numbers = range(1, len(crowd.faces) + 1)
    connection.cursor().executemany(
        "insert into photos (id) values (%s)", [[photo(number)] for number in numbers]
    )
    batch = [
        replace(recognised(number), face=EmbeddedFace(Box(1, 2, 3, 4), 0.9, face))
        for number, face in zip(numbers, crowd.faces, strict=True)
    ]
    with closing(Database(crowd.settings)) as database, database.connection() as own:
        own.prepare_threshold = 0  # so that the server can say what it was asked
        before = scans(own)
        settled = Recorder(database, ONCE, MatchPolicy(THRESHOLD), MODEL).record(batch)
        after = scans(own)
        asked = own.execute(
            "select statement from pg_prepared_statements where statement like '%<=>%'"
        ).fetchall()
        (searched,) = [text for (text,) in asked if "candidates" in text]
        explain = b"explain (generic_plan) " + searched.encode()
        plan = own.execute(explain, prepare=False).fetchall()

    found = {item.job.photo_id: item.match.user_id for item in settled if item.job and item.match}
    assert found == {photo(n): user for n, user in zip(numbers, crowd.ids, strict=False)}
    assert (after[0] - before[0], after[1] - before[1]) == (len(batch), 0)
    assert any(f"Index Scan using {INDEX}" in line for (line,) in plan)
    assert not any("Seq Scan" in line for (line,) in plan)


def gauges() -> tuple[float | None, float | None]:
    """The recall that the search in use has proved, and whether an index is due."""
    labels = {"model": MODEL}
    return (
        REGISTRY.get_sample_value("soloface_gallery_recall", labels),
        REGISTRY.get_sample_value("soloface_gallery_index_due", labels),
    )


@pytest.mark.usefixtures("impatient")
def test_the_metrics_say_what_the_search_in_use_has_proved_and_when_an_index_is_due(
    crowd: Crowd,
    connection: Connection,
    soloface: Soloface,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crowd.found(connection)
    assert gauges() == (1, 1)

    soloface("gallery", "index")
    crowd.found(connection)
    _, index = search.search_state(connection, crowd.faces[0].size)
    assert index
    assert index.proof
    assert gauges() == (index.proof.recall, 0)

    monkeypatch.setattr(gallery_search, "MOST_GROWTH", 0.5)
    crowd.found(connection)
    assert gauges() == (index.proof.recall, 1)


def test_between_two_looks_at_the_gallery_a_connection_keeps_to_its_plan(
    crowd: Crowd, connection: Connection, soloface: Soloface
) -> None:
    crowd.found(connection)
    soloface("gallery", "index")

    assert INDEX not in crowd.explained(connection)


@pytest.mark.usefixtures("impatient")
def test_the_distances_by_the_index_are_the_exact_ones(
    crowd: Crowd, connection: Connection, soloface: Soloface
) -> None:
    exact = search.nearest_users(connection, crowd.faces, MODEL)
    soloface("gallery", "index")

    by_index = search.nearest_users(connection, crowd.faces, MODEL)

    assert [near[0] for near in by_index] == [near[0] for near in exact]
    assert all(len(near) == 2 for near in by_index)


@pytest.mark.usefixtures("impatient")
def test_users_of_another_contract_are_not_found_by_the_index_either(
    crowd: Crowd, connection: Connection, soloface: Soloface
) -> None:
    soloface("gallery", "index")
    connection.execute(
        "update users set face_embedding_model = 'other' where id = any(%s)", [crowd.ids[:8]]
    )

    assert not set(crowd.found(connection)) & set(crowd.ids[:8])


@pytest.mark.usefixtures("crowd")
def test_status_says_what_is_searched_how_and_what_to_run(soloface: Soloface) -> None:
    before = soloface("gallery", "status", "--json")
    soloface("gallery", "index")
    after = soloface("gallery", "status", "--json")
    for_people = soloface("gallery", "status")

    assert before.code == 1
    assert (before.json["strategy"], before.json["index"]) == ("exact", None)
    assert before.json["measured"]["recall"] == 1
    assert before.json["advice"].endswith("run: soloface gallery index")
    assert after.code == 0
    assert after.json["contracts"] == {MODEL: USERS}
    assert after.json["strategy"] == "index"
    assert after.json["index"]["proof"]["users"] == USERS
    assert after.json["measured"]["faces"] == 400
    assert after.json["advice"] is None
    assert "nothing to do" in for_people.out
    assert f"{USERS} users of {MODEL}" in for_people.out


@pytest.mark.usefixtures("impatient")
def test_an_index_that_misses_too_many_is_not_used_and_status_says_so(
    crowd: Crowd,
    connection: Connection,
    soloface: Soloface,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    soloface("gallery", "index")
    monkeypatch.setattr(gallery_search, "SHARES", (0.01,))

    measured_again = soloface("gallery", "index")

    assert measured_again.code == 1
    assert "keeps to the exact search" in measured_again.err
    assert crowd.found(connection) == crowd.ids[:8]
    assert INDEX not in crowd.explained(connection)
    assert "--rebuild" in soloface("gallery", "status").out


@pytest.mark.usefixtures("crowd", "impatient")
def test_what_the_search_misses_is_noticed(connection: Connection, soloface: Soloface) -> None:
    soloface("gallery", "index")
    flattering = gallery_search.Proof(model=MODEL, users=USERS, breadth=1, recall=1, faces=400)
    connection.execute(f"comment on index {INDEX} is '{flattering.model_dump_json()}'".encode())

    found = examine(connection, 200)

    assert found.measured.falls_short
    assert found.advice
    assert found.advice.endswith("run: soloface gallery index")


def test_an_interrupted_build_leaves_nothing_behind(
    crowd: Crowd, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_index, "_POLL_S", 0.01)

    with psycopg.connect(crowd.settings.dsn.get_secret_value()) as writer:

        def interrupt(_phase: str, _share: float) -> None:
            writer.rollback()
            raise KeyboardInterrupt

        writer.execute("delete from users where false")  # a build waits for every writer
        with pytest.raises(KeyboardInterrupt):
            gallery_index.build(crowd.settings, 20, crowd.faces[0].size, interrupt)

    indexes = connection.execute("select indexrelid::regclass::text from pg_index").fetchall()
    assert not [name for (name,) in indexes if name.startswith(INDEX)]


@pytest.mark.usefixtures("crowd")
def test_an_index_is_built_anew_beside_the_old_one(
    connection: Connection, soloface: Soloface
) -> None:
    soloface("gallery", "index")
    before = connection.execute("select to_regclass(%s)::oid", [INDEX]).fetchone()
    # What a build that was killed leaves behind.
    connection.execute(f"create index {INDEX}_new on users (id)".encode())

    done = soloface("gallery", "index", "--rebuild")

    assert done.code == 0
    after = connection.execute("select to_regclass(%s)::oid", [INDEX]).fetchone()
    assert after != before
    assert connection.execute("select to_regclass(%s)", [f"{INDEX}_new"]).fetchone() == (None,)


def test_hard_faces_stray_as_users_differ(
    crowd: Crowd, connection: Connection, soloface: Soloface
) -> None:
    _, _, directions = np.linalg.svd(crowd.vectors, full_matrices=False)

    def share_among_users(*, hard: bool) -> float:
        faces = draw_sample(connection, MODEL, 400, hard=hard).faces
        return float(np.square(faces @ directions[:GROUPS].T).sum(axis=1).mean())

    assert share_among_users(hard=False) < 0.65 < share_among_users(hard=True)
    assert soloface("gallery", "status", "--hard", "--json").json["measured"]["recall"] == 1


@pytest.mark.usefixtures("crowd")
def test_few_users_need_no_index(soloface: Soloface, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_search, "EXACT_BUDGET_MS", 13)

    done = soloface("gallery", "index")

    assert done.code == 1
    assert f"{USERS} users are searched exactly" in done.err


@pytest.mark.usefixtures("crowd", "impatient")
def test_an_index_of_another_models_vectors_is_not_used_until_it_is_built_anew(
    connection: Connection, soloface: Soloface
) -> None:
    soloface("gallery", "index")
    # What `reembed` does, where both models' vectors have one length.
    connection.execute("update users set face_embedding_model = 'another'")
    before = connection.execute("select to_regclass(%s)::oid", [INDEX]).fetchone()

    status = soloface("gallery", "status", "--json").json
    done = soloface("gallery", "index", "--json")

    assert status["strategy"] == "exact"
    assert f"vectors of {MODEL}" in status["advice"]
    assert done.json["strategy"] == "index"
    assert connection.execute("select to_regclass(%s)::oid", [INDEX]).fetchone() != before
