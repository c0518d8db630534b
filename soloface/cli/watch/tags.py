"""How tags change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from soloface.cli.frame.output import plain_table
from soloface.cli.watch.view import distance, line, text

if TYPE_CHECKING:
    from connectors.jetstream.letters.following import Told

_STYLES = {"gained": "green", "lost": "red", "moved": "yellow", "remeasured": "dim"}


class TagChanges:
    """The events of `tags`."""

    def kind(self, event: Told) -> tuple[str, str]:
        """What became of the tag."""
        change = text(event, "change")
        return change, _STYLES.get(change, "")

    def table(self, told: list[Told]) -> Table:
        """A row for each change."""
        numbers = ("face", "distance")
        columns = ("told", "change", "photo", "user", "user before", "why", *numbers)
        table = plain_table(*columns, right=numbers)
        table.expand = True
        for column in table.columns[-len(numbers) :]:
            column.no_wrap = True
        for event in told:
            change, style = self.kind(event)
            table.add_row(
                f"{event.at.astimezone():%H:%M:%S}",
                Text(change, style=style),
                Text(text(event, "photo_id")),
                Text(text(event, "user_id")),
                Text(text(event, "previous_user_id")),
                Text(" ".join(filter(None, (text(event, "cause"), text(event, "by"))))),
                Text(text(event, "face_index")),
                distance(event),
            )
        return table

    def line(self, event: Told) -> str:
        """All of it."""
        return line(
            event,
            f"{text(event, 'change'):10} {text(event, 'cause'):10}",
            photo=text(event, "photo_id"),
            face=text(event, "face_index"),
            user=text(event, "user_id"),
            before=text(event, "previous_user_id"),
            distance=distance(event),
            by=text(event, "by"),
            seq=text(event, "seq"),
        )
