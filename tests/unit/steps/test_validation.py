"""Step 1."""

from __future__ import annotations

import pytest

from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.steps.request import Request
from dataflow.steps.validation import validate
from tests.builders import delivery, job, payload


@pytest.mark.parametrize("attempt", [1, 7, 8])
def test_a_job_passes_up_to_its_last_delivery(attempt: int) -> None:
    came = delivery(payload(), attempt=attempt)
    assert validate(came, max_deliver=8) == Request(came, job())


def test_a_job_that_came_too_often_is_given_up_but_still_known() -> None:
    came = delivery(payload(), attempt=9)
    done = validate(came, max_deliver=8)
    assert isinstance(done, Settled)
    assert (done.reason, done.job) == (Reason.ATTEMPTS_EXHAUSTED, job())
    assert "9" in done.detail


@pytest.mark.parametrize("attempt", [1, 9])
def test_a_malformed_payload_is_called_that_however_often_it_came(attempt: int) -> None:
    came = delivery(b"{", attempt=attempt)
    done = validate(came, max_deliver=8)
    assert isinstance(done, Settled)
    assert (done.delivery, done.job, done.reason) == (came, None, Reason.MALFORMED_PAYLOAD)
    assert done.detail.startswith("not JSON")
