"""Spans at a collector, from a real worker and by themselves; and none where none are wanted."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from connectors.telemetry.trace_ids import JobTraceIds
from connectors.telemetry.tracing import JobTraces, tracing, untraced
from dataflow.jobs.errors import ConfigurationError, Stopped, TransientError
from dataflow.jobs.outcome import Retry, Settled, sent_back
from dataflow.jobs.reason import Reason
from dataflow.jobs.stages import Lap, Stage
from dataflow.process.trace import trace_id
from dataflow.settings import TracingSettings
from tests.builders import delivery, settled
from tests.fixtures.worker import Log, MakeWorld, RunWorker
from tests.places import REPOSITORY

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

COMMON = {
    "messaging.system": "nats",
    "messaging.operation.type": "process",
    "soloface.photo_id": "",
    "soloface.stream_seq": 1,
}
LATER = (Lap(Stage.WAIT, 100, 10), Lap(Stage.CHECK, 111, 1))
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


def spans_of(*items: Settled | Retry) -> list[ReadableSpan]:
    """The deliveries' spans, without those of their stages."""
    exporter, ids = InMemorySpanExporter(), JobTraceIds()
    provider = TracerProvider(id_generator=ids)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces = JobTraces(provider, ids)
    for item in items:
        traces(item)
    return [span for span in exporter.get_finished_spans() if span.name == "soloface job"]


@pytest.mark.parametrize("traceparent", [TRACE, None])
def test_every_delivery_of_a_job_is_in_its_trace_and_says_how_it_ended(
    traceparent: str | None,
) -> None:
    first, second = (
        replace(delivery(attempt=attempt), traceparent=traceparent, laps=laps)
        for attempt, laps in ((1, (Lap(Stage.WAIT, 100, 5),)), (2, LATER))
    )
    sent = sent_back(first, None, TransientError("a deadlock"), 5)
    other = replace(second, stream_seq=2, traceparent=None)
    failed, done, elsewhere = spans_of(
        sent,
        Settled(second, None, Reason.MALFORMED_PAYLOAD, "no JSON"),
        Settled(other, None, Reason.MALFORMED_PAYLOAD),
    )

    assert failed.context.trace_id == done.context.trace_id != elsewhere.context.trace_id
    assert failed.attributes == {
        **COMMON,
        "soloface.deliveries": 1,
        "soloface.outcome": "sent_back",
        "soloface.detail": "a deadlock",
        "soloface.delay_s": 5,
    }
    assert done.attributes == {
        **COMMON,
        "soloface.deliveries": 2,
        "soloface.outcome": "rejected",
        "soloface.reason": "malformed_payload",
        "soloface.detail": "no JSON",
    }
    assert (failed.status.status_code, failed.status.description) == (
        StatusCode.ERROR,
        "a deadlock",
    )
    assert done.status.status_code is StatusCode.UNSET
    # A second delivery's wait, which holds the first, is left out.
    assert (failed.start_time, done.start_time) == (100e9, 111e9)


def test_a_stop_that_sends_a_job_back_is_no_error() -> None:
    (span,) = spans_of(sent_back(delivery(), None, Stopped("stopped"), 5))
    assert span.status.status_code is StatusCode.UNSET


def test_without_an_endpoint_opentelemetry_is_not_imported() -> None:
    script = (
        "import sys, soloface.worker as w; from connectors.telemetry.tracing import *\n"
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
