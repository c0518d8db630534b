"""Spans at a collector, from a real worker and by themselves; and none where none are wanted."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from connectors.tracing import tracing, untraced
from dataflow.errors import ConfigurationError
from dataflow.settings import TracingSettings
from dataflow.trace import trace_id
from tests.builders import settled
from tests.fixtures.worker import REPOSITORY, Log, MakeWorld, RunWorker

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

CLOCKS_APART_NS = 1_000_000  # a lap's length is taken by another clock than its begin


class Collector:
    """Takes spans over OTLP."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        spans = self.spans

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = ExportTraceServiceRequest()
                request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
                spans.extend(
                    span
                    for resource in request.resource_spans
                    for scope in resource.scope_spans
                    for span in scope.spans
                )
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:  # noqa: ANN401 - http.server's signature
                """Be quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1/traces"


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_a_worker_sends_a_span_for_each_job_and_stage_below_the_publishers(
    make_world: MakeWorld, run_worker: RunWorker, log: Log, collector: Collector
) -> None:
    world = make_world(TRACING__ENDPOINT=collector.endpoint)
    worker = run_worker()
    sequences = world.publish(world.photo().job(), headers={"traceparent": TRACE})
    sequences += world.publish(b"no job")
    log.wait_settled(sequences)
    worker.stop()

    jobs = {
        attribute.value.int_value: span
        for span in collector.spans
        for attribute in span.attributes
        if attribute.key == "soloface.stream_seq"
    }
    assert jobs.keys() == set(sequences)
    first, second = (jobs[sequence] for sequence in sequences)
    assert first.trace_id.hex() == trace_id(TRACE)
    assert first.parent_span_id.hex() == TRACE.split("-")[2]
    assert second.trace_id != first.trace_id
    assert not second.parent_span_id
    stages = [span for span in collector.spans if span.parent_span_id == first.span_id]
    assert [span.name for span in stages] == ["wait", "check", "fetch", "write"]
    for span in stages:
        assert first.start_time_unix_nano <= span.start_time_unix_nano
        assert span.end_time_unix_nano <= first.end_time_unix_nano + CLOCKS_APART_NS
    for message in world.events():
        job = jobs[orjson.loads(message.data or b"")["stream_seq"]]
        traceparent = (message.headers or {})["traceparent"]
        assert traceparent.startswith(f"00-{job.trace_id.hex()}-{job.span_id.hex()}-")
    letters = [(letter.headers or {})["traceparent"] for letter in world.dead_letters()]
    assert set(map(trace_id, letters)) == {first.trace_id.hex(), second.trace_id.hex()}
    assert all(line["trace_id"] for line in log.settled)


def test_without_an_endpoint_opentelemetry_is_not_imported() -> None:
    script = (
        "import sys, connectors.worker as w; from connectors.tracing import *\n"
        "assert tracing(TracingSettings()) is untraced\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True)


def test_without_opentelemetry_an_endpoint_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import_module("opentelemetry.sdk.trace")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigurationError) as refusal:
        tracing(TracingSettings(endpoint="http://127.0.0.1:4318/v1/traces"))
    assert "pip install 'soloface[tracing]'" in str(refusal.value)


def test_an_untraced_job_keeps_its_publishers_trace() -> None:
    item = settled()
    assert untraced(item) is item
