"""The queries that README and pages show run on the tables that they are about."""

from __future__ import annotations

import re

from tests.fixtures.recording import Records
from tests.places import REPOSITORY

QUERY = re.compile(r"```sql\n(select .*?);\n```", re.DOTALL)


def test_every_query_of_a_page_runs(records: Records) -> None:
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]
    queries = [query for page in pages for query in QUERY.findall(page.read_text(encoding="utf-8"))]

    assert len(queries) >= 5
    for query in queries:
        records.run("explain " + query.replace("%", "%%").replace("'…'", "null"))
