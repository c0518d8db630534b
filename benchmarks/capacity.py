"""What each part must be given for so many photos an hour, by what one photo was seen to cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from benchmarks.unit_costs import UnitCosts
from connectors.jetstream.provision import DEAD_LETTERS_KEPT_S, EVENTS_KEPT, EVENTS_KEPT_S
from dataflow.settings import WorkerSettings

_GB = 1e9
_MB = 1e6
_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S


@dataclass(frozen=True, slots=True)
class Plan:
    """What is assumed.

    Attributes:
        photos_per_hour: at the peak.
        outage_h: how long jobs may pile up while workers, or what they need, are away.
        spare: what workers get on top, as a share: for peaks, for a lost host, for a pile.
        rejected: the share of jobs that become dead letters.
        replicas: of each stream.
        fetch_ms: how long a photo takes to come from the store.
    """

    photos_per_hour: int = 1_000_000
    outage_h: float = 4
    spare: float = 1 / 3
    rejected: float = 0.01
    replicas: int = 3
    fetch_ms: float = 50

    @property
    def per_s(self) -> float:
        """Photos per second."""
        return self.photos_per_hour / _HOUR_S


@dataclass(frozen=True, slots=True)
class Need:
    """So much of something, for one of the parts."""

    part: str
    what: str
    amount: float
    unit: str


def needs(costs: UnitCosts, plan: Plan) -> Iterator[Need]:
    """Everything, part by part."""
    yield from _workers(costs, plan)
    yield from _store(costs, plan)
    yield from _jetstream(costs, plan)
    yield from _postgres(costs, plan)


def worker_processes(costs: UnitCosts, plan: Plan) -> int:
    """How many worker processes, with the spare."""
    return ceil(_busy_cores(costs, plan) * (1 + plan.spare) / costs.worker.cores)


def _busy_cores(costs: UnitCosts, plan: Plan) -> float:
    return _cores(costs.worker.cpu_ms, plan)


def _cores(cpu_ms: float, plan: Plan) -> float:
    return plan.per_s * cpu_ms / 1000


def _workers(costs: UnitCosts, plan: Plan) -> Iterator[Need]:
    work, processes = WorkerSettings(), worker_processes(costs, plan)
    held = work.in_flight + 3 * work.batch
    yield Need("workers", "cores that are busy", _busy_cores(costs, plan), "cores")
    yield Need(
        "workers", f"processes of {costs.worker.cores} cores, with the reserve", processes, ""
    )
    yield Need("workers", "memory, at least", processes * costs.worker.rss_mb * _MB / _GB, "GB")
    yield Need("workers", "`SOLOFACE_NATS__MAX_ACK_PENDING`", processes * held, "jobs")
    yield Need(
        "workers",
        "time to work off the backlog, with the reserve",
        plan.outage_h / plan.spare,
        "hours",
    )


def _store(costs: UnitCosts, plan: Plan) -> Iterator[Need]:
    bandwidth = plan.per_s * costs.store.wire_bytes
    yield Need("store", "requests", plan.per_s * costs.store.requests, "/s")
    yield Need("store", "bandwidth", bandwidth / _MB, "MB/s")
    yield Need("store", "bandwidth, as network speed", 8 * bandwidth / _GB, "Gbit/s")
    yield Need("store", "fetches at a time", plan.per_s * plan.fetch_ms / 1000, "")
    fetchers = worker_processes(costs, plan) * WorkerSettings().fetchers
    yield Need("store", "fetchers of those processes", fetchers, "")


def _jetstream(costs: UnitCosts, plan: Plan) -> Iterator[Need]:
    cost, part = costs.jetstream, "JetStream"
    written = plan.per_s * (cost.job_bytes + cost.event_bytes)
    piled = plan.per_s * plan.outage_h * _HOUR_S
    events = min(EVENTS_KEPT, plan.per_s * EVENTS_KEPT_S)
    letters = plan.per_s * plan.rejected * DEAD_LETTERS_KEPT_S
    cores = _cores(cost.publish_cpu_ms + cost.cpu_ms, plan)
    yield Need(part, "cores of the leader", cores, "cores")
    yield Need(part, "messages of the workers", plan.per_s * cost.messages, "/s")
    yield Need(part, "traffic of the workers", plan.per_s * cost.wire_bytes / _MB, "MB/s")
    yield Need(part, "written, on each replica", written / _MB, "MB/s")
    for what, count, size in (
        ("storage for the backlog, all replicas", piled, cost.job_bytes),
        ("storage for events, all replicas", events, cost.event_bytes),
        ("storage for dead letters, all replicas", letters, cost.letter_bytes),
    ):
        yield Need(part, what, plan.replicas * count * size / _GB, "GB")
    yield Need(part, "events are kept for", events / plan.per_s / _HOUR_S, "hours")
    yield Need(part, "dead letters are kept for", DEAD_LETTERS_KEPT_S / _DAY_S, "days")


def _postgres(costs: UnitCosts, plan: Plan) -> Iterator[Need]:
    cost, part = costs.postgres, "PostgreSQL"
    processes = worker_processes(costs, plan)
    yield Need(part, "cores, without the search", _cores(cost.cpu_ms, plan), "cores")
    search = _cores(cost.search_cpu_ms, plan)
    yield Need(part, f"cores for the search among {cost.users:,} users", search, "cores")
    yield Need(part, "connections", processes * cost.connections, "")
    yield Need(part, "transactions that write", plan.per_s / cost.batch, "/s")
    yield Need(part, "rows written", plan.per_s * cost.rows, "/s")
    yield Need(part, "write-ahead log", plan.per_s * cost.wal_bytes / _MB, "MB/s")
    yield Need(part, "traffic of the workers", plan.per_s * cost.wire_bytes / _MB, "MB/s")
    yield Need(part, "growth per million photos", 1_000_000 * cost.kept_bytes / _GB, "GB")
