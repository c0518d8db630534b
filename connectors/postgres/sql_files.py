"""The SQL that soloface runs lives in ``.sql`` files, where it can be read and tried as SQL."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import LiteralString

_PACKAGED = Path(__file__).parent.parent / "sql"
_CHECKOUT = Path(__file__).parent.parent.parent / "sql"


def sql_folder() -> Path:
    """Where the files are: inside an installed package, beside it in a checkout."""
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT


@cache
def query(name: str, **numbers: int) -> LiteralString:
    """The text of ``queries/<name>.sql``, with the numbers for which it has a ``:name``.

    Such as the length of a type, which cannot be a parameter.
    """
    text = (sql_folder() / "queries" / f"{name}.sql").read_text(encoding="utf-8")
    for placeholder, number in numbers.items():
        text = text.replace(f":{placeholder}", str(int(number)))
    # What only people need is left out: psycopg reads a long statement again at each execution.
    lines = (line.strip() for line in text.splitlines())
    # Literal in spirit: files of ours, never put together from data but for numbers.
    return "\n".join(line for line in lines if not line.startswith("--"))
