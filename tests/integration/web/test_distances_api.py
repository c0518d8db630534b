"""What distances mean with the pack in use, as far as it was measured."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from tests.fixtures.web import MODEL, POLICY, MakeSite, MeasuredPack, Site


def test_what_was_measured_with_the_pack_is_told(site: Site) -> None:
    site.records.add_user(1, 0, MODEL)

    found = site.client("rita").distances()

    assert found.model == MODEL
    assert found.histogram
    assert found.histogram.people > 100
    assert len(found.histogram.genuine) * found.histogram.width <= 2


def test_of_a_pack_without_figures_nothing_is_told(make_site: MakeSite) -> None:
    site = make_site()
    unmeasured = replace(MeasuredPack.contract, files=())
    with closing(Database(site.records.settings)) as database:
        Limits(database).note(unmeasured.id, POLICY)
    site.records.add_user(1, 0, unmeasured.id)

    found = site.client("rita").distances()

    assert (found.model, found.histogram) == (unmeasured.id, None)
