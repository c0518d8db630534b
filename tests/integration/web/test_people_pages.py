"""Groups of unknown faces, and a person's own page, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.builders import photo, user
from tests.fixtures.web import MODEL, MakeSite, Site
from tests.integration.web.test_groups_api import portrait
from tests.pages import answered, opened


@pytest.fixture
def local(make_site: MakeSite) -> Site:
    """User 1 is tagged on photos 5 to 7; photos 1 to 4 show somebody whom nobody knows."""
    site = make_site(tokens=None, new_users=True)
    site.records.add_user(1, 0, MODEL)
    for number in range(1, 5):
        site.record(number, 88 + number, portrait(number))
    for number in range(5, 8):
        site.record(number, number)
    return site


@pytest.fixture
def groups(browser: Browser, local: Site) -> Iterator[Page]:
    with opened(browser, f"{local.url}groups") as page:
        expect(page.locator(".tile")).to_have_count(4)
        yield page


def words(site: Site) -> list[tuple[object, ...]]:
    rows = site.records.run(
        "select photo_id, user_id, decision from face_match_decisions order by photo_id"
    )
    return [tuple(row.values()) for row in rows]


def test_one_answer_names_all_that_are_chosen(groups: Page, local: Site) -> None:
    first = groups.locator(".tile").first
    first.focus()
    groups.keyboard.press("Space")
    expect(groups.locator(".group .answers")).to_contain_text("3 of 4 chosen")
    groups.get_by_role("button", name="All chosen are…").click()
    expect(groups.locator("#nearest button")).to_have_count(1)
    groups.keyboard.press("1")
    answered(groups, "Kept. Each can be taken back")

    expect(groups.locator(".tile")).to_have_count(1)
    said = words(local)
    assert {(who, word) for _, who, word in said} == {(user(1), "confirmed")}
    assert len(said) == 3
    first.click()
    groups.get_by_role("button", name="Nobody to be tagged").click()
    expect(groups.locator("#done")).to_be_visible()
    assert [word for _, _, word in words(local)].count("nobody") == 1


def test_what_is_not_taken_stays_and_says_why(groups: Page, local: Site) -> None:
    local.client().decide(photo(2), "nobody")

    groups.get_by_role("button", name="Nobody to be tagged").click()
    answered(groups, "Not kept")

    expect(groups.locator(".tile")).to_have_count(1)
    assert len(words(local)) == 4


def test_a_group_becomes_somebody_new(groups: Page, local: Site) -> None:
    groups.get_by_role("button", name="Somebody new…").click()
    expect(groups.locator("#new-said")).to_contain_text("4 chosen photos")
    groups.locator("#new-id").fill("a name")
    groups.keyboard.press("Enter")
    expect(groups.locator("#new-wrong")).to_be_visible()
    groups.locator("#new-id").fill(str(user(1)))
    groups.keyboard.press("Enter")
    answered(groups, "is enrolled already")
    groups.get_by_role("button", name="Somebody new…").click()
    groups.locator("#new-id").fill(str(user(5)))
    groups.keyboard.press("Enter")
    answered(groups, "is enrolled by 4 of these photos")

    expect(groups.locator("#done")).to_be_visible()
    (row,) = local.records.run("select user_id, photos from face_enrolments")
    assert (row["user_id"], row["photos"]) == (user(5), 4)


def test_where_the_platform_does_not_allow_it_nobody_new_is_offered(
    browser: Browser, make_site: MakeSite
) -> None:
    site = make_site(tokens=None)
    for number in (1, 2):
        site.record(number, 90)
    with opened(browser, f"{site.url}groups") as page:
        expect(page.locator(".tile")).to_have_count(2)
        expect(page.get_by_role("button", name="Somebody new…")).to_have_count(0)


def test_groups_of_another_gallery_are_not_shown(browser: Browser, local: Site) -> None:
    with opened(browser, f"{local.url}groups?gallery=red") as page:
        expect(page.locator("#done h2")).to_contain_text("that match the filters")
        page.locator("#done [data-clear]").click()
        expect(page.locator(".tile")).to_have_count(4)


def test_wrong_photos_of_a_person_go_in_one_go_and_come_back(browser: Browser, local: Site) -> None:
    with opened(browser, f"{local.url}people/{user(1)}") as page:
        tiles = page.locator(".tile")
        expect(tiles).to_have_count(3)
        expect(page.locator("#weed")).to_be_disabled()
        for place in (0, 1):
            tiles.nth(place).focus()
            page.keyboard.press("Space")
        expect(page.locator("#chosen")).to_have_text("2 chosen")
        page.locator("#weed").click()
        answered(page)
        expect(tiles).to_have_count(1)
        # The farthest come first, so they were 7 and 6.
        assert words(local) == [(photo(n), user(1), "rejected") for n in (6, 7)]

        page.goto(f"{local.url}mine")
        undo = page.get_by_role("button", name="Undo")
        expect(undo).to_have_count(2)
        for place in range(2):
            undo.nth(place).click()
            expect(undo.nth(place)).to_have_text("Taken back")
        assert words(local) == []
        page.goto(f"{local.url}people/{user(1)}")
        expect(tiles).to_have_count(3)
