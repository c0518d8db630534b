"""A span for each delivery of a job and for each of its stages, sent to OpenTelemetry's collector.

Spans are made when the delivery ends, from the times that it carries: on the way nothing is asked
of OpenTelemetry, and without an endpoint it is not even imported.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from dataflow.jobs import outcome
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.outcome import Retry
from dataflow.jobs.stages import Stage
from dataflow.process.trace import HEADER, format_traceparent
from dataflow.settings import TracingSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from connectors.telemetry.trace_ids import JobTraceIds

SENT_BACK = "sent_back"
"""Stands in a span for the outcome of a delivery that had none: the job comes again."""

EXPORT_TIMEOUT_S = 2
SPANS_AT_ONCE = 2048
"""A collector that is away holds up the process's end by two exports at most."""

Ended = TypeVar("Ended", bound=outcome.Ended | Retry)


class Trace(Protocol):
    """Tells how a delivery ended; returns it as part of its span, which its event then names."""

    def __call__(self, item: Ended, /) -> Ended:
        """Tell of one."""
        ...


def untraced(item: Ended) -> Ended:
    """Tell nobody."""
    return item


def tracing(settings: TracingSettings) -> Trace:
    """How jobs are traced, if they are.

    Raises:
        ConfigurationError: OpenTelemetry is wanted and not installed.
    """
    if settings.endpoint is None:
        return untraced
    try:
        from connectors.telemetry.trace_ids import JobTraceIds  # noqa: PLC0415

        ids = JobTraceIds()
        provider = _provider(settings.endpoint, settings.ratio, ids)
    except ImportError:
        raise ConfigurationError(
            "SOLOFACE_TRACING__ENDPOINT is set, but OpenTelemetry is not installed; "
            "run: pip install 'soloface[tracing]'"
        ) from None
    return JobTraces(provider, ids)


def _provider(endpoint: str, ratio: float, ids: JobTraceIds) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415

    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(ratio)),
        resource=Resource.create({"service.name": "soloface"}),
        id_generator=ids,
    )
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_TIMEOUT_S)
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter, max_queue_size=2 * SPANS_AT_ONCE, max_export_batch_size=SPANS_AT_ONCE
        )
    )
    return provider


class JobTraces:
    """Makes the spans; what is not sent yet is sent at the process's end."""

    def __init__(self, provider: TracerProvider, ids: JobTraceIds) -> None:
        from opentelemetry import trace  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
            TraceContextTextMapPropagator,
        )

        self._api = trace
        self._ids = ids
        self._propagator = TraceContextTextMapPropagator()
        self._tracer = provider.get_tracer("soloface")

    def __call__(self, item: Ended, /) -> Ended:
        """Make a delivery's spans, below the publisher's if it named one."""
        delivery, job = item.delivery, item.job
        laps, ended_at = delivery.laps, time.time()
        if delivery.attempt > 1:  # its wait would cover the deliveries before it
            laps = tuple(lap for lap in laps if lap.stage is not Stage.WAIT)
        self._ids.about(delivery)
        span = self._tracer.start_span(
            "soloface job",
            self._propagator.extract({HEADER: delivery.traceparent or ""}),
            self._api.SpanKind.CONSUMER,
            {
                "messaging.system": "nats",
                "messaging.operation.type": "process",
                **{f"soloface.{name}": value or "" for name, value in _names(job).items()},
                "soloface.stream_seq": delivery.stream_seq,
                "soloface.deliveries": delivery.attempt,
                **_end(item),
            },
            start_time=_ns(min((lap.began_at for lap in laps), default=ended_at)),
        )
        inside = self._api.set_span_in_context(span)
        for lap in laps:
            stage = self._tracer.start_span(str(lap.stage), inside, start_time=_ns(lap.began_at))
            stage.end(_ns(lap.began_at + lap.seconds))
        if failure := _failure(item):
            span.set_status(self._api.StatusCode.ERROR, failure)
        span.end(_ns(ended_at))
        of = span.get_span_context()
        traceparent = format_traceparent(of.trace_id, of.span_id, of.trace_flags)
        told: Ended = replace(
            cast("Any", item), delivery=replace(delivery, traceparent=traceparent)
        )
        return told


def _names(job: outcome.Named | None) -> Mapping[str, str | None]:
    return job.names if job else {"photo_id": None}


def _end(item: outcome.Ended | Retry) -> dict[str, str | float]:
    """What became of a delivery, as attributes."""
    if isinstance(item, Retry):
        return {
            "soloface.outcome": SENT_BACK,
            "soloface.detail": item.detail,
            "soloface.delay_s": item.delay_s,
        }
    return {
        "soloface.outcome": str(item.outcome),
        "soloface.reason": str(item.reason),
        "soloface.detail": item.detail,
    }


def _failure(item: outcome.Ended | Retry) -> str | None:
    """What sent a job back; none where it may come at once, since only a stop stood in the way."""
    return item.detail if isinstance(item, Retry) and item.delay_s else None


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
