"""A worker's login with exactly the listed rights works through; JetStream may be elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from connectors.jetstream.rights import Need, Right, Verb, worker_rights
from dataflow.jobs.reason import Reason
from dataflow.settings import NatsSettings
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.configured_nats import ConfiguredServer
from tests.fixtures.worker import Log, MakeWorld, RunWorker, Soloface
from tests.world import World

PASSWORD = "s3cret"


def permissions(settings: NatsSettings, *needs: Need) -> str:
    """The listed rights, as a server's configuration has them."""
    lists = {
        verb: [
            subject
            for right in worker_rights(settings)
            if right.verb is verb and right.need in needs
            for subject in right.subjects
        ]
        for verb in Verb
    }
    return json.dumps({verb: {"allow": subjects} for verb, subjects in lists.items()})


class Limited(Protocol):
    """Starts a server on which `worker` has the rights that follow from the settings, no more."""

    def __call__(self, *needs: Need, lines: str = "", **variables: str) -> World: ...


@pytest.fixture
def limited(make_world: MakeWorld, tmp_path: Path) -> Iterator[Limited]:
    with ExitStack() as servers:

        def make(*needs: Need, lines: str = "", **variables: str) -> World:
            names: dict[str, Any] = {f"NATS__{k.upper()}": v for k, v in variables.items()}
            wanted = NatsSettings(**variables)
            users = json.dumps(
                [
                    {
                        "user": "worker",
                        "password": PASSWORD,
                        "permissions": json.loads(permissions(wanted, *needs)),
                    },
                    {"user": "platform", "password": PASSWORD},
                ]
            )
            server = servers.enter_context(
                ConfiguredServer(
                    f'jetstream {{ store_dir: "{tmp_path}" {lines} }}\n'
                    f"authorization {{ users: {users} }}\n"
                )
            )
            server.user, server.password = "platform", PASSWORD
            streams: dict[str, Any] = {
                f"NATS__{name.upper()}": getattr(wanted, name)
                for name in (
                    "stream",
                    "subject",
                    "durable",
                    "backfill_subject",
                    "backfill_durable",
                    "dead_stream",
                    "dead_subject",
                    "settled_stream",
                    "settled_subject",
                    "tags_stream",
                    "tags_subject",
                )
            }
            return make_world(nats=server, NATS__ACK_WAIT_S="2", **streams, **names)

        yield make


def work_through(world: World, run_worker: RunWorker, log: Log, *, made: bool) -> None:
    """Provision or not, work, write a dead letter, tell events, drain."""
    world.enrol(*ENROLLED)
    photo = world.photo(scaled(ENROLLED[0].portrait(), 0.7))
    if made:
        world.consumer()
    worker = run_worker(NATS__USER="worker", NATS__PASSWORD=PASSWORD)
    log.wait(lambda: bool(log.events("worker_starts")))
    sequences = world.publish(photo.job(), b"no job")
    log.wait_settled(sequences)
    worker.stop()

    assert list(log.reasons().values()).count(Reason.MATCHED) == 1
    assert len(world.dead_letters()) == 1
    assert len(world.events()) == len(sequences)
    assert not log.events("rights_missing")
    assert not log.events("one_lane")
    assert not log.events("nats_denied")
    assert not log.events("answer_unconfirmed")
    world.assert_nothing_is_left()


@pytest.mark.parametrize("makes", [True, False])
def test_the_listed_rights_are_enough(
    limited: Limited,
    run_worker: RunWorker,
    log: Log,
    makes: bool,  # noqa: FBT001 - a test's parameter
) -> None:
    needs = (Need.ALWAYS, Need.BACKFILL, Need.SHOULD, *([Need.TO_MAKE] if makes else []))
    work_through(limited(*needs), run_worker, log, made=not makes)


def test_a_login_from_before_there_were_two_lanes_works_with_one_and_says_so(
    limited: Limited, run_worker: RunWorker, log: Log
) -> None:
    limited(Need.ALWAYS, Need.SHOULD, Need.TO_MAKE).enrol(*ENROLLED[:1])
    run_worker(NATS__USER="worker", NATS__PASSWORD=PASSWORD)
    log.wait(lambda: bool(log.events("worker_starts")))
    assert "CONSUMER.INFO" in log.events("one_lane")[0]["detail"]
    assert not log.events("rights_missing")


def test_a_worker_works_where_jetstream_has_a_domain_and_answers_come_elsewhere(
    limited: Limited, run_worker: RunWorker, log: Log, soloface: Soloface
) -> None:
    world = limited(
        Need.ALWAYS,
        Need.BACKFILL,
        Need.SHOULD,
        Need.TO_MAKE,
        lines=", domain: hub",
        jetstream_domain="hub",
        inbox_prefix="answers.soloface",
    )
    work_through(world, run_worker, log, made=False)

    assert soloface("dlq", "list", "--json").json[0]["reason"] == Reason.MALFORMED_PAYLOAD
    assert soloface("dlq", "replay", "--all", "--json").json["replayed"] == 1
    assert soloface("watch", "--since", "1h", "--count", 2).code == 0
    assert soloface("publish", world.photo().id, "a.jpg").code == 0
    done = soloface("doctor", "--json")
    lines = [f["detail"] for f in done.json if f["name"] == "nats"]
    # What was replayed can wait, what was published is live.
    assert [line.split(": ")[1] for line in lines] == ["1 job waiting, 0 in work"] * 2


def test_a_login_that_may_not_hear_answers_is_told_so(
    limited: Limited, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(Need.ALWAYS, Need.SHOULD, Need.TO_MAKE, inbox_prefix="answers.soloface")
    for name, value in (
        ("USER", "worker"),
        ("PASSWORD", PASSWORD),
        ("INBOX_PREFIX", "_INBOX"),
    ):
        monkeypatch.setenv(f"SOLOFACE_NATS__{name}", value)

    for command in (["watch", "--count", 1], ["dlq", "list"], ["publish", f"{'0' * 32}", "a.jpg"]):
        done = soloface(*command)
        assert (done.code, done.err.count("\n")) == (1, 1)
        assert "may not subscribe to _INBOX.>" in done.err
        assert "SOLOFACE_NATS__INBOX_PREFIX" in done.err


@pytest.mark.parametrize(
    "right", ["$JS.ACK", "photo_faces.single.dead", "CONSUMER.MSG.NEXT", "STREAM.INFO.PHOTO_FACES"]
)
def test_a_right_that_is_missing_is_named_by_doctor_and_worker(  # noqa: PLR0913, PLR0917 - fixtures
    limited: Limited,
    soloface: Soloface,
    run_worker: RunWorker,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    right: str,
) -> None:
    complete = worker_rights

    def fewer(settings: NatsSettings) -> Iterator[Right]:
        return (each for each in complete(settings) if right not in each.subject)

    with monkeypatch.context() as patch:
        patch.setattr("tests.integration.jetstream.test_worker_login.worker_rights", fewer)
        world = limited(Need.ALWAYS, Need.SHOULD, Need.TO_MAKE)
    monkeypatch.setenv("SOLOFACE_NATS__USER", "worker")
    world.consumer()
    done = soloface("doctor", "--json")
    assert done.code == 1
    (line,) = [f["detail"] for f in done.json if f["name"] == "nats"]
    assert right in line

    worker = run_worker()
    assert worker.ended(60) == 1
    assert right in log.text
    assert log.text.count("\n") == 1
