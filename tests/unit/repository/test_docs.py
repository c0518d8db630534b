"""README and pages say what the code does, and lead where they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from connectors.jetstream.provision import DEAD_LETTERS_KEPT_S, EVENTS_KEPT_S
from dataflow.faces.packs.made import OPEN
from dataflow.jobs.reason import Outcome, Reason
from dataflow.settings import Settings
from docs.generate import pages, refreshed, settings_tables
from tests.places import REPOSITORY

DOCS = REPOSITORY / "docs"
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(
    r"`((?:benchmarks|connectors|dataflow|deploy|docs|sql|tests)/[\w./-]+|docker-compose\.yml|Dockerfile)`"
)
SECRET_FILE = re.compile(r"SOLOFACE_(\w+)_FILE=/run/secrets/(\w+)")
DAY_S = 24 * 3600
LOADED = {"script": "src", "img": "src", "source": "src", "iframe": "src", "link": "href"}


def names(paths: Iterator[Path]) -> set[str]:
    return {path.name for path in paths}


@pytest.mark.parametrize("page", list(pages()), ids=lambda page: page.name)
def test_what_a_page_takes_from_the_code_is_as_it_is(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert refreshed(text) == text, "run: uv run python docs/generate.py"


def test_the_readme_shows_the_flow_that_runs() -> None:
    assert "<!-- generated: flow -->" in README


def test_every_setting_is_on_the_page_on_configuration() -> None:
    assert settings_tables() in (DOCS / "configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_meaning_and_an_advice(reason: Reason) -> None:
    outcome = "**matched**" if reason.outcome is Outcome.MATCHED else str(reason.outcome)
    row = re.compile(
        rf"^\| {re.escape(outcome)} \| `{reason}` \| [^|]+\. \| [^|]+\. \|$", re.MULTILINE
    )

    assert row.search((DOCS / "outcomes.md").read_text(encoding="utf-8"))


def test_the_readme_stays_short() -> None:
    assert README.count("\n") <= 220


def test_every_reason_is_in_the_readme() -> None:
    rows = {outcome: f"| {outcome} | " for outcome in Outcome}
    for reason in Reason:
        row = next(line for line in README.splitlines() if line.startswith(rows[reason.outcome]))
        assert f"`{reason}`" in row


def test_every_page_is_in_the_readme_and_in_the_navigation() -> None:
    navigation = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed = set(re.findall(r"[\w/-]+\.md", str(navigation)))
    existing = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    decisions = {page for page in existing if page.startswith("decisions/0")}

    assert listed == existing
    named = set(re.findall(r"\]\(docs/([\w/-]+\.md)\)", README))
    assert named == existing - {"index.md"} - decisions
    assert set(
        re.findall(r"\]\((\w+-[\w-]+\.md)\)", (DOCS / "decisions/index.md").read_text())
    ) == {page.removeprefix("decisions/") for page in decisions}


@pytest.mark.parametrize("page", ["job", "outcomes", "security", "scaling"])
def test_a_page_says_how_long_dead_letters_are_kept(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")

    assert f"{DEAD_LETTERS_KEPT_S / DAY_S:.0f} days" in text


@pytest.mark.parametrize("page", ["events", "operations", "scaling", "security"])
def test_a_page_says_how_long_events_are_kept(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")

    assert EVENTS_KEPT_S == 3 * DAY_S
    assert re.search(r"\b(3|three) days", text)


def test_the_limit_of_the_quickest_ways_in_is_the_packs_threshold() -> None:
    limits = {
        name: re.findall(r"SOLOFACE_MATCH__MAX_DISTANCE=([\d.]+)", file.read_text())
        for name, file in {
            "README": REPOSITORY / "README.md",
            "quickstart": DOCS / "quickstart.md",
            "configuration": DOCS / "configuration.md",
            "Kubernetes": REPOSITORY / "deploy/k8s/base/settings.env",
        }.items()
    }

    assert all(limits.values()), limits
    assert {float(limit) for found in limits.values() for limit in found} == {OPEN.threshold}
    assert Settings().match.max_distance is None  # unless it is set, it is the owner's


GLOSSARY = re.findall(
    r'^\| <a id="([\w-]+)"></a>([^|]+) \| ([^|]+) \|$',
    (DOCS / "glossary.md").read_text(),
    re.MULTILINE,
)


@pytest.mark.parametrize("entry", GLOSSARY, ids=lambda entry: entry[0])
def test_a_word_of_the_glossary_is_short_and_linked_from_where_it_stands(
    entry: tuple[str, str, str],
) -> None:
    anchor, _, meaning = entry
    pages = (page.read_text() for page in DOCS.glob("*.md"))

    assert any(f"](glossary.md#{anchor})" in text for text in pages)
    assert 1 <= len(re.findall(r"[.](?= |$)", meaning)) <= 2


def test_the_glossary_is_in_order_and_whole() -> None:
    rows = [line for line in (DOCS / "glossary.md").read_text().splitlines() if "<a id" in line]

    assert len(GLOSSARY) == len(rows) >= 12
    assert [word.lower() for _, word, _ in GLOSSARY] == sorted(w.lower() for _, w, _ in GLOSSARY)


def test_a_secrets_file_is_named_like_its_setting() -> None:
    pages = [REPOSITORY / "README.md", *DOCS.glob("*.md")]
    named = [pair for page in pages for pair in SECRET_FILE.findall(page.read_text())]

    assert named
    assert [(name, file) for name, file in named if name.lower().replace("__", "_") != file] == []


class Site(HTMLParser):
    """What a built page loads by itself, which places of others it links to, and its own."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors = {""}
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors.add(found.get("id", ""))
        if tag in LOADED:
            self.loads.append(found.get(LOADED[tag], ""))
        elif tag == "a" and "href" in found:
            self.links.append(found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Site]:
    """The site's pages by their file, built with every warning an error."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=REPOSITORY,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {page: Site(page) for page in folder.rglob("*.html")}


def test_every_page_is_built(site: dict[Path, Site]) -> None:
    built = {page.stem for page in site}

    assert built >= {page.stem for page in DOCS.rglob("*.md")}


def test_the_site_loads_nothing_from_elsewhere(site: dict[Path, Site]) -> None:
    assert [url for page in site.values() for url in page.loads if urlsplit(url).netloc] == []


def front(site: dict[Path, Site]) -> Path:
    return min((page for page in site if page.stem == "index"), key=lambda page: len(page.parts))


def test_pages_that_are_opened_as_files_can_be_searched(site: dict[Path, Site]) -> None:
    assert (front(site).parent / "search/search_index.js").exists()
    for page, content in site.items():
        assert any(url.endswith("vendor/iframe-worker.js") for url in content.loads), page.name


def test_a_browser_finds_a_word_in_pages_that_are_files(
    site: dict[Path, Site], tmp_path: Path
) -> None:
    browser = shutil.which("chromium")
    if not browser:
        pytest.skip("there is no chromium")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
    done = subprocess.run(
        [
            browser,
            *options,
            "--virtual-time-budget=30000",
            "--dump-dom",
            f"{front(site).as_uri()}?q=FPIR",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    results = done.stdout.partition("md-search-result__list")[2]

    assert "glossary.html" in results, done.stderr


def test_every_link_within_the_site_leads_somewhere(site: dict[Path, Site]) -> None:
    broken = []
    for page, content in site.items():
        for link in map(urlsplit, content.links):
            if link.scheme or link.netloc or page.stem == "404":  # whose links begin at the root
                continue
            target = (page.parent / unquote(link.path)).resolve() if link.path else page
            target = target / "index.html" if target.is_dir() else target
            anchors = site[target].anchors if target in site else {""}
            if not target.exists() or unquote(link.fragment) not in anchors:
                broken.append(f"{page.name}: {link.geturl()}")

    assert broken == []


def test_every_link_of_the_readme_leads_somewhere(site: dict[Path, Site]) -> None:
    anchors = {page.stem: content.anchors for page, content in site.items()}
    targets = [urlsplit(link) for link in LINK.findall(README)]
    broken = [
        target.geturl()
        for target in targets
        if not (REPOSITORY / target.path).exists()
        or (target.fragment and target.fragment not in anchors[Path(target.path).stem])
    ]

    assert targets
    assert broken == []


@pytest.mark.parametrize(
    "page", [REPOSITORY / "README.md", *DOCS.rglob("*.md")], ids=lambda p: p.name
)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = FILE.findall(page.read_text(encoding="utf-8"))

    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_diagrams_are_drawn_while_the_site_is_built(site: dict[Path, Site]) -> None:
    architecture = next(page for page in site if page.stem == "architecture")
    html = architecture.read_text(encoding="utf-8")

    assert '<div class="diagram"><svg' in html
    assert "flowchart TD" not in html
