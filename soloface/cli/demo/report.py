"""What the demo shows at the end: a table of outcomes and a contact sheet of faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError
from rich.box import SIMPLE
from rich.table import Table

from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import ENROLLED
from soloface.cli.demo.scenario import Case

TILE = 150
CAPTION = 34
GAP = 8
_PAPER, _INK, _FAINT = "#ffffff", "#1c1c1c", "#6b6b6b"
_GOOD, _SKIPPED, _WRONG = "#1a7f37", "#8a6d00", "#b42318"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a case. ``user`` is the name of who was matched."""

    case: Case
    reason: Reason
    user: str | None
    distance: float | None
    deliveries: int

    @property
    def as_expected(self) -> bool:
        """Whether this is what had to come out."""
        person = self.case.person if self.reason is Reason.MATCHED else None
        redelivered = self.deliveries > 1 or not self.case.handed_back
        return self.reason in self.case.expected and self.user == person and redelivered


def match_table(answers: Sequence[Answer]) -> Table:
    """A row per enrolled user, a column per change: the distance, red where it went wrong."""
    table = Table(title="Cosine distance to the right user", title_justify="left", box=SIMPLE)
    table.add_column("")
    for change in CHANGES:
        table.add_column(change, justify="right")
    cells = {answer.case.title: _distance(answer) for answer in answers}
    for person in ENROLLED:
        table.add_row(person.name, *(cells[f"{person.name}, {change}"] for change in CHANGES))
    return table


def outcome_table(answers: Sequence[Answer]) -> Table:
    """The jobs that are no changed photo of a user: what was expected beside what came."""
    table = Table(title="Every other job and its outcome", title_justify="left", box=SIMPLE)
    for heading in ("", "job"):
        table.add_column(heading)
    for heading in ("expected", "outcome"):
        table.add_column(heading, no_wrap=True)
    changed = {f"{person.name}, {change}" for person in ENROLLED for change in CHANGES}
    for answer in answers:
        if answer.case.title not in changed:
            table.add_row(
                "[green]✓[/]" if answer.as_expected else "[red]✗[/]",
                answer.case.title,
                "\n".join(sorted(answer.case.expected)),
                f"{answer.reason}, {answer.user}" if answer.user else answer.reason,
            )
    return table


def _distance(answer: Answer) -> str:
    text = str(answer.reason) if answer.distance is None else f"{answer.distance:.2f}"
    return text if answer.as_expected else f"[red]{text}[/]"


def contact_sheet(answers: Sequence[Answer], path: Path) -> None:
    """Draw a PNG: a row per enrolled user with the photos matched to them, then all the others."""
    rows = [_user_row(person.name, jpeg(person.portrait()), answers) for person in ENROLLED]
    others = [answer for answer in answers if answer.user is None]
    width = max(len(row) for row in rows)
    rows += [[_answer_tile(a) for a in others[i : i + width]] for i in range(0, len(others), width)]
    step_x, step_y = TILE + GAP, TILE + CAPTION + GAP
    sheet = Image.new("RGB", (width * step_x + GAP, len(rows) * step_y + GAP), _PAPER)
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            sheet.paste(tile, (GAP + x * step_x, GAP + y * step_y))
    sheet.save(path)


def _user_row(name: str, portrait: bytes, answers: Sequence[Answer]) -> list[Image.Image]:
    matched = [answer for answer in answers if answer.user == name]
    return [_tile(portrait, name, "enrolled", _INK), *map(_answer_tile, matched)]


def _answer_tile(answer: Answer) -> Image.Image:
    colour = _SKIPPED if answer.user is None else _GOOD
    verdict = str(answer.reason)
    if answer.user is not None:
        verdict = f"{answer.user}, distance {answer.distance:.2f}"
    title = answer.case.title.removeprefix(f"{answer.case.person}, ")
    return _tile(answer.case.image, title, verdict, colour if answer.as_expected else _WRONG)


def _tile(photo: bytes | None, title: str, verdict: str, colour: str) -> Image.Image:
    tile = Image.new("RGB", (TILE, TILE + CAPTION), _PAPER)
    picture = _open(photo)
    if picture is None:
        ImageDraw.Draw(tile).rectangle((0, 0, TILE - 1, TILE - 1), outline=_FAINT)
        ImageDraw.Draw(tile).text((10, TILE // 2), "no picture", fill=_FAINT, font=_font(12))
    else:
        picture.thumbnail((TILE, TILE))
        tile.paste(picture, ((TILE - picture.width) // 2, (TILE - picture.height) // 2))
    draw = ImageDraw.Draw(tile)
    draw.text((2, TILE + 2), title, fill=_INK, font=_font(11))
    draw.text((2, TILE + 17), verdict, fill=colour, font=_font(11))
    return tile


def _open(photo: bytes | None) -> Image.Image | None:
    try:
        return Image.open(BytesIO(photo or b"")).convert("RGB")
    except (UnidentifiedImageError, OSError):
        return None


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
