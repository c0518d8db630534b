"""Whatever is asked, the API answers as its OpenAPI document says, and never with a 500.

`TEST_API_CALLS` says how many calls are made altogether.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks
from schemathesis.core.result import Err

from dataflow.settings import NatsSettings
from docs.openapi import FILE, document
from soloface.web.api.finding import IMAGE_CONTENT
from soloface.web.app import api
from soloface.web.gate.identity import Role
from soloface.web.gate.tokens import new_token
from tests.builders import photo, picture, user
from tests.fixtures.web import MODEL, MakeSite, Site
from tests.patience import LONG_TEST_S
from tests.web_asking import operations

CALLS = int(os.environ.get("TEST_API_CALLS", "300"))

# A request may be well-formed and still make no sense: nobody with a user, a photo with no face.
NOT_PROMISED = ["positive_data_acceptance"]

SCHEMA = schemathesis.openapi.from_dict(api().openapi())
OPERATIONS: list[Any] = [
    result.ok() for result in SCHEMA.get_all_operations() if not isinstance(result, Err)
]


@pytest.fixture
def full(make_site: MakeSite, streams: NatsSettings) -> Site:
    """A site with something behind every path, where alma may do everything."""
    site = make_site(nats=streams, requests_per_minute=1_000_000, new_users=True)
    site.tokens["alma"], line = new_token("alma", set(Role))
    assert site.settings.web.tokens
    with site.settings.web.tokens.open("a") as file:
        file.write(f"{line}\n")
    for number, degrees in ((1, 0), (2, 60)):
        site.records.add_user(number, degrees, MODEL)
    for number, degrees in ((1, 5), (2, 30), (3, -55), (4, -170), (5, -165)):
        site.record(number, degrees)
    site.client("alma").enrol_image(user(1), picture(person=3), keep=True)
    return site


def test_the_document_is_as_the_code_has_it() -> None:
    assert FILE.read_bytes() == document(), "run: uv run python docs/openapi.py"


@pytest.mark.timeout(max(LONG_TEST_S, CALLS))
def test_every_answer_is_one_that_the_document_names(full: Site) -> None:
    load_all_checks()
    checks = [
        check
        for check in schemathesis.checks.CHECKS.get_all()
        if check.__name__ not in NOT_PROMISED
    ]
    assert len(OPERATIONS) == len(operations())
    answered = {operation.label: _tried(operation, full, checks) for operation in OPERATIONS}

    # Some need several things to be true at once; where nothing ever succeeds, nothing is tried.
    done = [label for label, codes in answered.items() if codes & {200, 204}]
    assert len(done) * 2 > len(OPERATIONS), answered


def _tried(operation: Any, site: Site, checks: Any) -> set[int]:  # noqa: ANN401 - theirs
    statuses: set[int] = set()
    known = {
        "photo_id": st.sampled_from([str(photo(number)) for number in range(1, 7)]),
        "user_id": st.sampled_from([str(user(number)) for number in range(1, 4)]),
        "decision_id": st.sampled_from(["1", "2", "3"]),
        "face_index": st.just("0"),
        "sha256": st.just(sha256(picture(person=3)).hexdigest()),
    }

    @hypothesis.settings(
        max_examples=max(1, CALLS // len(OPERATIONS)),
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(operation.as_strategy(), st.booleans(), st.data())
    def attempt(case: Any, there: bool, data: st.DataObject) -> None:  # noqa: ANN401, FBT001
        if there:
            for name in case.path_parameters or {}:
                if name in known:
                    case.path_parameters[name] = data.draw(known[name])
            if case.media_type in IMAGE_CONTENT:
                case.body = picture(person=data.draw(st.integers(0, 3)))
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {site.tokens['alma']}"}
        response = case.call(base_url=site.url.rstrip("/"))
        statuses.add(response.status_code)
        # What was put in its place here is no longer what was made to be refused.
        left_out = {"negative_data_rejection"} if there else set()
        held = [check for check in checks if check.__name__ not in left_out]
        case.validate_response(response, checks=held)

    attempt()
    return statuses
