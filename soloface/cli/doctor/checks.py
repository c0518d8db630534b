"""What is examined, in this order."""

from __future__ import annotations

from collections.abc import Iterator

from dataflow.settings import Settings
from soloface.cli.doctor import nats, people, postgres, store
from soloface.cli.doctor.finding import Check, Finding, findings

CHECKS: dict[str, Check] = {
    "nats": nats.consumer,
    "postgres": postgres.server,
    "schema": postgres.schema,
    "object store": store.buckets,
    "model": people.pack,
    "gallery": people.gallery,
}


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check; one that fails does not keep the others from running."""
    for name, check in CHECKS.items():
        yield from findings(name, check, settings)
