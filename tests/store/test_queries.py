"""Every named query compiles, binds only what it names, and searches by index."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

import pytest

from lobu_jupyter.store.sqlite.scripts import QUERIES, SCRIPTS

SCHEMA = SCRIPTS.schema

SMALL = {"servers", "workers", "kernels", "leases"}  # tables of a few rows
SCANNED = {
    "move_notebook": {"threads"},  # a rename by a person
    "move_rules": {"rules"},
    "move_grants": {"grants"},
    "end_grants": {"grants", "threads"},  # a deletion by a person
    "end_rules": {"rules"},
    "idle_threads": {"threads"},  # retention, every ten minutes
    "foreign_bytes": {"threads"},
    "settle_threads": {"threads"},  # a start
    "settle_grants": {"grants"},
    "settle_rules": {"rules"},
    "used_bytes": {"pragma_page_count", "pragma_freelist_count", "pragma_page_size"},
}


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    yield connection
    connection.close()


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_a_query_compiles_and_uses_an_index(connection: sqlite3.Connection, name: str) -> None:
    query = QUERIES[name]
    params = dict.fromkeys(re.findall(r":(\w+)", query), 1)

    plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + query, params)]

    for step in plan:
        scanned = re.fullmatch(r"SCAN (\w+)(?: VIRTUAL TABLE.*)?", step)
        table = _table(query, scanned[1]) if scanned else None
        if table == "texts_index":  # FTS5 is a scan in any case; L says that it looks the pattern up
            assert step.endswith(":L0"), plan
            continue
        assert table is None or table in SMALL | SCANNED.get(name, set()), plan


def _table(query: str, alias: str) -> str | None:
    """The table behind an alias; None for a subquery, a function, or a common table expression: its own steps are in the plan."""
    if alias in re.findall(r"CREATE (?:VIRTUAL )?TABLE (\w+)", SCHEMA):
        return alias
    found = re.search(rf"(?:FROM|JOIN) (\w+) {alias}\b", query)
    return found[1] if found and f"{found[1]} AS (" not in query else None


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_a_query_says_in_a_sentence_what_it_is_for(name: str) -> None:
    assert re.match(r"-- [A-Z`].*[.:]?\n", QUERIES[name])


def test_every_query_is_used() -> None:
    from pathlib import Path

    import lobu_jupyter.gateway

    code = "".join(p.read_text() for p in Path(lobu_jupyter.gateway.__file__ or "").parent.rglob("*.py"))

    assert [name for name in QUERIES if f'"{name}"' not in code] == []
