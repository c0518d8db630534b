"""The one sink: commit to PostgreSQL first, then tell the platform, then answer JetStream."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

import structlog
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from connectors.jetstream.client import SharedJetStream
from connectors.telemetry.tracing import Trace, untraced
from dataflow.jobs.errors import Stopped, TransientError
from dataflow.jobs.outcome import Ended, Gone, Retry, Settled, sent_back
from dataflow.jobs.stages import Stage, Stopwatch
from dataflow.process.kind import Kind
from dataflow.process.reporting import PHOTOS, report_gone
from dataflow.process.retry import Persistence
from dataflow.steps.request import Recognised

log = structlog.get_logger()

Result = Recognised | Settled | Retry | Gone
Item: TypeAlias = Any
"""What a recorder makes an outcome of, if it is none yet: of any kind of job."""


class Recorder(Protocol):
    """Stores how jobs end. ``model`` is the contract of the vectors that they were compared by."""

    @property
    def model(self) -> str:
        """Its id."""

    def record(self, items: Sequence[Item]) -> Sequence[Ended]:
        """Commit a batch and say how each job ended.

        Raises:
            TransientError, Stopped: nothing more was stored.
        """

    def close(self) -> None:
        """Let go of the database."""


class RecordingSink(DynamicSink[Item]):
    """Records results with ``recorder()``, which is made once the models are known.

    ``persistence`` is how stubbornly their events are announced.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - a process wires it once
        self,
        shared: SharedJetStream,
        recorder: Callable[[], Recorder],
        persistence: Persistence,
        retry_delay_s: float,
        trace: Trace = untraced,
        kind: Kind = PHOTOS,
    ) -> None:
        self._shared = shared
        self._trace = trace
        self._recorder = recorder
        self._persistence = persistence
        self._retry_delay_s = retry_delay_s
        self._kind = kind

    def build(self, step_id: str, worker_index: int, worker_count: int) -> RecordingPartition:
        """Connect this worker.

        Raises:
            ConfigurationError: the database or the enrolled users do not fit the models.
        """
        del step_id, worker_index, worker_count
        return RecordingPartition(
            self._shared,
            self._recorder(),
            self._persistence,
            self._retry_delay_s,
            self._trace,
            self._kind,
        )


class RecordingPartition(StatelessSinkPartition[Item]):
    """One worker's writer. It keeps nothing between two batches, so a drain has nothing to do."""

    def __init__(  # noqa: PLR0913, PLR0917 - see the sink
        self,
        shared: SharedJetStream,
        recorder: Recorder,
        persistence: Persistence,
        retry_delay_s: float,
        trace: Trace = untraced,
        kind: Kind = PHOTOS,
    ) -> None:
        self._trace = trace
        self._shared = shared
        self._client = shared.acquire()
        self._recorder = recorder
        self._persistence = persistence
        self._retry_delay_s = retry_delay_s
        self._kind = kind

    def write_batch(self, items: list[Item]) -> None:
        """Commit, announce, answer, report."""
        retries = [item for item in items if isinstance(item, Retry)]
        gone = [item for item in items if isinstance(item, Gone)]
        if gone:
            self._client.let_go(gone)
        for item in gone:
            report_gone(item)
        rest = [item for item in items if not isinstance(item, Retry | Gone)]
        for wave in waves(rest, self._kind.about):
            try:
                self._settle(wave)
            except (TransientError, Stopped) as error:
                retries += [
                    sent_back(item.delivery, item.job, error, self._retry_delay_s) for item in wave
                ]
        retries = [self._trace(item) for item in retries]
        self._client.settle(retries)
        for retry in retries:
            self._kind.sent_back(retry)

    def _settle(self, wave: Sequence[Item]) -> None:
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
            self._kind.settled(item, answering.laps)

    def close(self) -> None:
        """Let go of the connections."""
        # Raising here would abort the process and hide why it ends.
        for let_go in (self._recorder.close, self._shared.release):
            try:
                let_go()
            except Exception as error:  # noqa: BLE001
                log.warning("sink_closed_uncleanly", error=repr(error))


def waves(
    items: Sequence[Item], about: Callable[[Item], Hashable] = PHOTOS.about
) -> Iterator[list[Item]]:
    """Split a batch so that nothing is a part's business twice: the later sees the earlier's row.

    ``about`` says whose business an item is, by default a photo's; ``None``: nobody's.
    """
    waiting = list(items)
    while waiting:
        seen: set[Hashable] = set()
        wave: list[Item] = []
        later: list[Item] = []
        for item in waiting:
            whose = about(item)
            (later if whose in seen else wave).append(item)
            if whose is not None:
                seen.add(whose)
        yield wave
        waiting = later
