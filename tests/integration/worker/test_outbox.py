"""The outbox of the publishers' page, as it is printed there."""

from __future__ import annotations

import asyncio
import re

import orjson
import psycopg
import pytest
from nats.errors import Error as NatsError

from dataflow.jobs.job import parse_job
from docs.examples.outbox import relay
from tests.builders import photo
from tests.fixtures.letters import Letters
from tests.fixtures.recording import Records
from tests.places import REPOSITORY
from tests.world import jetstream

DOCS = REPOSITORY / "docs"
TABLE, QUESTION = re.findall(
    r"```sql\n(.*?)```", (DOCS / "producers.md").read_text(encoding="utf-8"), re.DOTALL
)


@pytest.fixture
def outbox(records: Records) -> Records:
    """Two photos, each with its job, in one transaction."""
    records.run(TABLE)
    records.add_photos(1, 2)
    records.run("insert into photo_jobs (photo_id, image_ref) select id, id || '.jpg' from photos")
    return records


def run(outbox: Records, letters: Letters, subject: str | None = None) -> int:
    async def once() -> int:
        dsn = outbox.settings.dsn.get_secret_value()
        async with (
            await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection,
            jetstream(letters.settings) as js,
        ):
            return await relay(connection, js, subject or letters.settings.subject)

    return asyncio.run(once())


def test_a_relay_sends_what_the_worker_takes_and_then_forgets_it(
    outbox: Records, letters: Letters
) -> None:
    assert run(outbox, letters) == 2
    assert {parse_job(job).photo_id for job in letters.jobs()} == {photo(1), photo(2)}
    assert run(outbox, letters) == 0


def test_a_relay_that_is_not_confirmed_forgets_nothing(outbox: Records, letters: Letters) -> None:
    with pytest.raises(NatsError):
        run(outbox, letters, "nobody.listens")
    assert run(outbox, letters) == 2


def test_a_relay_that_died_after_the_confirmation_publishes_nothing_twice(
    outbox: Records, letters: Letters
) -> None:
    outbox.run("create table kept as table photo_jobs")
    run(outbox, letters)
    outbox.run("insert into photo_jobs table kept")
    assert run(outbox, letters) == 2
    assert len({orjson.loads(job)["job_id"] for job in letters.jobs()}) == len(letters.jobs()) == 2


def test_the_question_for_a_report_names_photos_without_an_outcome(outbox: Records) -> None:
    outbox.run("update photos set created_at = now() - interval '2 hours' where id = %s", photo(1))
    assert [row["id"] for row in outbox.run(QUESTION)] == [photo(1)]
