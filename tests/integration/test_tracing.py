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
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from connectors.trace_ids import JobTraceIds
from connectors.tracing import JobTraces, tracing, untraced
from dataflow.errors import ConfigurationError, Stopped, TransientError
from dataflow.outcome import sent_back
from dataflow.settings import TracingSettings
from dataflow.trace import trace_id
from tests.builders import request, settled
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


def deliveries(collector: Collector) -> list[Any]:
    return [span for span in collector.spans if span.name == "soloface job"]


def attributes(span: Any) -> dict[str, Any]:  # noqa: ANN401 - generated code without types
    """A span's attributes, as they were given."""
    return {
        pair.key: getattr(pair.value, str(pair.value.WhichOneof("value")))
        for pair in span.attributes
    }


def test_a_worker_sends_a_span_for_each_job_and_stage_below_the_publishers(
    make_world: MakeWorld, run_worker: RunWorker, log: Log, collector: Collector
) -> None:
    world = make_world(TRACING__ENDPOINT=collector.endpoint)
    worker = run_worker()
    sequences = world.publish(world.photo().job(), headers={"traceparent": TRACE})
    sequences += world.publish(b"no job")
    log.wait_settled(sequences)
    worker.stop()

    jobs = {attributes(span)["soloface.stream_seq"]: span for span in deliveries(collector)}
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


def test_every_delivery_of_a_job_is_in_its_trace_and_says_how_it_ended(
    make_world: MakeWorld, run_worker: RunWorker, log: Log, collector: Collector
) -> None:
    world = make_world(TRACING__ENDPOINT=collector.endpoint, WORKER__PHOTO_GRACE_S="1")
    worker = run_worker()
    log.wait_settled(world.publish(b"no job"))  # the grace does not wait for the worker's start
    sequences = world.publish(world.photo(listed=False).job(), headers={"traceparent": TRACE})
    sequences += world.publish(world.photo(listed=False).job())
    log.wait_settled(sequences)
    worker.stop()

    for sequence in sequences:
        of_job = [
            s for s in deliveries(collector) if attributes(s)["soloface.stream_seq"] == sequence
        ]
        first, second = sorted(of_job, key=lambda span: attributes(span)["soloface.deliveries"])
        assert first.trace_id == second.trace_id
        assert attributes(first)["soloface.outcome"] == "sent_back"
        assert attributes(first)["soloface.detail"] == "photo not found yet"
        assert attributes(second)["soloface.reason"] == "photo_not_found"
        assert (first.status.code, second.status.code) == (
            Status.STATUS_CODE_ERROR,
            Status.STATUS_CODE_UNSET,
        )
        assert first.end_time_unix_nano <= second.start_time_unix_nano
    traces = [span.trace_id.hex() for span in deliveries(collector)]
    assert (len(traces), len(set(traces))) == (5, 3)
    assert trace_id(TRACE) in traces


def test_a_stop_that_sends_a_job_back_is_no_error() -> None:
    exporter = InMemorySpanExporter()
    ids = JobTraceIds()
    provider = TracerProvider(id_generator=ids)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    asked = request()
    for error in (TransientError("a deadlock"), Stopped("stopped")):
        JobTraces(provider, ids)(sent_back(asked.delivery, asked.job, error, 5))
    failed, stopped = (span.status for span in exporter.get_finished_spans())
    assert (failed.status_code, failed.description) == (StatusCode.ERROR, "a deadlock")
    assert stopped.status_code is StatusCode.UNSET


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
