"""One log line and one count for every job."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from dataflow.jobs.outcome import Match, Retry, Settled
from dataflow.jobs.reason import Reason
from dataflow.process.reporting import report_retry, report_settled
from tests.builders import delivery, photo, request, settled, user

MATCH = Match(user(1), 0.123456789, within_threshold=True, margin=0.25000001)


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def reported(item: Settled | Retry) -> MutableMapping[str, Any]:
    """The one line that is logged."""
    with capture_logs() as logs:
        if isinstance(item, Settled):
            report_settled(item)
        else:
            report_retry(item)
    (line,) = logs
    return line


@pytest.mark.parametrize("reason", Reason)
def test_a_settled_job_is_logged_once_and_counted_once(reason: Reason) -> None:
    labels = {"outcome": str(reason.outcome), "reason": str(reason)}
    before = count("soloface_jobs_total", **labels)
    total = sum_of_jobs()
    line = reported(settled(reason))
    assert (line["event"], line["log_level"]) == ("job_settled", "info")
    assert labels.items() <= line.items()
    assert count("soloface_jobs_total", **labels) == before + 1
    assert sum_of_jobs() == total + 1


def sum_of_jobs() -> float:
    samples = (s for metric in REGISTRY.collect() for s in metric.samples)
    return sum(s.value for s in samples if s.name == "soloface_jobs_total")


def test_a_line_says_which_job_it_was() -> None:
    asked = request(3, seq=42, attempt=2, job_id=user(9))
    line = reported(Settled(asked.delivery, asked.job, Reason.NO_FACE, "no face found"))
    assert line["photo_id"] == str(photo(3))
    assert line["job_id"] == str(user(9))
    assert (line["stream_seq"], line["deliveries"]) == (42, 2)
    assert line["detail"] == "no face found"


def test_a_payload_that_could_not_be_read_is_logged_by_its_sequence() -> None:
    line = reported(Settled(delivery(seq=42), None, Reason.MALFORMED_PAYLOAD, "not JSON"))
    assert (line["photo_id"], line["job_id"], line["stream_seq"]) == (None, None, 42)


def test_a_line_names_the_gallery_if_there_is_one_and_no_metric_has_it_as_a_label() -> None:
    asked = request(3)
    assert "gallery" not in reported(Settled(asked.delivery, asked.job, Reason.NO_FACE))
    asked = request(3, gallery="hall")
    assert reported(Settled(asked.delivery, asked.job, Reason.NO_FACE))["gallery"] == "hall"
    labels = {name for m in REGISTRY.collect() for s in m.samples for name in s.labels}
    assert "gallery" not in labels


def test_the_age_is_counted_from_the_publication() -> None:
    item = settled()
    published_at = datetime.now(UTC) - timedelta(seconds=90)
    line = reported(replace(item, delivery=replace(item.delivery, published_at=published_at)))
    assert line["age_s"] == pytest.approx(90, abs=5)


def test_a_match_is_logged_with_its_user_and_distance() -> None:
    line = reported(settled(Reason.MATCHED, match=MATCH))
    assert line["user_id"] == str(user(1))
    assert (line["distance"], line["margin"], line["within_threshold"]) == (0.1235, 0.25, True)


@pytest.mark.parametrize(
    "reason", [Reason.NO_USER_WITHIN_DISTANCE, Reason.AMBIGUOUS, Reason.ALREADY_MATCHED]
)
def test_a_user_who_was_not_matched_is_not_named(reason: Reason) -> None:
    line = reported(settled(reason, match=MATCH))
    assert "user_id" not in line
    assert str(user(1)) not in repr(line)
    assert line["distance"] == 0.1235


def test_only_a_repetition_is_called_that() -> None:
    assert "repeated" not in reported(settled())
    assert reported(settled(repeated=True))["repeated"] is True


def test_a_job_that_is_sent_back_is_logged_once_and_counted_once() -> None:
    before, total = count("soloface_retries_total"), sum_of_jobs()
    asked = request(3, attempt=2)
    line = reported(Retry(asked.delivery, asked.job, "timeout", 10))
    assert (line["event"], line["photo_id"]) == ("job_sent_back", str(photo(3)))
    assert (line["delay_s"], line["detail"], line["deliveries"]) == (10, "timeout", 2)
    assert count("soloface_retries_total") == before + 1
    assert sum_of_jobs() == total


def test_a_line_holds_neither_payload_nor_ack_token() -> None:
    asked = request(image_ref="Zzyzx.jpg", album="Zzyzx")
    token = asked.delivery.ack_token
    for item in (
        Settled(asked.delivery, asked.job, Reason.MATCHED, match=MATCH),
        Settled(asked.delivery, None, Reason.MALFORMED_PAYLOAD, "not JSON"),
        Retry(asked.delivery, asked.job, "timeout", 1),
    ):
        line = repr(reported(item))
        assert "Zzyzx" not in line
        assert token not in line
