"""How requests about people end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from soloface.cli.frame.output import plain_table
from soloface.cli.watch.view import line, text

if TYPE_CHECKING:
    from connectors.jetstream.letters.following import Told

_STYLES = {"enrolled": "green", "refused": "red", "withdrawn": "yellow"}


class PeopleRequests:
    """The events of requests about people."""

    def kind(self, event: Told) -> tuple[str, str]:
        """What became of the request."""
        outcome = text(event, "outcome")
        return outcome, _STYLES.get(outcome, "")

    def table(self, told: list[Told]) -> Table:
        """A row for each request."""
        table = plain_table("told", "outcome", "reason", "user", "photos", "detail")
        table.expand = True
        for event in told:
            outcome, style = self.kind(event)
            table.add_row(
                f"{event.at.astimezone():%H:%M:%S}",
                Text(outcome, style=style),
                Text(text(event, "reason")),
                Text(text(event, "user_id")),
                Text(_photos(event)),
                Text(text(event, "detail")),
            )
        return table

    def line(self, event: Told) -> str:
        """All of it."""
        return line(
            event,
            f"{text(event, 'outcome'):10} {text(event, 'reason'):18}",
            user=text(event, "user_id"),
            request=text(event, "request_id"),
            photos=_photos(event),
            seq=text(event, "stream_seq"),
            detail=text(event, "detail"),
        )


def _photos(event: Told) -> str:
    """How many of the photos were used."""
    photos = event.data.get("photos")
    if not isinstance(photos, list) or not photos:
        return ""
    used = sum(isinstance(photo, dict) and photo.get("reason") == "used" for photo in photos)
    return f"{used}/{len(photos)}"
