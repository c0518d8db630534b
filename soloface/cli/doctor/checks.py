"""What is examined, in this order."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from dataflow.settings import Settings
from soloface.cli.doctor import held, nats, people, postgres, requests, store
from soloface.cli.doctor.finding import Check, Finding, findings

CHECKS: dict[str, Check] = {
    "nats": nats.consumer,
    "held jobs": held.held,
    "people": requests.requests,
    "postgres": postgres.server,
    "schema": postgres.schema,
    "rights": postgres.rights,
    "object store": store.store,
    "model": people.pack,
    "gallery": people.gallery,
}


def examine(settings: Settings, image_ref: str | None = None) -> Iterator[Finding]:
    """Run every check; one that fails does not keep the others from running.

    ``image_ref`` is the object to read, by default a recent photo's.
    """
    checks = CHECKS | {"object store": partial(store.store, image_ref=image_ref)}
    for name, check in checks.items():
        yield from findings(name, check, settings)
