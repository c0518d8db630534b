"""The one sink: commit to PostgreSQL first, then tell the platform, then answer JetStream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

import structlog
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from connectors.jetstream.client import SharedJetStream
from connectors.postgres.photos.recorder import Recorder
from connectors.telemetry.tracing import Trace, untraced
from dataflow.jobs.errors import Stopped, TransientError
from dataflow.jobs.outcome import Gone, Retry, Settled, sent_back
from dataflow.jobs.stages import Stage, Stopwatch
from dataflow.process.reporting import observe_laps, report_gone, report_retry, report_settled
from dataflow.process.retry import Persistence
from dataflow.steps.request import Recognised

log = structlog.get_logger()

Result = Recognised | Settled | Retry | Gone


class RecordingSink(DynamicSink[Result]):
    """Records results with ``recorder()``, which is made once the models are known.

    ``persistence`` is how stubbornly their events are announced.
    """

    def __init__(
        self,
        shared: SharedJetStream,
        recorder: Callable[[], Recorder],
        persistence: Persistence,
        retry_delay_s: float,
        trace: Trace = untraced,
    ) -> None:
        self._shared = shared
        self._trace = trace
        self._recorder = recorder
        self._persistence = persistence
        self._retry_delay_s = retry_delay_s

    def build(self, step_id: str, worker_index: int, worker_count: int) -> RecordingPartition:
        """Connect this worker.

        Raises:
            ConfigurationError: the database or the enrolled users do not fit the models.
        """
        del step_id, worker_index, worker_count
        return RecordingPartition(
            self._shared, self._recorder(), self._persistence, self._retry_delay_s, self._trace
        )


class RecordingPartition(StatelessSinkPartition[Result]):
    """One worker's writer. It keeps nothing between two batches, so a drain has nothing to do."""

    def __init__(
        self,
        shared: SharedJetStream,
        recorder: Recorder,
        persistence: Persistence,
        retry_delay_s: float,
        trace: Trace = untraced,
    ) -> None:
        self._trace = trace
        self._shared = shared
        self._client = shared.acquire()
        self._recorder = recorder
        self._persistence = persistence
        self._retry_delay_s = retry_delay_s

    def write_batch(self, items: list[Result]) -> None:
        """Commit, announce, answer, report."""
        retries = [item for item in items if isinstance(item, Retry)]
        gone = [item for item in items if isinstance(item, Gone)]
        if gone:
            self._client.let_go(gone)
        for item in gone:
            report_gone(item)
        for wave in waves([item for item in items if not isinstance(item, Retry | Gone)]):
            try:
                self._settle(wave)
            except (TransientError, Stopped) as error:
                retries += [
                    sent_back(item.delivery, item.job, error, self._retry_delay_s) for item in wave
                ]
        retries = [self._trace(item) for item in retries]
        self._client.settle(retries)
        for retry in retries:
            report_retry(retry)

    def _settle(self, wave: Sequence[Recognised | Settled]) -> None:
        """Take jobs that do not meet to their end.

        Raises:
            TransientError, Stopped: it was not reached. What is stored is so for good: these jobs
                come again, and their outcomes are found.
        """
        client, recorder = self._client, self._recorder
        writing, answering = Stopwatch(), Stopwatch()
        with writing(Stage.WRITE):
            settled = recorder.record(wave)
        settled = [self._trace(item.after(writing.laps)) for item in settled]
        with answering(Stage.ANNOUNCE):
            # A stream that takes no events is a dependency like any other: the worker holds.
            self._persistence.call(lambda: client.announce(settled, recorder.model), "event stream")
        with answering(Stage.ANSWER):
            client.settle(settled)
        for item in settled:
            report_settled(item)
            observe_laps(answering.laps)

    def close(self) -> None:
        """Let go of the connections."""
        # Raising here would abort the process and hide why it ends.
        for let_go in (self._recorder.close, self._shared.release):
            try:
                let_go()
            except Exception as error:  # noqa: BLE001
                log.warning("sink_closed_uncleanly", error=repr(error))


def waves(items: Sequence[Recognised | Settled]) -> Iterator[list[Recognised | Settled]]:
    """Split a batch so that no photo comes twice in a part: the later sees the earlier's row."""
    waiting = list(items)
    while waiting:
        seen: set[UUID] = set()
        wave: list[Recognised | Settled] = []
        later: list[Recognised | Settled] = []
        for item in waiting:
            photo_id = item.job.photo_id if item.job else None
            (later if photo_id in seen else wave).append(item)
            if photo_id:
                seen.add(photo_id)
        yield wave
        waiting = later
