"""How jobs end."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from soloface.cli.frame.output import plain_table
from soloface.cli.watch.view import distance, line, text

if TYPE_CHECKING:
    from connectors.jetstream.letters.following import Told

_STYLES = {"matched": "green", "skipped": "yellow", "rejected": "red"}


class Outcomes:
    """The events of `settled`."""

    def kind(self, event: Told) -> tuple[str, str]:
        """Its reason."""
        return text(event, "reason"), _style(event)

    def table(self, told: list[Told]) -> Table:
        """A row for each job."""
        numbers = ("distance", "took", "tries")
        table = plain_table("settled", "reason", "photo", "user or detail", *numbers, right=numbers)
        table.expand = True
        for column in table.columns[-len(numbers) :]:
            column.no_wrap = True
        for event in told:
            table.add_row(
                f"{event.at.astimezone():%H:%M:%S}",
                Text(text(event, "reason"), style=_style(event)),
                Text(text(event, "photo_id")),
                Text(text(event, "user_id") or text(event, "detail")),
                distance(event),
                _took(event),
                Text(text(event, "deliveries")),
            )
        return table

    def line(self, event: Told) -> str:
        """All of it."""
        return line(
            event,
            f"{text(event, 'outcome'):8} {text(event, 'reason'):20}",
            photo=text(event, "photo_id"),
            user=text(event, "user_id"),
            distance=distance(event),
            took=_took(event),
            tries=text(event, "deliveries"),
            detail=text(event, "detail"),
        )


def _style(event: Told) -> str:
    return _STYLES.get(text(event, "outcome"), "")


def _took(told: Told) -> str:
    """Seconds from publication to outcome."""
    try:
        published = datetime.fromisoformat(told.data["published_at"])
        settled = datetime.fromisoformat(told.data["settled_at"])
        return f"{(settled - published).total_seconds():.2f}s"
    except (KeyError, TypeError, ValueError):
        return ""
