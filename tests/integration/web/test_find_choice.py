"""`find` takes the face that a worker would take."""

from __future__ import annotations

import pytest

from soloface.client import ApiError
from tests.builders import picture, user
from tests.fixtures.web import MODEL, MakeSite

BOX = (1, 1, 2, 2)
"""Around the second of two faces."""


def test_a_box_chooses_the_face_where_a_job_may_choose_it(make_site: MakeSite) -> None:
    site = make_site(model={"choose_by_bbox": True})
    site.records.add_user(1, 0, MODEL)
    fiona = site.client("fiona")

    found = fiona.find(picture(faces=2), bbox=BOX)

    assert (found.user_id, found.bbox.x1) == (user(1), 1)
    for box, reason in ((None, "multiple_faces"), ((50, 50, 51, 51), "no_face_in_bbox")):
        with pytest.raises(ApiError) as error:
            fiona.find(picture(faces=2), bbox=box)
        assert (error.value.status, error.value.reason) == (422, reason)
    with pytest.raises(ApiError) as error:
        fiona.find(picture(), bbox=(1, 2, 3))
    assert error.value.reason == "invalid_request"


def test_elsewhere_a_box_is_for_information_only(make_site: MakeSite) -> None:
    site = make_site()
    with pytest.raises(ApiError) as error:
        site.client("fiona").find(picture(faces=2), bbox=BOX)
    assert error.value.reason == "multiple_faces"
