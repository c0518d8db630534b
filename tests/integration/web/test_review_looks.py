"""How the pages look, and whether everybody can use them: screenshots, and axe on each page.

With `TEST_SCREENSHOTS=1` the pictures of docs/review.md are made again.
"""

from __future__ import annotations

import os
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect
from psycopg.types.json import Jsonb

from soloface.cli.demo.changes import CHANGES, Change, brightened, jpeg
from soloface.cli.demo.people import ENROLLED, STRANGERS, Person
from tests.builders import photo, user
from tests.fixtures.browser import MS
from tests.fixtures.web import MODEL, MakeSite, Site
from tests.places import REPOSITORY

GWEN, CAMERAMAN = ENROLLED[-1], STRANGERS[-1]
IMAGES = REPOSITORY / "docs" / "images"
IN_THE_DOCS = {"review-desktop-light.png", "review-phone-dark.png"}
SIZES = {"desktop": (1280, 860), "phone": (390, 844)}
IN_EACH_RUN = {("desktop", "light"), ("phone", "dark")}

PATHS = {
    "review": "review",
    "groups": "groups",
    "mine": "mine",
    "person": f"people/{user(1)}",
    "photo": f"photos/{photo(1)}",
}
OPENED = {
    "who": ("review", "[data-answer=else]", "#nearest img"),
    "filters": ("review", "#filters summary", "#filter-gallery"),
    "empty": (f"review?user_id={user(9)}", "#filters summary", "#done"),
    "new": ("groups", "text=Somebody new…", "#new-id"),
}
"""What a button opens: where it is, the button, and what is seen then."""
SHOWN = {
    "review": "#proposed img",
    "groups": ".tile img",
    "mine": "#decisions img",
    "person": "#photos img",
    "photo": "#faces img",
}


def box(person: Person) -> Jsonb:
    """Where the face is on the portrait."""
    return Jsonb(dict(zip(("x1", "y1", "x2", "y2"), person.face_on_portrait(), strict=True)))


def show(site: Site, number: int, degrees: float, person: Person, change: Change) -> None:
    """A photo of somebody went through the worker."""
    site.record(number, degrees, change(person.portrait()))
    site.records.run(
        "update photo_faces set bbox = %s where photo_id = %s", box(person), photo(number)
    )


@pytest.fixture
def furnished(make_site: MakeSite) -> Site:
    """Two of the demo's people, with a photo for every queue.

    Only these two: anybody may publish the pictures that show them.
    """
    site = make_site(tokens=None, new_users=True)
    for number, person in enumerate((GWEN, CAMERAMAN), start=1):
        site.records.add_user(number, 140 * (number - 1), MODEL)
        image = jpeg(person.portrait())
        name = sha256(image).hexdigest()
        site.upload(f"enrolment/{name}.jpg", image)
        site.records.run(
            "insert into face_enrolments (user_id, model, photos, fingerprint) "
            "values (%s, %s, 1, 'f')",
            user(number),
            MODEL,
        )
        site.records.run(
            "insert into face_enrolment_photos (user_id, sha256, ref) values (%s, %s, %s)",
            user(number),
            name,
            f"minio://{site.settings.store.bucket}/enrolment/{name}.jpg",
        )
    turned, dark, coarse = (CHANGES[name] for name in ("turned +18°", "dark 55 %", "quality 25"))
    show(site, 3, 5, GWEN, turned)
    show(site, 4, 12, GWEN, dark)
    show(site, 5, 142, CAMERAMAN, turned)
    show(site, 6, 196, CAMERAMAN, dark)
    for number, change in ((7, turned), (8, dark), (9, coarse)):
        show(site, number, -100 - number, CAMERAMAN, change)
    show(site, 10, -56, GWEN, turned)
    show(site, 2, 165, CAMERAMAN, dark)
    show(site, 1, 51, GWEN, partial(brightened, factor=0.3))
    with site.client() as client:
        client.decide(photo(3), "confirm", user(1))
        client.decide(photo(6), "nobody")
    return site


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return IMAGES if os.environ.get("TEST_SCREENSHOTS") else tmp_path


def flaws(page: Page) -> list[str]:
    """What axe objects to, each with where."""
    found = Axe().run(page).response["violations"]
    return [f"{flaw['id']}: {node['target']}" for flaw in found for node in flaw["nodes"]]


@pytest.mark.parametrize("size", SIZES)
def test_every_page_can_be_used_by_everybody_in_each_size_and_light(
    browser: Browser, furnished: Site, size: str, scheme: str, folder: Path
) -> None:
    if (size, scheme) not in IN_EACH_RUN and folder != IMAGES:
        pytest.skip("set TEST_SCREENSHOTS to look at each size in each light")
    width, height = SIZES[size]
    with browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    ) as context:
        context.set_default_timeout(MS)
        page = context.new_page()
        for name, path in PATHS.items():
            page.goto(furnished.url + path)
            expect(page.locator(SHOWN[name]).first).to_be_visible()
            page.wait_for_load_state("networkidle")
            assert flaws(page) == [], (name, size, scheme)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is wider than the {size}"
            picture = f"{name}-{size}-{scheme}.png"
            if picture in IN_THE_DOCS or folder != IMAGES:
                page.screenshot(path=folder / picture)
        for name, (path, button, shown) in OPENED.items():
            page.goto(furnished.url + path)
            page.locator(button).first.click()
            expect(page.locator(shown).first).to_be_visible()
            page.wait_for_load_state("networkidle")
            assert flaws(page) == [], (name, size, scheme)
            picture = f"{name}-{size}-{scheme}.png"
            if picture in IN_THE_DOCS or folder != IMAGES:
                page.screenshot(path=folder / picture)


def test_the_form_to_sign_in_can_be_used_by_everybody(
    browser: Browser, site: Site, scheme: str
) -> None:
    with browser.new_context(color_scheme="dark" if scheme == "dark" else "light") as context:
        page = context.new_page()
        page.goto(site.url)
        expect(page.locator("#token")).to_be_focused()
        assert flaws(page) == []
