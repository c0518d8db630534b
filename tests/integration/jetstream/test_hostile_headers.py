"""No header that a publisher can write is taken for the server's word, or ends anything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nats.js import JetStreamContext
from structlog.testing import capture_logs

from connectors.jetstream.jobs import fetching
from connectors.jetstream.jobs.came import Came, delivery_of
from connectors.jetstream.jobs.given_up import NOBODY_ASKS, GivenUp
from connectors.jetstream.letters.erasure import erase_messages
from connectors.jetstream.observing import Observer
from connectors.jetstream.provision import provision
from connectors.jetstream.stored import stored
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.reason import Reason
from dataflow.process.health import Health
from dataflow.settings import NatsSettings
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.builders import payload, photo
from tests.fixtures.letters import Letters
from tests.fixtures.source import Source
from tests.fixtures.worker import Log, RunWorker, Soloface
from tests.headers import HOSTILE, blocks, publish_raw
from tests.pulling import connection_of
from tests.world import World

LAST = b"the last one"
MAX_DELIVER = 3


@pytest.fixture
def source(nats_settings: NatsSettings) -> Iterator[Source]:
    changes = {"max_deliver": MAX_DELIVER, "retry_delay_s": 0.01}
    made = Source(nats_settings.model_copy(update=changes))
    yield made
    made.close()


def assert_all_come_whole(source: Source, headers: Sequence[bytes]) -> None:
    """Each job comes once, with its own payload; and so does the one behind them."""
    sent = [(block, b"job %d" % number) for number, block in enumerate(headers)]
    sent.append((b"NATS/1.0\r\n\r\n", LAST))
    wanted = {seq: data for seq, (_, data) in zip(source.publish(sent), sent, strict=True) if seq}
    came = source.take(len(wanted))
    assert {delivery.stream_seq: delivery.payload for delivery in came} == wanted
    assert {delivery.attempt for delivery in came} == {1}
    assert source.health.causes() == []


def test_jobs_with_headers_like_the_servers_come_like_any_other(source: Source) -> None:
    assert_all_come_whole(source, HOSTILE)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(headers=st.lists(blocks(), min_size=1, max_size=20))
def test_jobs_with_any_headers_come_like_any_other(source: Source, headers: list[bytes]) -> None:
    assert_all_come_whole(source, headers)


def test_an_error_of_ours_costs_the_one_job_and_that_is_given_up(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(came: Came) -> Delivery:
        if came.message.data == b"bad":
            raise RuntimeError("a bug")
        return delivery_of(came)

    monkeypatch.setattr(fetching, "delivery_of", broken)
    with capture_logs() as logs:
        source.publish([(b"", b"good"), (b"", b"bad"), (b"", b"good")])
        came = source.take(3)

    attempts = [(delivery.payload, delivery.attempt) for delivery in came]
    assert sorted(attempts) == [(b"bad", MAX_DELIVER + 1), (b"good", 1), (b"good", 1)]
    unread = [line["error"] for line in logs if line["event"] == "delivery_unread"]
    assert unread == ["RuntimeError('a bug')"] * (MAX_DELIVER + 1)


def test_a_worker_settles_such_jobs_like_any_other(
    world: World, run_worker: RunWorker, log: Log, soloface: Soloface
) -> None:
    world.enrol(*ENROLLED)
    photos = world.photos(scaled(ENROLLED[0].portrait(), 0.7), len(HOSTILE))
    nats = world.settings.nats
    world.consumer()  # which makes the stream
    jobs = [(block, each.job()) for block, each in zip(HOSTILE, photos, strict=True)]
    rejected = [(block, b"no job") for block in HOSTILE]
    worker = run_worker()
    good = asyncio.run(publish_raw(nats, nats.subject, jobs))
    bad = asyncio.run(publish_raw(nats, nats.subject, rejected))
    log.wait_settled([*good, *bad])
    done = soloface("dlq", "replay", "--all", "--json")
    replayed = range(bad[-1] + 1, bad[-1] + 1 + len(HOSTILE))
    log.wait_settled(list(replayed))
    worker.stop()

    assert all(good)
    assert log.reasons() == {
        **dict.fromkeys(good, Reason.MATCHED),
        **dict.fromkeys([*bad, *replayed], Reason.MALFORMED_PAYLOAD),
    }
    assert done.json["replayed"] == len(HOSTILE)
    assert len(soloface("dlq", "list", "--json").json) == len(HOSTILE)
    world.assert_nothing_is_left()


def test_a_replayed_job_carries_no_header_of_the_letter(
    letters: Letters, soloface: Soloface
) -> None:
    nats = letters.settings
    for number, block in enumerate(HOSTILE):
        asyncio.run(publish_raw(nats, nats.dead_subject, [(block, payload(number))]))

    soloface("dlq", "replay", "--all")

    async def headers(js: JetStreamContext) -> set[str]:
        last = (await js.stream_info(nats.stream)).state.last_seq
        found = [await stored(connection_of(js), nats.stream, seq) for seq in range(1, last + 1)]
        return {name for message in found if message for name in message.headers}

    assert letters.with_jetstream(headers) == {"Nats-Msg-Id", "Nats-Expected-Stream"}


def test_every_command_reads_letters_with_such_headers(
    letters: Letters, soloface: Soloface
) -> None:
    nats = letters.settings
    job = payload(1)
    seqs = asyncio.run(publish_raw(nats, nats.dead_subject, [(block, job) for block in HOSTILE]))
    assert all(seqs)

    listed = soloface("dlq", "list", "--json")
    assert [row["seq"] for row in listed.json] == seqs[::-1]
    for seq in seqs:
        shown = soloface("dlq", "show", seq, "--json")
        assert (shown.code, shown.json["payload"]) == (0, job.decode())
        assert soloface("dlq", "show", seq).code == 0
    erased = asyncio.run(erase_messages(nats, photo(1), dry_run=True))
    assert erased[nats.dead_stream] == len(seqs)
    purged = soloface("dlq", "purge", "--all", "--yes", "--json")
    assert purged.json == {"purged": len(seqs), "already_gone": 0}


def test_events_with_such_headers_are_followed(letters: Letters, soloface: Soloface) -> None:
    nats = letters.settings
    told = [(block, b'{"outcome":"skipped"}') for block in HOSTILE]
    asyncio.run(publish_raw(nats, nats.settled_subject, told))

    done = soloface("watch", "--json", "--since", "1h", "--count", len(HOSTILE))

    assert (done.code, done.out.count("skipped")) == (0, len(HOSTILE))


def test_jobs_with_such_headers_are_looked_at_and_given_up(letters: Letters) -> None:
    nats = letters.settings
    asyncio.run(publish_raw(nats, nats.subject, [(block, b"a job") for block in HOSTILE]))

    async def look(js: JetStreamContext) -> list[Delivery | None]:
        connection = connection_of(js)
        found = await provision(js, nats)
        await Observer(connection, nats, lambda: provision(js, nats), Health()).look()
        given_up = GivenUp(connection, nats)
        await given_up.listen(found)
        given_up._waiting.extend((seq, 9) for seq in range(1, len(HOSTILE) + 1))
        return [await given_up.next() for _ in HOSTILE]

    found = letters.with_jetstream(look)
    assert [each and (each.payload, each.ack_token) for each in found] == [
        (b"a job", NOBODY_ASKS)
    ] * len(HOSTILE)
