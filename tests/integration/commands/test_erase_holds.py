"""`soloface erase --user`: it is kept and told, and takes along all that is known as theirs."""

from __future__ import annotations

from uuid import uuid4

from tests.fixtures.past import ANA, Past, found_in
from tests.fixtures.worker import Soloface


def test_an_erasure_is_told_kept_and_repeatable(past: Past, soloface: Soloface) -> None:
    ana, photo = past.users[ANA], past.photos[ANA].id
    with past.world.database() as connection:
        connection.execute("delete from face_outbox")
    command = ["erase", "--user", ana, "--yes", "--by", "Olga"]

    done = soloface(*command)

    assert f"1 photo showed the user, and no job looks at them again:\n  {photo}\n" in done.out
    with past.world.database() as connection:
        (told,) = connection.execute("table face_outbox").fetchall()
        (withdrawal,) = connection.execute("table face_withdrawals").fetchall()
    assert (told["change"], told["photo_id"], told["previous_user_id"]) == ("lost", photo, ana)
    assert (told["cause"], told["by"]) == ("erased", "Olga")
    assert (withdrawal["user_id"], withdrawal["withdrawn_by"]) == (ana, "Olga")
    assert soloface(*command, "--row").code == 0
    again = soloface(*command, "--json")
    assert (again.code, again.json["photos"]) == (0, [])


def test_whom_nobody_knows_has_not_withdrawn(past: Past, soloface: Soloface) -> None:
    before = past.dump()

    assert soloface("erase", "--user", uuid4(), "--yes").code == 1

    assert past.dump() == before


def test_the_same_face_under_another_number_and_a_photo_known_by_a_word_go_too(
    past: Past, soloface: Soloface
) -> None:
    ana, photo = past.users[ANA], past.photos[ANA].id
    named = past.world.photo()
    with past.world.database() as connection:
        connection.execute(
            "insert into photo_faces (photo_id, face_index, embedding, bbox, model, det_score) "
            "select photo_id, 7, embedding, bbox, model, det_score from photo_faces "
            "where photo_id = %s",
            [photo],
        )
        connection.execute(
            "insert into face_match_decisions (photo_id, user_id, decision) "
            "values (%s, %s, 'confirmed')",
            [named.id, ana],
        )
    traces = past.traces(ANA)

    done = soloface("erase", "--user", ana, "--yes", "--json")

    assert set(done.json["photos"]) == {str(photo), str(named.id)}
    past.work_off()
    assert found_in(past.dump(), traces) == {"user", "photo"}
    assert photo not in past.world.rows("photo_faces")
