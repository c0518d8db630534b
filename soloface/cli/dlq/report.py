"""What a replay of dead letters has done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from soloface.cli.frame.output import complain, say

if TYPE_CHECKING:
    from connectors.jetstream.letters.dead_letters import Replayed


@dataclass(slots=True)
class Report:
    """What a replay has done so far.

    ``one_lane`` says why the jobs went by the live lane without being told to, if they did.
    """

    dry_run: bool
    one_lane: str = ""
    replayed: int = 0
    already_on_stream: int = 0
    problems: list[Replayed] = field(default_factory=list)

    def add(self, result: Replayed) -> None:
        """Count one letter."""
        if result.problem is not None:
            self.problems.append(result)
            return
        self.replayed += 1
        self.already_on_stream += result.repeated

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "dry_run": self.dry_run,
            "replayed": self.replayed,
            "already_on_stream": self.already_on_stream,
            "not_replayed": [{"seq": p.seq, "problem": p.problem} for p in self.problems],
        }

    def print(self) -> None:
        """For a person."""
        for result in self.problems:
            say(f"not replayed: {result.seq}: {result.problem}")
        if self.one_lane and self.replayed:
            complain(f"replayed as live jobs: {self.one_lane}")
        done = "would replay" if self.dry_run else "replayed"
        again = self.already_on_stream
        note = f" ({again} on the stream already)" if again else ""
        say(f"{done} {self.replayed}{note}, not replayed {len(self.problems)}")
