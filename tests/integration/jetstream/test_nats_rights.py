"""A login that may not tell how jobs end is found out before the first of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from connectors.jetstream.client import JetStreamClient
from connectors.jetstream.connection import connect
from connectors.jetstream.examining import surroundings
from connectors.jetstream.provision import wanted_streams
from connectors.jetstream.rights import permissions
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.lane import Lane
from dataflow.process.health import Health
from dataflow.settings import NatsSettings
from tests.fixtures.configured_nats import Serve
from tests.world import jetstream

JOBS_ONLY = '["$JS.>", "_INBOX.>", "jobs.>"'


@pytest.fixture
def login(serve: Serve, tmp_path: Path) -> NatsSettings:
    """Settings for a user who may ask, but not publish events."""
    permissions = f'publish: {{ allow: {JOBS_ONLY}, "$SYS.REQ.USER.INFO"] }}'
    where = serve(
        f'jetstream {{ store_dir: "{tmp_path}" }}\nauthorization {{ users: [\n'
        f"  {{ user: u, password: s3cret, permissions: {{ {permissions} }} }}\n"
        f"  {{ user: mute, password: s3cret, permissions: {{ publish: {JOBS_ONLY}] }} }}\n"
        "  { user: fenced, password: s3cret, "
        'permissions: { publish: { deny: "settled.>" } } }\n'
        "  { user: careful, password: s3cret, "
        'permissions: { publish: { deny: "$JS.API.STREAM.UPDATE.>" } } }\n'
        f"  {{ user: free, password: s3cret }}\n] }}"
    )
    return NatsSettings(
        url=f"nats://{where}",
        user="u",
        password=SecretStr("s3cret"),
        subject="jobs.wanted",
        settled_subject="settled.jobs",
        dead_subject="jobs.dead",
        tags_subject="jobs.tags",
    )


def allowed(settings: NatsSettings, user: str, subject: str) -> bool | None:
    async def ask() -> bool | None:
        connection = await connect(settings.model_copy(update={"user": user}))
        try:
            ours = await permissions(connection)
            return ours.publish.permit(subject) if ours else None
        finally:
            await connection.close()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("user", "subject", "expected"),
    [
        ("u", "settled.jobs", False),
        ("u", "jobs.wanted", True),
        ("fenced", "settled.jobs", False),
        ("fenced", "jobs.wanted", True),
        ("free", "settled.jobs", True),
        ("mute", "settled.jobs", None),
    ],
)
def test_the_server_says_what_a_login_may(
    login: NatsSettings,
    user: str,
    subject: str,
    expected: bool | None,  # noqa: FBT001 - a test's parameter
) -> None:
    assert allowed(login, user, subject) is expected


@pytest.mark.parametrize(
    ("subjects", "denied", "way_out"),
    [
        ({}, "publish to settled.jobs", "SOLOFACE_NATS__EVENTS=false"),
        (
            {"settled_subject": "jobs.settled", "tags_subject": "told.tags"},
            "publish to told.tags",
            "SOLOFACE_NATS__TAGS=false",
        ),
        (
            {"tags_subject": "told.tags"},
            "publish to settled.jobs, publish to told.tags",
            "SOLOFACE_NATS__EVENTS=false and SOLOFACE_NATS__TAGS=false",
        ),
    ],
)
def test_a_login_without_the_right_to_publish_events_is_refused_at_the_start(
    login: NatsSettings, subjects: dict[str, str], denied: str, way_out: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        JetStreamClient(login.model_copy(update=subjects), Health())
    assert str(refusal.value) == (
        f"this login may not {denied}; allow it in the NATS server's permissions, or set {way_out}"
    )


def test_it_is_not_asked_for_where_no_events_are_wanted(login: NatsSettings) -> None:
    quiet = {"events": False, "tags": False, "tags_subject": "told.tags"}
    JetStreamClient(login.model_copy(update=quiet), Health()).close()


def test_a_login_that_may_not_change_streams_works_with_one_lane_and_says_how_to_get_two(
    login: NatsSettings,
) -> None:
    careful, free = (login.model_copy(update={"user": user}) for user in ("careful", "free"))

    async def make() -> None:
        async with jetstream(free) as js:
            await js.add_stream(wanted_streams(free)[0].evolve(subjects=[free.subject]))

    asyncio.run(make())
    with capture_logs() as logs:
        JetStreamClient(careful, Health()).close()

    (said,) = [line["detail"] for line in logs if line["event"] == "one_lane"]
    assert "nats stream edit" in said
    assert said.endswith(asyncio.run(surroundings(careful)).one_lane)
    client = JetStreamClient(free, Health())
    client.close()
    assert set(client.lanes) == set(Lane)
