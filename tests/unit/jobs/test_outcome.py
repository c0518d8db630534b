"""The vocabulary of outcomes, which platforms build on."""

from __future__ import annotations

import pytest

from dataflow.jobs.errors import Stopped, SystemicError, TransientError
from dataflow.jobs.outcome import Retry, sent_back
from dataflow.jobs.reason import Outcome, Reason
from tests.builders import request

CODES = {
    Outcome.MATCHED: {"matched"},
    Outcome.SKIPPED: {
        "not_single_face_hint",
        "missing_image_ref",
        "missing_gallery",
        "photo_not_found",
        "already_matched",
        "duplicate_in_flight",
        "no_face",
        "multiple_faces",
        "no_face_in_bbox",
        "multiple_faces_in_bbox",
        "no_enrolled_users",
        "no_user_within_distance",
        "ambiguous",
        "low_quality",
        "nobody",
        "withdrawn",
    },
    Outcome.REJECTED: {
        "malformed_payload",
        "invalid_image_ref",
        "image_not_found",
        "image_unreadable",
        "image_undecodable",
        "image_too_large",
        "attempts_exhausted",
        "write_rejected",
        "buried",
    },
}


@pytest.mark.parametrize("outcome", Outcome)
def test_the_codes_of_an_outcome_are_those_that_were_promised(outcome: Outcome) -> None:
    assert {str(reason) for reason in Reason if reason.outcome is outcome} == CODES[outcome]


def test_each_code_belongs_to_one_outcome() -> None:
    assert sum(len(codes) for codes in CODES.values()) == len(Reason)


def test_the_outcomes_codes_are_those_that_were_promised() -> None:
    assert [str(outcome) for outcome in Outcome] == ["matched", "skipped", "rejected"]


@pytest.mark.parametrize("attempt", [1, 2, 7])
@pytest.mark.parametrize(
    ("error", "detail", "delay_s"),
    [
        (TransientError("timeout"), "timeout", 5),
        (SystemicError("refused"), "refused", 5),
        (ValueError("s3cret"), "unexpected ValueError", 5),
        (Stopped("stopped"), "stopped", 0),
    ],
)
def test_a_job_goes_back_for_longer_each_time_unless_only_a_stop_stood_in_the_way(
    error: Exception, detail: str, delay_s: float, attempt: int
) -> None:
    asked = request(attempt=attempt)
    expected = Retry(asked.delivery, asked.job, detail, delay_s * attempt)
    assert sent_back(asked.delivery, asked.job, error, 5) == expected
