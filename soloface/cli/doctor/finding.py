"""What an examination finds: one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from dataflow.settings import Settings
from soloface.cli.frame.failures import explained


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination. A warning keeps no worker from working."""

    name: str
    healthy: bool
    detail: str
    warning: bool = False


class Warn(str):
    """A detail that somebody should look at, though a worker could work."""

    __slots__ = ()


Check: TypeAlias = Callable[[Settings], Iterator[str]]
"""Yields what is well, or a :class:`Warn`, a line each; raises what is not, which ends it.
"""


def findings(name: str, check: Check, settings: Settings) -> Iterator[Finding]:
    """What one check finds."""
    try:
        for detail in check(settings):
            yield Finding(name, healthy=True, detail=detail, warning=isinstance(detail, Warn))
    except Exception as error:
        failure = explained(error)
        if failure is None:
            raise
        yield Finding(name, healthy=False, detail=failure.message)
