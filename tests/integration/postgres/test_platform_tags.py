"""What a platform and its other workers write to tags, faces and users by themselves."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from structlog.testing import capture_logs

from connectors.postgres.tags import sifting
from connectors.postgres.tags.rematching import Rematching
from tests.builders import photo, user
from tests.fixtures.recording import MODEL, Records, direction, face
from tests.fixtures.rematching import NEAR, settle

INSERT_FACE = (
    "insert into photo_faces (photo_id, face_index, embedding, bbox, model, det_score) "
    "values (%s, %s, %s, '{}', %s, 0.9) returning id"
)
Place = tuple[UUID, int]


def group(records: Records, number: int, model: str, **tagged: float) -> None:
    """Another worker tags the faces of a group photo, each user in some direction."""
    for index, (name, degrees) in enumerate(tagged.items()):
        vector = str(direction(degrees).tolist())
        (row,) = records.run(INSERT_FACE, photo(number), index, vector, model)
        records.run(
            "insert into face_matches (photo_face_id, user_id, confidence) values (%s, %s, 0)",
            row["id"],
            user(int(name.removeprefix("user_"))),
        )


def tags(records: Records) -> dict[Place, UUID]:
    rows = records.run(
        "select photo_id, face_index, user_id from face_matches "
        "join photo_faces on photo_faces.id = photo_face_id"
    )
    return {(row["photo_id"], row["face_index"]): row["user_id"] for row in rows}


def told(records: Records) -> dict[Place, UUID]:
    """What a listener of the feed holds, if everything is told."""
    held: dict[Place, UUID] = {}
    for row in records.run("select * from face_outbox order by seq"):
        place = row["photo_id"], row["face_index"]
        held.pop(place, None)
        if row["change"] != "lost":
            held[place] = row["user_id"]
    return held


@pytest.fixture
def crowd(records: Records, rematching: Rematching) -> Records:
    """Users 1 and 2, and photo 1, on which user 1 was found."""
    records.add_photos(1, 2, 3)
    records.add_user(1, 0)
    records.add_user(2, 90)
    records.recorder(NEAR).record([face(1, 0)])
    settle(rematching)
    return records


@pytest.mark.parametrize("model", [MODEL, "another"])
def test_the_tags_of_a_group_photo_are_another_workers(
    crowd: Records, rematching: Rematching, model: str
) -> None:
    group(crowd, 2, model, user_1=3, user_2=93)
    before = tags(crowd)
    assert len(before) == 3

    crowd.add_user(3, 4)
    crowd.run("insert into face_rematches (model) values (%s)", MODEL)
    settle(rematching)

    assert tags(crowd) == before


def test_words_count_on_a_group_photo_too(crowd: Records, rematching: Rematching) -> None:
    group(crowd, 2, MODEL, user_1=3, user_2=93)
    say = (
        "insert into face_match_decisions (photo_id, user_id, decision) values (%s, %s, 'rejected')"
    )

    crowd.run(say, photo(2), user(2))
    settle(rematching)

    assert tags(crowd) == {(photo(1), 0): user(1), (photo(2), 0): user(1)}
    assert told(crowd) == tags(crowd)


def test_a_photo_that_is_refused_stops_no_other(crowd: Records, rematching: Rematching) -> None:
    crowd.recorder(NEAR).record([face(2, 45), face(3, 44)])
    crowd.run(
        "create function refuse() returns trigger language plpgsql as "
        "$$ begin raise exception 'not on this photo'; end $$"
    )
    crowd.run(
        "create trigger refuse before insert on face_matches for each row "
        f"when (new.on_photo_id = '{photo(2)}') execute function refuse()"
    )
    crowd.add_user(3, 45)

    with capture_logs() as logs:
        settle(rematching)

    assert tags(crowd) == {(photo(1), 0): user(1), (photo(3), 0): user(3)}
    (line,) = [line for line in logs if line["event"] == "rematch_refused"]
    assert (line["photo_id"], line["error"]) == (str(photo(2)), "not on this photo")
    assert crowd.run("select from face_rematches") == []


def test_a_withdrawal_that_the_platform_writes_itself_holds(
    crowd: Records, rematching: Rematching
) -> None:
    crowd.recorder(NEAR).record([face(2, 91)])

    crowd.run("insert into face_withdrawals (user_id) values (%s)", user(1))
    settle(rematching)

    assert tags(crowd) == {(photo(2), 0): user(2)}
    assert told(crowd) == tags(crowd)
    assert [row["photo_id"] for row in crowd.faces()] == [photo(2)]
    enrolled = crowd.run("select id from users where face_embedding is not null")
    assert [row["id"] for row in enrolled] == [user(2)]
    shown = crowd.run("select photo_id, user_id from face_withdrawn_photos")
    assert [tuple(row.values()) for row in shown] == [(photo(1), user(1))]


@pytest.mark.parametrize(
    "statement",
    [
        "update face_matches set user_id = '{two}'",
        """
        insert into face_matches (photo_face_id, user_id, confidence)
        select id, '{two}', 0 from photo_faces where photo_id = '{photo}'
        """,
    ],
)
def test_nobody_who_has_withdrawn_is_tagged_by_sql(crowd: Records, statement: str) -> None:
    crowd.recorder(NEAR).record([face(2, 45)])
    crowd.run("insert into face_withdrawals (user_id) values (%s)", user(2))

    with pytest.raises(psycopg.errors.CheckViolation, match="has withdrawn"):
        crowd.run(statement.format(two=user(2), photo=photo(2)))


def test_a_user_with_another_id_is_another_user(records: Records, rematching: Rematching) -> None:
    """Their photos were ambiguous between twins; one of them gets another id, and goes."""
    records.add_photos(1)
    records.add_user(1, 0)
    records.add_user(2, 0)
    records.recorder(NEAR, 0.01).record([face(1, 0)])
    records.run(
        "insert into face_match_limits (model, threshold, max_distance, min_margin, version)"
        " values (%s, 0.4, 0.1, 0.01, 'x')",
        MODEL,
    )
    settle(rematching)
    assert records.matches() == {}

    records.run("update users set id = %s where id = %s", user(5), user(2))
    settle(rematching)
    assert records.matches() == {}
    records.run("update users set face_embedding = null where id = %s", user(5))
    settle(rematching)

    assert records.matches() == {photo(1): user(1)}


def test_a_face_that_the_platform_writes_amid_a_look_is_not_passed_over(
    records: Records, rematching: Rematching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sifting, "BLOCKS", 1)
    many = range(1, 400)
    records.add_photos(*many)
    records.recorder(NEAR).record([face(number, 0) for number in many])
    records.run("vacuum photo_faces")
    records.add_user(1, 0)
    for _ in range(3):
        rematching.step()

    # They go behind what is looked through, or into a place that it has passed.
    records.run("update photo_faces set bbox = '{}'")
    settle(rematching)

    assert len(records.matches()) == len(many)


def test_a_face_of_another_vector_is_decided_again(crowd: Records, rematching: Rematching) -> None:
    crowd.run("update photo_faces set embedding = %s", str(direction(90).tolist()))
    settle(rematching)
    assert crowd.matches() == {photo(1): user(2)}


def test_a_face_that_moves_takes_its_tag_along(crowd: Records, rematching: Rematching) -> None:
    crowd.run("update photo_faces set photo_id = %s", photo(3))
    settle(rematching)

    assert tags(crowd) == {(photo(3), 0): user(1)}
    assert told(crowd) == tags(crowd)


def test_a_tag_that_moves_to_another_face_is_told_of_there(crowd: Records) -> None:
    crowd.recorder(NEAR).record([face(2, 45)])
    crowd.run(
        "update face_matches set photo_face_id = (select id from photo_faces where photo_id = %s)",
        photo(2),
    )
    assert tags(crowd) == {(photo(2), 0): user(1)}
    assert told(crowd) == tags(crowd)


def test_no_face_stays_of_whom_a_word_had_named_and_no_tag(crowd: Records) -> None:
    crowd.recorder(NEAR).record([face(2, 45)])
    crowd.run("begin")
    crowd.run(
        "insert into face_match_decisions (photo_id, user_id, decision) "
        "values (%s, %s, 'confirmed')",
        photo(2),
        user(2),
    )
    crowd.run("delete from users where id = %s", user(2))
    crowd.run("commit")

    assert [row["photo_id"] for row in crowd.faces()] == [photo(1)]
