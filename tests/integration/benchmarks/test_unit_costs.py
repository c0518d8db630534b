"""What a photo costs, measured at its smallest on real servers, and by a Bytewax cluster."""

from __future__ import annotations

from pathlib import Path

from benchmarks.photos import SIZES, make_photos
from benchmarks.stage import build_site
from benchmarks.unit_costs import Task, measure
from benchmarks.ways import ClusterLane
from connectors.embedded import NatsServer, ObjectServer, PostgresServer, Servers
from dataflow.settings import OPEN_PACK

CONTENT = 36
"""A photo's id in a job."""


def test_each_part_is_seen_to_cost_something(
    nats_server: NatsServer,
    postgres_server: PostgresServer,
    object_server: ObjectServer,
    model_root: Path,
    tmp_path: Path,
) -> None:
    servers = Servers()
    servers.nats, servers.postgres, servers.objects = nats_server, postgres_server, object_server
    photos = make_photos(tmp_path / "photos", SIZES["500 px"])
    site = build_site(servers, OPEN_PACK, model_root, users=3)
    keys = site.upload(photos)

    costs = measure(site, Task(keys, jobs=24, letters=2, users=50), ClusterLane)

    assert costs.worker.cpu_ms > 0
    assert costs.worker.rss_mb > 0
    assert costs.store.requests == 1
    assert costs.store.wire_bytes > min(photo.stat().st_size for photo in photos)
    stream = costs.jetstream
    assert stream.messages >= 3  # a job, its answer, its event
    assert stream.wire_bytes > stream.job_bytes > CONTENT
    assert stream.event_bytes > CONTENT
    assert stream.letter_bytes > stream.job_bytes
    assert stream.cpu_ms >= 0
    assert stream.publish_cpu_ms >= 0
    database = costs.postgres
    assert database.rows == 3  # a face, a match, an outcome
    assert 1 <= database.batch <= 24
    assert database.connections >= 1
    assert database.wal_bytes > 0 < database.wire_bytes
    assert database.search_cpu_ms >= 0
