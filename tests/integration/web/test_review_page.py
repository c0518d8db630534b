"""The review page in a real browser: every key and button, two moderators, a bad line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.builders import photo, user
from tests.fixtures.browser import MS
from tests.fixtures.web import MODEL, MakeSite, Site
from tests.pages import MAY_LEAVE, all_taken, answered, opened


@pytest.fixture
def local(make_site: MakeSite) -> Site:
    """A site where whoever works on this machine may do everything; three users, five photos."""
    site = make_site(tokens=None)
    for number, degrees in ((1, 0), (2, 60), (3, 90)):
        site.records.add_user(number, degrees, MODEL)
    for number in range(1, 6):
        site.record(number, 30 - number)
    return site


@pytest.fixture
def page(browser: Browser, local: Site) -> Iterator[Page]:
    with opened(browser, local.url) as page:
        expect(page.locator("#card")).to_be_visible()
        yield page


def words(site: Site) -> list[tuple[object, ...]]:
    rows = site.records.run(
        "select photo_id, user_id, decision from face_match_decisions order by photo_id"
    )
    return [tuple(row.values()) for row in rows]


@pytest.mark.parametrize(
    ("key", "decision", "who"),
    [
        ("y", "confirmed", 1),
        ("1", "confirmed", 1),
        ("2", "confirmed", 2),
        ("3", "confirmed", 3),
        ("n", "rejected", 1),
        ("x", "nobody", None),
    ],
)
def test_each_key_says_its_word(
    page: Page, local: Site, key: str, decision: str, who: int | None
) -> None:
    page.keyboard.press(key)
    answered(page)

    assert words(local) == [(photo(5), user(who) if who else None, decision)]


@pytest.mark.parametrize(
    ("button", "decision", "who"),
    [("yes", "confirmed", 1), ("no", "rejected", 1), ("nobody", "nobody", None)],
)
def test_each_button_says_its_word(
    page: Page, local: Site, button: str, decision: str, who: int | None
) -> None:
    page.locator(f"#card [data-answer={button}]").click()
    answered(page)

    assert words(local) == [(photo(5), user(who) if who else None, decision)]


def test_somebody_else_is_named_by_their_id(page: Page, local: Site) -> None:
    page.keyboard.press("e")
    page.locator("#user-id").fill("nobody I know")
    page.keyboard.press("Enter")
    expect(page.locator("#else-wrong")).to_be_visible()
    page.locator("#user-id").fill(str(user(3)))
    page.keyboard.press("Enter")
    answered(page)

    assert words(local) == [(photo(5), user(3), "confirmed")]


def test_somebody_else_is_named_by_their_face_with_one_key(page: Page, local: Site) -> None:
    page.keyboard.press("e")
    expect(page.locator("#nearest button")).to_have_count(3)
    expect(page.locator("#nearest button").nth(2)).to_contain_text("not alike")
    page.keyboard.press("3")
    answered(page)

    # The key has answered for this photo, and for no other.
    expect(page.locator("#whole a")).to_have_attribute("href", f"/photos/{photo(4)}")
    assert words(local) == [(photo(5), user(3), "confirmed")]


def test_whoever_turns_away_from_the_question_has_said_nothing(page: Page, local: Site) -> None:
    page.keyboard.press("e")
    expect(page.locator("#else")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#else")).to_be_hidden()
    expect(page.locator("#whole a")).to_have_attribute("href", f"/photos/{photo(5)}")
    assert words(local) == []


def test_among_the_nearest_are_no_rejected_users(browser: Browser, local: Site) -> None:
    local.client().decide(photo(5), "reject", user(1))
    with opened(browser, local.url) as page:
        expect(page.locator("#whole a")).to_have_attribute("href", f"/photos/{photo(4)}")
        with opened(browser, f"{local.url}review?queue=recent") as other:
            expect(other.locator("#whole a")).to_have_attribute("href", f"/photos/{photo(5)}")
            other.keyboard.press("e")
            expect(other.locator("#nearest button")).to_have_count(2)


def test_a_queue_is_worked_off_by_keyboard_and_undone(page: Page, local: Site) -> None:
    for number in range(5, 0, -1):
        expect(page.locator("#whole a")).to_have_attribute("href", f"/photos/{photo(number)}")
        page.keyboard.press("y")
    expect(page.locator("#done")).to_be_visible()
    all_taken(page)
    page.keyboard.press("u")
    answered(page, "Taken back")

    expect(page.locator("#card")).to_be_visible()
    said = [row[0] for row in words(local)]
    assert said == [photo(number) for number in (2, 3, 4, 5)]


def test_what_is_skipped_is_decided_by_nobody_and_comes_back_by_undo(
    page: Page, local: Site
) -> None:
    first = page.locator("#whole a").get_attribute("href")
    page.keyboard.press("s")
    expect(page.locator("#whole a")).not_to_have_attribute("href", first or "")
    page.keyboard.press("u")
    expect(page.locator("#whole a")).to_have_attribute("href", first or "")
    assert words(local) == []


def test_a_lost_connection_loses_no_answer_and_takes_none_twice(page: Page, local: Site) -> None:
    lost = 0

    def lose(route: Route) -> None:
        nonlocal lost
        lost += 1
        if lost == 1:
            route.abort()  # it never came
        elif lost == 2:
            route.fetch()  # it came, and its answer got lost
            route.abort()
        else:
            route.continue_()

    page.route("**/decision", lose)
    page.keyboard.press("y")
    answered(page, "Not known yet whether your answer is kept")
    answered(page, "Kept:")

    assert words(local) == [(photo(5), user(1), "confirmed")]
    (row,) = local.records.run("select count(*) as count from face_decision_log")
    assert row["count"] == 1


def test_as_long_as_nothing_is_heard_the_page_does_not_say_that_it_is_kept(
    page: Page, local: Site
) -> None:
    page.route("**/decision", lambda route: route.abort())
    for tries in range(3):
        with page.expect_event("requestfailed"):
            if not tries:
                page.keyboard.press("y")
        answered(page, "Not known yet whether your answer is kept")
    assert page.evaluate(MAY_LEAVE) is False  # the browser asks before it leaves
    assert words(local) == []

    page.unroute("**/decision")
    page.evaluate("dispatchEvent(new Event('online'))")
    answered(page, "Kept:")
    all_taken(page)
    assert words(local) == [(photo(5), user(1), "confirmed")]


def test_a_card_waits_for_its_answer_also_while_the_next_ones_do_not_come(
    page: Page, local: Site
) -> None:
    page.clock.install()
    page.route("**/claims?*", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.keyboard.press("y")
    answered(page, "The next photos did not come")
    with page.expect_event("requestfailed"):
        page.clock.fast_forward(2000)
    expect(page.locator("#whole a")).to_have_attribute("href", f"/photos/{photo(4)}")

    page.unroute("**/claims?*")
    page.clock.fast_forward(2000)
    for number in (4, 3, 2, 1):
        expect(page.locator("#whole a")).to_have_attribute("href", f"/photos/{photo(number)}")
        page.keyboard.press("y")
    expect(page.locator("#done")).to_be_visible()
    all_taken(page)
    assert len(words(local)) == 5


def test_of_a_photo_that_is_deleted_meanwhile_nothing_is_said(page: Page, local: Site) -> None:
    local.records.run("delete from photos where id = %s", photo(5))

    page.keyboard.press("y")
    answered(page, "Not kept: that photo has been deleted meanwhile")

    expect(page.locator("#whole a")).to_have_attribute("href", f"/photos/{photo(4)}")
    assert words(local) == []


def test_what_somebody_else_has_decided_meanwhile_comes_back_and_says_so(
    page: Page, local: Site
) -> None:
    local.client().decide(photo(5), "confirm", user(2))

    page.keyboard.press("n")
    answered(page, "Not kept")

    expect(page.locator("#whole a")).to_have_attribute("href", f"/photos/{photo(5)}")
    assert words(local) == [(photo(5), user(2), "confirmed")]


def test_a_picture_that_is_gone_is_said_and_the_answer_still_counts(
    browser: Browser, local: Site
) -> None:
    local.store.remove_object(local.settings.store.bucket, "5.png")
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(local.url)
        expect(page.locator("#face .gone")).to_have_text("The picture is gone")
        page.keyboard.press("y")
        answered(page)
    assert words(local) == [(photo(5), user(1), "confirmed")]


def test_people_sign_in_with_their_token_and_out(browser: Browser, site: Site) -> None:
    site.record(1)
    with browser.new_context() as context:
        context.set_default_timeout(MS)
        page = context.new_page()
        page.goto(f"{site.url}review?queue=unknown")
        expect(page).to_have_url(f"{site.url}sign-in")
        page.locator("#token").fill("sf_wrong")
        page.keyboard.press("Enter")
        expect(page.locator(".wrong")).to_be_visible()
        page.locator("#token").fill(site.tokens["rita"])
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{site.url}review")
        page.goto(f"{site.url}review?queue=unknown")
        expect(page.locator("#card")).to_be_visible()
        expect(page.locator(".who")).to_contain_text("rita")
        (cookie,) = context.cookies()
        assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Strict")
        page.keyboard.press("x")
        answered(page)
        (row,) = site.records.run("select decided_by, decision from face_match_decisions")
        assert dict(row) == {"decided_by": "rita", "decision": "nobody"}
        page.locator("#sign-out").click()
        expect(page).to_have_url(f"{site.url}sign-in")
        assert context.cookies() == []


def test_two_moderators_at_once_never_see_the_same_card(browser: Browser, site: Site) -> None:
    for number, degrees in ((1, 0), (2, 60)):
        site.records.add_user(number, degrees, MODEL)
    numbers = range(1, 9)
    for number in numbers:
        site.record(number, 30)
    seen: dict[str, list[str]] = {"rita": [], "rolf": []}
    with browser.new_context() as one, browser.new_context() as two:
        pages = {"rita": one.new_page(), "rolf": two.new_page()}
        for name, page in pages.items():
            page.goto(f"{site.url}sign-in")
            page.locator("#token").fill(site.tokens[name])
            page.keyboard.press("Enter")
            expect(page.locator("#card")).to_be_visible()
        for _ in numbers:
            for name, page in pages.items():
                if page.locator("#card").is_visible():
                    seen[name].append(page.locator("#whole a").get_attribute("href") or "")
                    page.keyboard.press("y")
                    page.wait_for_function(
                        "seen => document.querySelector('#card').hidden || "
                        "document.querySelector('#whole a').getAttribute('href') !== seen",
                        arg=seen[name][-1],
                    )
    shown = seen["rita"] + seen["rolf"]
    assert len(shown) == len(set(shown)) == len(numbers)
