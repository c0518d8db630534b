"""What `dlq`, `watch` and `doctor` say of requests about people."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import orjson
import pytest

from connectors.postgres.connection import Database
from connectors.postgres.setup.rights import require_people_rights
from dataflow.jobs.errors import ConfigurationError
from soloface.cli.demo.people import ENROLLED
from soloface.cli.doctor import held
from tests.fixtures.worker import Log, RunWorker, Soloface
from tests.selfies import Desk
from tests.world import World, eventually


def letters(soloface: Soloface) -> list[dict[str, object]]:
    found: list[dict[str, object]] = soloface("dlq", "list", "--people", "--json").json
    return found


def test_a_letter_is_listed_shown_and_replayed_by_the_subject_that_it_came_by(
    world: World, run_worker: RunWorker, soloface: Soloface
) -> None:
    desk, user = Desk(world), uuid4()
    nats = world.settings.nats
    # It names nobody to enrol, and is a whole withdrawal: only its subject makes it malformed.
    wrong = desk.publish(nats.people_requested_subject, orjson.dumps({"user_id": user}))
    worse = desk.withdraw(user, by="")
    worker = run_worker(flow="people")
    assert desk.event_of(wrong).reason == desk.event_of(worse).reason == "malformed_payload"
    eventually(lambda: desk.left() == 0, "both are answered")

    listed = letters(soloface)
    assert [letter["user_id"] for letter in listed] == [str(user)] * 2
    done = soloface("dlq", "show", listed[0]["seq"], "--people", "--json")
    assert done.code == 0, done.err
    assert done.json["headers"]["Soloface-Subject"] == nats.people_withdrawn_subject
    worker.stop()
    assert soloface("dlq", "replay", "--all", "--people", "--json").json["replayed"] == 2
    run_worker(flow="people")
    eventually(lambda: len(desk.events()) == 4, "both came again and ended alike")
    assert {event.reason for event in desk.events()} == {"malformed_payload"}
    watched = soloface("watch", "--people", "--since", "1h", "--count", "4").out
    assert watched.count("refused") == 4
    assert soloface("watch", "--people", "--tags").code == 2


@pytest.mark.usefixtures("world")
def test_doctor_says_whether_people_are_served(soloface: Soloface) -> None:
    def people() -> dict[str, object]:
        found = soloface("doctor", "--json").json
        return next(finding for finding in found if finding["name"] == "people")

    assert "not in use" in str(people()["detail"])
    soloface("doctor", "--fix", "--people", "--json")
    assert "0 requests waiting, 0 in work" in str(people()["detail"])


def test_a_login_that_enrols_and_erases_may_do_all_that_requests_ask(world: World) -> None:
    with closing(Database(world.settings.database)) as database, database.connection() as owner:
        owner.execute("create role people_of_test login")
        try:
            owner.execute("grant soloface_enroller to people_of_test")
            owner.execute("set role people_of_test")
            with pytest.raises(ConfigurationError, match="grant soloface_enroller, soloface_era"):
                require_people_rights(owner)
            owner.execute("reset role")
            owner.execute("grant soloface_eraser to people_of_test")
            owner.execute("set role people_of_test")
            require_people_rights(owner)
        finally:
            owner.execute("reset role")
            owner.execute("drop owned by people_of_test")
            owner.execute("drop role people_of_test")


def test_a_request_is_buried_by_hand_and_can_be_replayed(
    world: World, run_worker: RunWorker, soloface: Soloface
) -> None:
    desk, user = Desk(world), uuid4()
    seq = desk.ask(user, desk.selfie(ENROLLED[0]), request_id="selfie-1")

    done = soloface("dlq", "bury", seq, "--people", "--why", "no use", "--by", "Eva", "--json")

    assert done.json == {"stream_seq": seq, "user_id": str(user), "reason": "buried"}
    (event,) = desk.events()
    assert (event.outcome, event.reason, event.model) == ("refused", "buried", "")
    assert event.detail == "rejected by hand by Eva: no use"
    (letter,) = letters(soloface)
    assert (letter["reason"], letter["stream_seq"], letter["user_id"]) == ("buried", seq, str(user))
    again = soloface("dlq", "bury", seq, "--people")
    assert (again.code, again.err.count("\n")) == (1, 1)
    assert f"there is no request {seq} on {world.settings.nats.people_stream}" in again.err

    # Under the same id of the publisher's.
    assert soloface("dlq", "replay", "--all", "--people", "--json").json["replayed"] == 1
    run_worker(flow="people")
    assert desk.event_of(seq + 1).reason == "enrolled"
    assert desk.is_enrolled(user)


def test_a_request_that_is_held_is_let_go_when_it_is_buried(
    world: World,
    run_worker: RunWorker,
    soloface: Soloface,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk, user = Desk(world), uuid4()
    seq = desk.ask(user, desk.selfie(ENROLLED[0]))
    wrong = desk.publish(world.settings.nats.people_requested_subject, b"no request")
    worker = run_worker(flow="people", STORE__ENDPOINT="127.0.0.1:1")
    log.wait(lambda: bool(log.events("job_held")))
    monkeypatch.setattr(held, "OLD", timedelta(0))
    monkeypatch.setattr(held, "LOOK_FOR_S", 0)
    told = [f["detail"] for f in soloface("doctor", "--json").json if f["name"] == "people"]
    assert told[-1].startswith(f"request {seq} of user {user} was published ")
    assert f"soloface dlq bury {seq} --people" in told[-1]
    assert desk.event_of(wrong).reason == "malformed_payload"

    assert soloface("dlq", "bury", seq, "--people").code == 0

    log.wait(lambda: bool(log.events("job_let_go")))
    assert [event.reason for event in desk.events()] == ["malformed_payload", "buried"]
    worker.stop()
    assert desk.left() == 0


def test_what_is_settled_or_no_request_is_said_in_one_line(
    world: World, run_worker: RunWorker, soloface: Soloface
) -> None:
    desk, user = Desk(world), uuid4()
    worker = run_worker(flow="people")
    desk.event_of(desk.withdraw(user, request_id="w1"))
    worker.stop()
    again = desk.withdraw(user, request_id="w1")
    wrong = desk.publish(world.settings.nats.people_withdrawn_subject, b"no request")

    settled = soloface("dlq", "bury", again, "--people")
    assert settled.code == 1
    assert settled.err == (
        f"error: the request {again} is settled: erased; there is nothing to bury\n"
    )
    assert soloface("dlq", "bury", wrong, "--people").out == (
        f"buried {wrong} that was no valid request\n"
    )
