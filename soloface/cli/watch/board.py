"""The live table."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from soloface.cli.frame.output import console
from soloface.cli.watch.view import View

if TYPE_CHECKING:
    from connectors.jetstream.letters.following import Told

_FRAME_ROWS = 7
_LEAST_ROWS = 5


@dataclass
class Board:
    """The newest events, and how many there were of each kind."""

    view: View
    newest: deque[Told] = field(default_factory=lambda: deque(maxlen=200))
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, told: list[Told]) -> None:
        """Take in what came."""
        self.newest.extend(told)
        self.kinds.update(map(self.view.kind, told))

    def __rich__(self) -> Group:
        """Draw it, as long as the terminal is high."""
        rows = max(console.height - _FRAME_ROWS - len(self.kinds), _LEAST_ROWS)
        return Group(self.view.table(list(self.newest)[-rows:]), self._totals())

    def _totals(self) -> Table:
        totals = Table(box=None, show_header=False, pad_edge=False)
        for (name, style), number in self.kinds.most_common():
            totals.add_row(str(number), Text(name, style=style))
        totals.add_row(str(self.kinds.total()), Text("in all; Ctrl-C ends", style="dim"))
        return totals
