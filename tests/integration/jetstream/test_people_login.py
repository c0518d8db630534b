"""A login with exactly the rights that are listed for requests about people serves them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest

from connectors.jetstream.rights import Need, Verb, people_rights
from dataflow.settings import NatsSettings
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.configured_nats import ConfiguredServer
from tests.fixtures.worker import Log, MakeWorld, RunWorker, Soloface
from tests.selfies import Desk
from tests.variables import nats_variables
from tests.world import World

PASSWORD = "s3cret"
SERVED = (Need.ALWAYS, Need.SHOULD, Need.TO_MAKE)


def permissions(settings: NatsSettings, without: str) -> dict[str, dict[str, list[str]]]:
    return {
        str(verb): {
            "allow": [
                right.subject
                for right in people_rights(settings)
                if right.verb is verb and right.need in SERVED
                if not without or without not in right.subject
            ]
        }
        for verb in Verb
    }


class Limited(Protocol):
    """Starts a server on which `people` has the rights that are listed, but for some."""

    def __call__(self, without: str = "") -> World: ...


@pytest.fixture
def limited(make_world: MakeWorld, tmp_path: Path) -> Iterator[Limited]:
    with ExitStack() as servers:

        def make(without: str = "") -> World:
            names = NatsSettings()
            users = [
                {
                    "user": "people",
                    "password": PASSWORD,
                    "permissions": permissions(names, without),
                },
                {"user": "platform", "password": PASSWORD},
            ]
            server = servers.enter_context(
                ConfiguredServer(
                    f'jetstream {{ store_dir: "{tmp_path}" }}\n'
                    f"authorization {{ users: {json.dumps(users)} }}\n"
                )
            )
            server.user, server.password = "platform", PASSWORD
            defaults: dict[str, Any] = {
                variable: str(getattr(names, variable.removeprefix("NATS__").lower()))
                for variable in nats_variables(server)
                if variable.endswith(("STREAM", "SUBJECT", "DURABLE"))
            }
            return make_world(nats=server, NATS__ACK_WAIT_S="2", **defaults)

        yield make


def test_the_listed_rights_are_enough_to_enrol_and_to_erase(
    limited: Limited, run_worker: RunWorker, log: Log
) -> None:
    desk, user = Desk(limited()), uuid4()
    desk.world.consumer()  # a withdrawal reads the photos' streams, too
    worker = run_worker(flow="people", NATS__USER="people", NATS__PASSWORD=PASSWORD)

    assert desk.event_of(desk.ask(user, desk.selfie(ENROLLED[0]))).reason == "enrolled"
    assert desk.event_of(desk.withdraw(user)).reason == "erased"

    worker.stop()
    assert [event.reason for event in desk.events()] == ["erased"]
    assert not log.events("rights_missing")
    assert not log.events("nats_denied")


@pytest.mark.parametrize("right", ["STREAM.MSG.DELETE.PHOTO_FACES_TAGS", "MSG.GET.USERS_FACE_DEAD"])
def test_a_right_to_erase_that_is_missing_is_named_by_doctor_and_the_start(  # noqa: PLR0913, PLR0917 - fixtures
    limited: Limited,
    run_worker: RunWorker,
    log: Log,
    soloface: Soloface,
    monkeypatch: pytest.MonkeyPatch,
    right: str,
) -> None:
    desk = Desk(limited(right))
    desk.withdraw(uuid4())
    monkeypatch.setenv("SOLOFACE_NATS__USER", "people")

    done = soloface("doctor", "--json")
    assert done.code == 1
    (line,) = [f["detail"] for f in done.json if f["name"] == "people"]
    assert right in line

    worker = run_worker(flow="people")
    assert worker.ended(60) == 1
    assert right in log.text
    assert log.text.count("\n") == 1
