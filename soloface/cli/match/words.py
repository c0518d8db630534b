"""Words about many photos, from a CSV."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from connectors.postgres.tags.decisions import Decision, Word
from soloface.cli.frame.tables import rows

WORDS = {
    "confirm": Word.CONFIRMED,
    "reject": Word.REJECTED,
    "nobody": Word.NOBODY,
    "forget": Word.FORGOTTEN,
}
"""The words, by the names of the commands."""

_OF_A_USER = {Word.CONFIRMED, Word.REJECTED}
_MOST = 2**31 - 1
"""What the column holds."""


class WrongLineError(ValueError):
    """What is wrong with a line."""


def read_words(table: Path, by: str | None) -> tuple[dict[int, Decision], dict[int, str]]:
    """Read a CSV with the columns photo_id, word and user_id, and maybe face_index and by.

    Args:
        table: the file; ``-`` is standard input.
        by: whose words they are where a line does not say it.

    Returns:
        The words and what is wrong, each by the number of its line.

    Raises:
        ConfigurationError: it cannot be read, or is no such table.
    """
    said: dict[int, Decision] = {}
    wrong: dict[int, str] = {}
    for line, row in rows(table, "photo_id", "word", "user_id"):
        try:
            said[line] = _decision(row, by)
        except WrongLineError as error:
            wrong[line] = str(error)
    return said, wrong


def _decision(row: Mapping[str, str], by: str | None) -> Decision:
    cells = {name: cell.strip() for name, cell in row.items()}
    if cells["word"] not in WORDS:
        named = cells["word"] or "an empty cell"
        raise WrongLineError(f"{named} is none of the words {', '.join(WORDS)}")
    word = WORDS[cells["word"]]
    user_id = _id(cells["user_id"], "user") if cells["user_id"] else None
    if word in _OF_A_USER and user_id is None:
        raise WrongLineError(f"{cells['word']} needs a user_id")
    if word is Word.NOBODY and user_id:
        raise WrongLineError("nobody names no user: leave user_id empty")
    return Decision(
        _id(cells["photo_id"], "photo"),
        user_id,
        word,
        cells.get("by") or by,
        _face_index(cells.get("face_index", ""), word),
    )


def _id(cell: str, thing: str) -> UUID:
    try:
        return UUID(cell)
    except ValueError:
        raise WrongLineError(f"{cell or 'an empty cell'} is not the id of a {thing}") from None


def _face_index(cell: str, word: Word) -> int | None:
    if not cell:
        return None
    if word not in _OF_A_USER:
        raise WrongLineError("face_index goes with confirm and reject only")
    if not (cell.isascii() and cell.isdigit() and int(cell) <= _MOST):
        raise WrongLineError(f"{cell} is not the index of a face: 0, 1 and so on")
    return int(cell)
