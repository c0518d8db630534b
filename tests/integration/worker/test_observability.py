"""One load, told five times: by the database, the events, the metrics, the log and Prometheus.

    TEST_LOAD_JOBS=2000 TEST_DASHBOARD_PICTURE=docs/images/dashboard.png \\
        uv run pytest tests/integration/worker/test_observability.py -s --timeout 1800

runs it at full size, and keeps the picture of the dashboard.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from math import isnan
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from nats.js.api import RawStreamMsg
from prometheus_client.parser import text_string_to_metric_families

from dataflow.jobs.reason import Outcome, Reason
from tests.dashboard import panels
from tests.dashboard_picture import Window, draw
from tests.feed import feed, told_so_far
from tests.fixtures.prometheus import Prometheus, StartPrometheus, free_port
from tests.fixtures.worker import Log, MakeWorld, RunWorker
from tests.load import PEOPLE, Wanted, mixed
from tests.patience import PATIENCE_S
from tests.selfies import Desk
from tests.unit.repository.test_contracts import validator
from tests.world import World, eventually

JOBS = int(os.environ.get("TEST_LOAD_JOBS", "70"))
PICTURE = os.environ.get("TEST_DASHBOARD_PICTURE")

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(port: int) -> Samples:
    """What the worker says of itself, by name and labels."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(samples: Samples, name: str, **labels: str) -> float:
    wanted = labels.items()
    return sum(
        value
        for (sample, found), value in samples.items()
        if sample == f"soloface_{name}" and dict(found).items() >= wanted
    )


@dataclass(frozen=True, slots=True)
class Run:
    """A load that was settled, and what is left of it."""

    world: World
    wanted: dict[int, Wanted]
    reasons: dict[int, str]
    events: list[RawStreamMsg]
    samples: Samples
    seen: Window


def has_seen(server: Prometheus, jobs: int, requests: int) -> bool:
    """Whether so much was scraped, and what the worker looks up every few seconds."""
    looked_up = [server.value(f"max(soloface_{name}dead_letters)") for name in ("", "people_")]
    return (
        not any(value is None or isnan(value) for value in looked_up)
        and server.value("sum(soloface_jobs_total)") == jobs
        and server.value("sum(soloface_people_requests_total)") == requests
    )


@pytest.fixture
def settled_load(
    make_world: MakeWorld, run_worker: RunWorker, log: Log, prometheus: StartPrometheus
) -> Run:
    world = make_world(MATCH__MAX_DISTANCE="0.55", METRICS_PORT=str(port := free_port()))
    world.enrol(*PEOPLE)
    jobs = mixed(world, JOBS)
    server = prometheus(port)
    worker = run_worker(flow="all")
    log.wait(lambda: bool(log.events("worker_starts")))
    began = time.time()
    sequences: list[int] = []
    for requests, part in enumerate(([], jobs[: len(jobs) // 2], jobs[len(jobs) // 2 :])):
        sequences += world.publish(*(job.payload for job in part))
        if requests:
            Desk(world).withdraw(uuid4())
        log.wait_settled(sequences, timeout_s=PATIENCE_S + JOBS)
        # A rate takes two scrapes, so let it see the beginning and the middle too.
        eventually(partial(has_seen, server, len(sequences), requests), "a scrape", 60)
    seen = Window(server, began, time.time())
    eventually(world.is_empty, "every answer has arrived")
    matched = list(log.reasons().values()).count(Reason.MATCHED)
    eventually(lambda: told_so_far(world.settings.nats) == matched, "every change is told")
    samples = scraped(port)
    run = Run(
        world,
        dict(zip(sequences, jobs, strict=True)),
        log.reasons(),
        world.events(),
        samples,
        seen,
    )
    worker.stop()
    return run


def test_a_load_is_told_alike_by_database_events_metrics_log_and_prometheus(
    settled_load: Run, tmp_path: Path
) -> None:
    run = settled_load
    told = [orjson.loads(message.data or b"") for message in run.events]

    assert run.reasons == {seq: str(job.reason) for seq, job in run.wanted.items()}
    assert_one_valid_event_for_each_job(run, told)
    assert_the_metrics_add_up(run, told)
    assert_the_database_agrees(run, told)
    assert_every_query_of_the_dashboard_has_data(run.seen)
    draw(panels(), run.seen, Path(PICTURE or tmp_path / "dashboard.png"))
    assert_every_rule_works_and_no_alert_fires(run)


def assert_one_valid_event_for_each_job(run: Run, told: list[dict[str, Any]]) -> None:
    assert {event["stream_seq"]: event["reason"] for event in told} == run.reasons
    assert len(told) == len(run.wanted)
    body, headers = validator("settled.json"), validator("settled.headers.json")
    for message, event in zip(run.events, told, strict=True):
        body.validate(event)
        headers.validate(message.headers)
    assert len({(message.headers or {})["ce-id"] for message in run.events}) == len(told)
    letters = validator("dead.headers.json")
    for letter in run.world.dead_letters():
        letters.validate(letter.headers)


def assert_the_metrics_add_up(run: Run, told: list[dict[str, Any]]) -> None:
    samples, reasons = run.samples, Counter(event["reason"] for event in told)
    for reason in Reason:
        counted = total(samples, "jobs_total", outcome=reason.outcome, reason=reason)
        assert counted == reasons[reason], reason
    assert total(samples, "events_total") == len(told)
    assert total(samples, "repeats_total") == 0
    deliveries = total(samples, "deliveries_total")
    assert deliveries == sum(event["deliveries"] for event in told)
    assert deliveries - total(samples, "redeliveries_total") == len(told)
    assert total(samples, "retries_total") == deliveries - len(told)
    for stage in ("write", "announce", "answer"):
        assert total(samples, "stage_seconds_count", stage=stage) == len(told)
    for stage in ("fetch", "detect", "embed"):
        passed = sum(stage in event["durations"] for event in told)
        assert total(samples, "stage_seconds_count", stage=stage) == passed
    distances = [event["distance"] for event in told if event["distance"] is not None]
    assert total(samples, "match_distance_count") == len(distances)
    assert total(samples, "match_distance_sum") == pytest.approx(sum(distances))
    changes = feed(run.world.settings.nats)
    assert total(samples, "tags_changed_total", change="gained", cause="job") == len(changes)
    assert total(samples, "tags_changed_total") == len(changes) == reasons[Reason.MATCHED]
    assert total(samples, "in_flight") == 0
    assert total(samples, "gallery_users") == len(PEOPLE)
    assert total(samples, "gallery_recall") == 1


def assert_the_database_agrees(run: Run, told: list[dict[str, Any]]) -> None:
    rows = run.world.rows("face_match_outcomes")
    stored = Counter(row["reason"] for row in rows.values())
    malformed = total(run.samples, "jobs_total", reason=Reason.MALFORMED_PAYLOAD)
    assert sum(stored.values()) == len(told) - malformed
    for reason in Reason:
        if reason is not Reason.MALFORMED_PAYLOAD:  # which has no photo to be stored with
            assert total(run.samples, "jobs_total", reason=reason) == stored[reason]
    matched = total(run.samples, "jobs_total", outcome=Outcome.MATCHED)
    assert len(run.world.rows("face_matches")) == matched
    rejected = total(run.samples, "jobs_total", outcome=Outcome.REJECTED)
    assert len(run.world.dead_letters()) == rejected
    for event in told:
        if event["photo_id"]:
            row = rows[UUID(event["photo_id"])]
            assert (row["reason"], str(row["user_id"])) == (event["reason"], str(event["user_id"]))


def assert_every_query_of_the_dashboard_has_data(seen: Window) -> None:
    for panel in panels():
        for query in panel.queries:
            if query.is_of_web:
                continue
            values = [value for series in seen.ask(query) for value in series.values]
            assert not all(map(isnan, values)), query


def assert_every_rule_works_and_no_alert_fires(run: Run) -> None:
    (group,) = run.seen.server.ask("rules")["groups"]
    assert [rule["name"] for rule in group["rules"] if rule["health"] != "ok"] == []
    alerts = run.seen.server.ask("alerts")["alerts"]
    assert [alert["labels"] for alert in alerts if alert["state"] == "firing"] == []
