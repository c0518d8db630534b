"""What follows from unit costs, and how the forwarder counts."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.capacity import Plan, needs
from benchmarks.direction import Direction
from benchmarks.forwarder import Forwarder
from benchmarks.measure import Sample, Series
from benchmarks.report import show_pages, write_pages
from benchmarks.scaling import Results, introduction, pages, rounded
from benchmarks.unit_costs import JetStreamCost, PostgresCost, StoreCost, UnitCosts, WorkerCost
from benchmarks.ways import WAYS
from connectors.jetstream.provision import EVENTS_KEPT, EVENTS_KEPT_S

COSTS = UnitCosts(
    jobs=100,
    worker=WorkerCost(cpu_ms=36, rss_mb=300, cores=2),
    jetstream=JetStreamCost(
        publish_cpu_ms=0.1,
        cpu_ms=0.26,
        messages=8,
        wire_bytes=3_600,
        job_bytes=180,
        event_bytes=720,
        letter_bytes=900,
    ),
    postgres=PostgresCost(
        cpu_ms=0.72,
        wal_bytes=3_600,
        rows=3,
        kept_bytes=1_500,
        wire_bytes=1_800,
        batch=10,
        connections=1,
        users=10_000,
        search_cpu_ms=3.6,
    ),
    store=StoreCost(requests=1, wire_bytes=900_000),
)


def needed(plan: Plan, costs: UnitCosts = COSTS) -> dict[str, float]:
    return {f"{need.part}: {need.what}": need.amount for need in needs(costs, plan)}


def test_what_a_million_photos_an_hour_need_follows_from_what_one_costs() -> None:
    found = needed(Plan(photos_per_hour=1_000_000, outage_h=4, rejected=0.01, replicas=3))

    assert {name: round(amount, 3) for name, amount in found.items()} == {
        "workers: cores that are busy": 10,
        "workers: processes of 2 cores, with the reserve": 7,
        "workers: memory, at least": 2.1,
        "workers: `SOLOFACE_NATS__MAX_ACK_PENDING`": 7 * (32 + 3 * 16),
        "workers: time to work off the backlog, with the reserve": 12,
        "store: requests": 277.778,
        "store: bandwidth": 250,
        "store: bandwidth, as network speed": 2,
        "store: fetches at a time": 13.889,
        "store: fetchers of those processes": 7 * 16,
        "JetStream: cores of the leader": 0.1,
        "JetStream: messages of the workers": 2222.222,
        "JetStream: traffic of the workers": 1,
        "JetStream: written, on each replica": 0.25,
        "JetStream: storage for the backlog, all replicas": 2.16,
        "JetStream: storage for events, all replicas": 21.6,
        "JetStream: storage for dead letters, all replicas": 19.44,
        "JetStream: events are kept for": 10,
        "JetStream: dead letters are kept for": 30,
        "PostgreSQL: cores, without the search": 0.2,
        "PostgreSQL: cores for the search among 10,000 users": 1,
        "PostgreSQL: connections": 7,
        "PostgreSQL: transactions that write": 27.778,
        "PostgreSQL: rows written": 833.333,
        "PostgreSQL: write-ahead log": 1,
        "PostgreSQL: traffic of the workers": 0.5,
        "PostgreSQL: growth per million photos": 1.5,
    }


def test_events_are_kept_by_age_where_photos_are_few_and_by_count_where_they_are_many() -> None:
    few = needed(Plan(photos_per_hour=3_600))["JetStream: events are kept for"]
    many = needed(Plan(photos_per_hour=EVENTS_KEPT))["JetStream: events are kept for"]

    assert few == pytest.approx(EVENTS_KEPT_S / 3600)
    assert many == pytest.approx(1)


def test_a_part_of_a_worker_is_a_whole_one() -> None:
    tiny = needed(Plan(photos_per_hour=1))

    assert tiny["workers: processes of 2 cores, with the reserve"] == 1
    assert tiny["PostgreSQL: connections"] == 1


def test_the_page_has_each_way_each_cost_and_each_need(tmp_path: Path) -> None:
    series = Series((Sample(100, 2, 4, 1), Sample(100, 2, 4, 1)))
    twice = Series((Sample(100, 1, 4, 1), Sample(100, 1, 4, 1)))
    first, *others = WAYS
    dear = replace(COSTS, worker=replace(COSTS.worker, cpu_ms=72))
    results = Results("default", "2 MP", 900_000, Plan())
    results.ways = {first: series, **dict.fromkeys(others, twice)}
    results.costs = {"open": COSTS, "another": dear}
    page = tmp_path / "page.md"
    page.write_text("Before.\n\n<!-- measured -->\nold\n<!-- end -->\n")

    write_pages(introduction(results), pages(results), page)
    show_pages(introduction(results), pages(results), Console(quiet=True))

    text = page.read_text()
    assert "1,000,000 of them an hour, 278 a second" in text
    assert f"| {first} | 50.0 | 40.0 | 10.0 | 1.00 | 1.00 |" in text
    assert text.count("| 100.0 | 40.0 | 10.0 | 2.00 | 1.00 |") == len(others)
    assert "| worker: CPU, ms | 36 | 72 |" in text
    assert "| workers: cores that are busy | 10 cores | 20 cores |" in text


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (0, "0"),
        (3, "3"),
        (0.126, "0.13"),
        (12.34, "12.3"),
        (123.4, "123"),
        (1_234_567.8, "1,234,568"),
    ],
)
def test_figures_have_three_digits_that_count(figure: float, text: str) -> None:
    assert rounded(figure) == text


@pytest.fixture
def echo() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_a_forwarder_counts_bytes_and_messages_each_way(echo: socket.socket) -> None:
    asked = b"CONNECT {}\r\nPUB a 1\r\nx\r\nHP", b"UB b 1\r\ny\r\nPUB c 1\r\nz"
    answered = b"MSG d 2\r\nok\r\n"
    published, delivered = Direction(b"\r\nPUB ", b"\r\nHPUB "), Direction(b"MSG ")
    port = echo.getsockname()[1]
    with (
        Forwarder(port, requests=published, answers=delivered) as forwarder,
        socket.create_connection(("127.0.0.1", forwarder.port)) as client,
        echo.accept()[0] as server,
    ):
        client.sendall(asked[0])
        assert server.recv(1000)  # so that a mark is cut in two
        client.sendall(asked[1])
        server.sendall(answered)
        assert client.recv(1000)
        client.shutdown(socket.SHUT_WR)
        while server.recv(1000):
            pass

    assert (published.messages, published.bytes) == (3, sum(map(len, asked)))
    assert (delivered.messages, delivered.bytes) == (1, len(answered))
    assert (forwarder.messages, forwarder.bytes) == (4, sum(map(len, (*asked, answered))))
