"""The variables that lead to a test's servers."""

from __future__ import annotations

import secrets

from connectors.embedded import NatsServer, ObjectServer


def nats_variables(server: NatsServer) -> dict[str, str]:
    """Settings that lead to streams and a consumer of one's own."""
    tag = secrets.token_hex(6)
    return {
        "NATS__URL": server.url,
        "NATS__USER": server.user,
        "NATS__PASSWORD": server.password,
        "NATS__STREAM": f"JOBS_{tag}",
        "NATS__SUBJECT": f"jobs.{tag}",
        "NATS__DURABLE": f"worker_{tag}",
        "NATS__BACKFILL_SUBJECT": f"backfill.{tag}",
        "NATS__BACKFILL_DURABLE": f"backfill_{tag}",
        "NATS__SETTLED_STREAM": f"SETTLED_{tag}",
        "NATS__SETTLED_SUBJECT": f"settled.{tag}",
        "NATS__TAGS_STREAM": f"TAGS_{tag}",
        "NATS__TAGS_SUBJECT": f"tags.{tag}",
        "NATS__PEOPLE_STREAM": f"PEOPLE_{tag}",
        "NATS__PEOPLE_REQUESTED_SUBJECT": f"people.requested.{tag}",
        "NATS__PEOPLE_WITHDRAWN_SUBJECT": f"people.withdrawn.{tag}",
        "NATS__PEOPLE_DURABLE": f"people_{tag}",
        "NATS__PEOPLE_DEAD_STREAM": f"PEOPLE_DEAD_{tag}",
        "NATS__PEOPLE_DEAD_SUBJECT": f"people.dead.{tag}",
        "NATS__PEOPLE_SETTLED_STREAM": f"PEOPLE_SETTLED_{tag}",
        "NATS__PEOPLE_SETTLED_SUBJECT": f"people.settled.{tag}",
        "NATS__DEAD_STREAM": f"DEAD_{tag}",
        "NATS__DEAD_SUBJECT": f"dead.{tag}",
    }


def store_variables(server: ObjectServer) -> dict[str, str]:
    """Settings that lead to a bucket of one's own."""
    return {
        "STORE__ENDPOINT": server.endpoint,
        "STORE__SECURE": "false",
        "STORE__ACCESS_KEY": server.access_key,
        "STORE__SECRET_KEY": server.secret_key,
        "STORE__BUCKET": f"test-{secrets.token_hex(6)}",
        "STORE__BACKOFF_S": "0.1",
    }
