"""The gauges that no job makes: what waits, and who is enrolled."""

from __future__ import annotations

from contextlib import closing
from math import isnan

from nats.js import JetStreamContext
from prometheus_client import REGISTRY

from connectors.jetstream.observing import Observer
from connectors.postgres.connection import Database
from connectors.postgres.gallery.users import Gallery
from connectors.postgres.photos.limits import Limits
from connectors.postgres.tags.outbox import Outbox
from connectors.telemetry.observing import (
    count_gallery,
    describe_health,
    follow,
    measure_outbox,
)
from dataflow.gallery.limit import FollowingLimit
from dataflow.jobs.errors import SystemicError
from dataflow.process.health import Health
from dataflow.process.metrics import DEPENDENCIES
from dataflow.steps.matching import MatchPolicy
from tests.fixtures.letters import Letters
from tests.fixtures.recording import MODEL, THRESHOLD, Records, face
from tests.pulling import connection_of


def gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"soloface_{name}", labels)


def look(letters: Letters, stream: str | None = None) -> None:
    settings = letters.settings.model_copy(update={"stream": stream or letters.settings.stream})

    async def restore() -> None:
        raise SystemicError("nothing is made here")

    async def once(js: JetStreamContext) -> None:
        connection = connection_of(js)
        await Observer(connection, settings, restore, Health()).look()

    letters.with_jetstream(once)


def publish(letters: Letters, count: int) -> None:
    async def send(js: JetStreamContext) -> None:
        for _ in range(count):
            await js.publish(letters.settings.subject, b"{}")

    letters.with_jetstream(send)


def take(letters: Letters, *, acknowledge: bool) -> None:
    async def one(js: JetStreamContext) -> None:
        settings = letters.settings
        pull = await js.pull_subscribe_bind(durable=settings.durable, stream=settings.stream)
        (message,) = await pull.fetch(1)
        if acknowledge:
            await message.ack_sync()
        await pull.unsubscribe()

    letters.with_jetstream(one)


def test_what_waits_is_told_from_what_is_in_work(letters: Letters) -> None:
    publish(letters, 3)
    take(letters, acknowledge=False)
    letters.bury(1)
    look(letters)
    assert (gauge("consumer_pending", lane="live"), gauge("consumer_ack_pending", lane="live")) == (
        2,
        1,
    )
    assert gauge("dead_letters") == 1


def test_the_oldest_job_is_the_oldest_without_an_outcome(letters: Letters) -> None:
    look(letters)
    assert gauge("oldest_job_age_seconds", lane="live") == 0
    publish(letters, 1)
    look(letters)
    first = gauge("oldest_job_age_seconds", lane="live")
    look(letters)
    second = gauge("oldest_job_age_seconds", lane="live")
    assert first is not None
    assert second is not None
    assert 0 < first < second
    take(letters, acknowledge=True)
    look(letters)
    assert gauge("oldest_job_age_seconds", lane="live") == 0


def test_what_cannot_be_seen_is_not_a_number(letters: Letters) -> None:
    look(letters, "NO_SUCH_STREAM")
    for name in ("consumer_pending", "consumer_ack_pending", "oldest_job_age_seconds"):
        value = gauge(name, lane="live")
        assert value is not None
        assert isnan(value)


def test_the_gallery_is_counted_by_model(records: Records) -> None:
    database = Database(records.settings)
    for number in (1, 2):
        records.add_user(number, degrees=number)
    records.add_user(3, degrees=3, model="other")
    count_gallery(Gallery(database))
    assert gauge("gallery_users", model=MODEL) == 2
    assert gauge("gallery_users", model="other") == 1

    records.run("delete from users where face_embedding_model = 'other'")
    count_gallery(Gallery(database))
    database.close()
    assert gauge("gallery_users", model="other") == 0


def test_what_waits_to_be_told_is_measured(records: Records) -> None:
    with closing(Database(records.settings)) as database:
        measure_outbox(Outbox(database))
        assert (gauge("outbox_changes"), gauge("outbox_age_seconds")) == (0, 0)
        records.add_photos(1, 2)
        records.add_user(1, degrees=0)
        records.recorder().record([face(1), face(2)])
        records.run("update face_outbox set noted_at = now() - interval '90 s' where seq = 1")
        measure_outbox(Outbox(database))
        assert gauge("outbox_changes") == 2
        age_s = gauge("outbox_age_seconds")
        assert age_s is not None
        assert 90 <= age_s < 3600
        records.run("alter table face_outbox rename to away")
        measure_outbox(Outbox(database))
    assert isnan(gauge("outbox_changes") or 0)
    assert isnan(gauge("outbox_age_seconds") or 0)


def test_a_dependency_is_up_unless_somebody_suffers_from_it() -> None:
    health = Health()
    describe_health(health)
    assert {gauge("dependency_up", dependency=name) for name in DEPENDENCIES} == {1}
    assert gauge("ready") == 1
    watch = health.watch("PostgreSQL")
    watch.failed("connection refused")
    assert gauge("dependency_up", dependency="PostgreSQL") == 0
    assert gauge("dependency_up", dependency="NATS") == 1
    assert gauge("ready") == 0
    watch.succeeded()
    assert gauge("dependency_up", dependency="PostgreSQL") == 1
    assert gauge("ready") == 1


def test_the_limit_is_told_and_follows_also_where_nobody_has_moved_it(records: Records) -> None:
    """An older worker matches again for the users that came, and knows of no step."""
    with closing(Database(records.settings)) as database:
        gallery, limits = Gallery(database), Limits(database)
        follow(gallery, MODEL)
        limit = gauge("match_limit", model=MODEL)
        assert limit is not None
        assert isnan(limit)

        limits.note(MODEL, MatchPolicy(THRESHOLD), FollowingLimit(0.01, 1e-6, (0.3, 0.2, 0.1)))
        for number in (1, 2, 3):
            records.add_user(number, 40 * number)
        records.run("truncate face_rematches")
        follow(gallery, MODEL)

        assert gauge("match_limit", model=MODEL) == 0.1
        noted = limits.of(MODEL)
        assert noted
        assert (noted.policy.max_distance, noted.users) == (0.1, 4)
    (asked,) = records.run("select model, above, upto from face_rematches")
    assert asked == {"model": MODEL, "above": 0.1, "upto": 0.3}
