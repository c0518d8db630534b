"""Filters on the pages, in a real browser: by keyboard, kept in the address, never a dead end."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.builders import photo, user
from tests.fixtures.web import MODEL, MakeSite, Site
from tests.pages import answered, opened


@pytest.fixture
def local(make_site: MakeSite) -> Site:
    """Three doubtful photos, the middle one in a gallery."""
    site = make_site(tokens=None)
    for number, degrees in ((1, 0), (2, 60)):
        site.records.add_user(number, degrees, MODEL)
    site.records.add_members("red", 1, 2)
    for number, gallery in ((1, None), (2, "red"), (3, None)):
        site.record(number, 30, gallery=gallery)
    return site


def shows(page: Page, number: int) -> None:
    expect(page.locator("#whole a")).to_have_attribute("href", f"/photos/{photo(number)}")


def test_a_gallery_is_chosen_by_keyboard_and_stays_in_the_address(
    browser: Browser, local: Site
) -> None:
    with opened(browser, local.url) as page:
        shows(page, 3)
        page.keyboard.press("f")
        expect(page.locator("#filter-gallery")).to_be_focused()
        page.keyboard.type("red")  # none of these letters answers anything
        page.keyboard.press("Enter")
        shows(page, 2)
        expect(page).to_have_url(f"{local.url}review?queue=doubtful&gallery=red")
        expect(page.locator("[data-queue=doubtful] .count")).to_have_text("1")

        page.reload()
        shows(page, 2)
        expect(page.locator("#filtered")).to_have_text("1 in use")
        page.keyboard.press("y")
        answered(page)
        expect(page.locator("#done h2")).to_have_text("No photo here matches the filters.")
        page.locator("#done [data-clear]").click()
        shows(page, 3)
        expect(page).to_have_url(f"{local.url}review?queue=doubtful")
    rows = local.records.run("select photo_id from face_match_decisions")
    assert [row["photo_id"] for row in rows] == [photo(2)]


def test_users_days_and_reasons_narrow_it_down_as_well(browser: Browser, local: Site) -> None:
    today = datetime.now().astimezone().date()
    yesterday = today - timedelta(days=1)
    for filters, found in (
        (f"user_id={user(2)}", True),
        (f"user_id={user(9)}", False),
        (f"since={yesterday}", True),
        (f"until={yesterday}", False),
        (f"since={yesterday}&until={today + timedelta(days=1)}", True),
        ("reason=ambiguous", True),
        ("reason=matched", False),
    ):
        with opened(browser, f"{local.url}review?queue=doubtful&{filters}") as page:
            expect(page.locator("#card" if found else "#done")).to_be_visible()


def test_what_makes_no_sense_is_said_beside_its_field(browser: Browser, local: Site) -> None:
    with opened(browser, f"{local.url}review?queue=nothing&user_id=me&reason=%3Cb%3E") as page:
        shows(page, 3)  # what the address cannot mean is left out
        page.keyboard.press("f")
        for field, text, why in (
            ("gallery", "two words", "letters, digits"),
            ("user", "me", "not the id of a user"),
        ):
            page.locator(f"#filter-{field}").fill(text)
            page.keyboard.press("Enter")
            expect(page.locator("#filter-wrong")).to_contain_text(why)
            page.locator(f"#filter-{field}").fill("")
        page.locator("#filter-since").fill("2026-02-02")
        page.locator("#filter-until").fill("2026-02-01")
        page.locator("#filter-until").press("Enter")
        expect(page.locator("#filter-wrong")).to_contain_text("after the last one")
        page.keyboard.press("Escape")
        expect(page.locator("#filter-form")).to_be_hidden()
        shows(page, 3)


def test_a_reason_belongs_to_its_queue(browser: Browser, local: Site) -> None:
    with opened(browser, local.url) as page:
        page.keyboard.press("f")
        page.locator("#filter-reason").select_option("matched")
        page.locator("#filter-form [type=submit]").click()
        expect(page.locator("#done")).to_be_visible()
        page.locator("[data-queue=near_misses]").click()
        expect(page.locator("#done h2")).to_have_text("Nothing is left here.")
        expect(page.locator("#reasons")).to_be_hidden()
        expect(page.locator("[data-queue=doubtful] .count")).to_have_text("3")
