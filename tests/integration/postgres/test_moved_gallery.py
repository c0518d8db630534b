"""A worker whose gallery is moved to another model between its search and its write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from connectors.postgres.photos.recorder import Recorder
from dataflow.jobs.errors import Stopped
from dataflow.process.retry import LinearBackoff, Persistence
from tests.builders import DIMENSION, RecordingStop
from tests.fixtures.recording import MODEL, Records, face


@pytest.mark.parametrize(
    ("dimension", "max_distance"), [(DIMENSION, None), (DIMENSION + 3, None), (DIMENSION + 3, 0.0)]
)
def test_a_gallery_that_was_moved_to_another_model_is_waited_for_and_nothing_is_recorded(
    records: Records, dimension: int, max_distance: float | None
) -> None:
    records.add_user(1, 0)
    records.add_photos(1)

    class Late(Recorder):
        """The move happens right before the search."""

        def _once(self, *arguments: Any) -> Any:  # noqa: ANN401 - passed on
            records.run("update users set face_embedding = null, face_embedding_model = 'new-1'")
            for table, column in (("users", "face_embedding"), ("photo_faces", "embedding")):
                records.run(f"alter table {table} alter {column} type vector({dimension})")
            vector = str([1.0] * dimension)
            records.run("update users set face_embedding = %s", vector)
            return super()._once(*arguments)

    stop = RecordingStop(patience=2)
    recorder = records.recorder(max_distance, kind=Late)
    recorder = replace(recorder, persistence=Persistence(LinearBackoff(1, 0.1), stop))

    with capture_logs() as logs, pytest.raises(Stopped):
        recorder.record([face(1, degrees=30)])

    assert not records.matches()
    assert not records.faces()
    assert not records.reasons()
    (outage,) = [entry for entry in logs if entry["event"] == "dependency_unusable"]
    assert all(word in outage["error"] for word in (MODEL, "new-1", "soloface reembed"))
