"""The web process by its own database logins, and what it notes."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from dataflow.settings import NatsSettings
from soloface.client import ApiError
from soloface.web.work.wire_enrolment import GroupFace, NewUserRequest
from tests.builders import photo, picture, user
from tests.fixtures.logins import login_with
from tests.fixtures.web import MODEL, MakeSite, Site
from tests.web_asking import ask, bearer


def test_the_web_process_reviews_and_finds_by_the_reviewers_login(
    make_site: MakeSite, streams: NatsSettings
) -> None:
    owner = make_site()
    owner.records.add_user(1, 0, MODEL)
    owner.record(1, 30)
    owner.record(2, 180, picture(person=3))
    enno = owner.client("enno")
    kept = enno.enrol_image(user(2), picture(person=1), keep=True).used[0].sha256
    with (
        login_with("soloface_reviewer", owner.records.settings) as reviewer,
        login_with("soloface_enroller", owner.records.settings) as enroller,
    ):
        dsn = enroller.dsn.get_secret_value()
        site = make_site(reviewer, streams, enrolment_dsn=SecretStr(dsn), new_users=True)
        rita, fiona = site.client("rita"), site.client("fiona")

        assert fiona.find(picture(), photos=True).user_id == user(1)
        (card,) = rita.claim("recent").cards
        done = rita.decide(photo(1), "confirm", user(1), version=card.version)
        assert rita.photo(photo(1)).faces[0].user_id == user(1)
        assert rita.image(photo(1))[:2] == rita.face(photo(1))[:2] == b"\xff\xd8"
        assert rita.enrolled_image(user(2), kept)
        rita.undo(done.id)
        rita.let_go(photo(1))
        assert rita.groups().groups == []
        assert user(1) in {near.user_id for near in rita.users_like(photo(1)).users}
        assert rita.distances().model == MODEL
        face = GroupFace(photo_id=photo(2), face_index=0)
        asked = NewUserRequest(user_id=user(4), faces=[face])
        assert site.client("ruth").enrol_group(asked).status == "enrolled"
        assert site.client("enno").enrol_image(user(3), picture(person=2)).status == "enrolled"
        # Erasing takes a role that this login does not have.
        with pytest.raises(ApiError) as error:
            site.client("enno").erase(user(3))
        assert (error.value.status, error.value.reason) == (503, "unavailable")
        site.desk.close()


def test_a_user_is_erased_everywhere_and_has_withdrawn(
    make_site: MakeSite, streams: NatsSettings
) -> None:
    site = make_site(nats=streams)
    enno = site.client("enno")
    kept = enno.enrol_image(user(1), picture(), keep=True).used[0].sha256
    site.record(1)

    erased = enno.erase(user(1))

    assert erased.photos == [photo(1)]
    assert erased.erased["photo_faces"] == erased.erased["users"] == 1
    (row,) = site.records.run("select user_id, withdrawn_by from face_withdrawals")
    assert dict(row) == {"user_id": user(1), "withdrawn_by": "enno"}
    with pytest.raises(ApiError) as error:
        site.client("rita").enrolled_image(user(1), kept)
    assert error.value.reason == "image_not_found"
    with pytest.raises(ApiError) as error:
        enno.enrol_image(user(1), picture())
    assert (error.value.status, error.value.reason) == (409, "user_withdrawn")
    assert enno.enrol_image(user(1), picture(), again=True).status == "enrolled"
    with pytest.raises(ApiError) as error:
        enno.erase(user(9))
    assert (error.value.status, error.value.reason) == (404, "unknown_user")


def test_each_word_leaves_a_line_that_names_who_said_it(site: Site) -> None:
    site.record(1)
    rita, fiona = site.client("rita"), site.client("fiona")
    with capture_logs() as logs:
        done = rita.decide(photo(1), "nobody")
        rita.undo(done.id)
        fiona.find(picture())

    lines = [line for line in logs if line["event"] == "web_audit"]
    assert [(line["by"], line["way"], line["action"]) for line in lines] == [
        ("rita", "token", "decide"),
        ("rita", "token", "undo"),
        ("fiona", "token", "find"),
    ]
    assert (lines[0]["photo_id"], lines[0]["decision"]) == (str(photo(1)), "nobody")
    said = str(logs)
    assert not any(token in said for token in site.tokens.values())


def test_a_session_without_its_proof_changes_nothing(site: Site) -> None:
    site.record(1)
    signed = ask(
        site,
        "POST",
        "/sign-in",
        f"token={site.tokens['rita']}".encode(),
        Content_Type="application/x-www-form-urlencoded",
    )
    assert (signed.status, signed.headers["Location"]) == (303, "/review")
    cookie = signed.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    sent = {"Cookie": cookie.partition(";")[0]}
    page = ask(site, "GET", "/review", None, **sent)
    assert page.status == 200
    proof = page.data.decode().partition('name="csrf" content="')[2].partition('"')[0]
    assert proof

    path, word = f"/v1/photos/{photo(1)}/decision", b'{"decision":"nobody"}'
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": proof[:-1] + "_"}):
        answer = ask(site, "POST", path, word, **sent, **headers)
        assert answer.status == 403, headers
    assert site.records.run("select * from face_match_decisions") == []
    answer = ask(
        site,
        "POST",
        path,
        word,
        Content_Type="application/json",
        X_CSRF_Token=proof,
        **sent,
    )
    assert answer.status == 200
    assert ask(site, "GET", "/review", None, Cookie="soloface=x").status == 303
    assert ask(site, "GET", "/review", Authorization=bearer(site, "fiona")).status == 403
