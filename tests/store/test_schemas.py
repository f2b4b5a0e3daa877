"""The two databases hold the same tables with the same columns, and answer to the same names."""

from __future__ import annotations

import re

import pytest

from lobu_jupyter.store.queries import load_queries, load_scripts, own_queries
from tests.peek import TABLES

LOCKS = {"lock_owner", "lock_thread", "lock_run", "lock_lease", "lock_kernel"}
FAST_ROAD = {"append_batches"}
ONLY_SQLITE = {("texts", "number")}  # its index names a text by a number
ONLY_POSTGRES = {("leases", "last")}  # SQLite finds the end of a journal in no time, under its one writer


def columns(schema: str) -> set[tuple[str, str]]:
    tables = re.findall(r"^CREATE TABLE (\w+) \(\n(.*?)\n\)", schema, flags=re.DOTALL | re.MULTILINE)
    return {
        (table, line.split()[0])
        for table, body in tables
        for line in body.splitlines()
        if re.match(r"  [a-z_]+ +[A-Z]", line)
    }


def test_the_schemas_have_the_same_tables_and_columns() -> None:
    sqlite, postgres = columns(load_scripts("sqlite").schema), columns(load_scripts("postgres").schema)

    assert postgres - ONLY_POSTGRES == sqlite - ONLY_SQLITE
    assert postgres >= ONLY_POSTGRES
    assert sqlite >= ONLY_SQLITE
    assert {table for table, _ in sqlite} == set(TABLES)


def test_the_schemas_have_the_same_version_and_each_step_has_its_twin() -> None:
    sqlite, postgres = load_scripts("sqlite"), load_scripts("postgres")

    assert sqlite.version == postgres.version == max([1, *sqlite.steps])
    assert sorted(postgres.steps) == [step for step in sorted(sqlite.steps) if step > 6]


def test_the_databases_have_the_same_queries_but_for_the_locks() -> None:
    assert set(load_queries("postgres")) - set(load_queries("sqlite")) == LOCKS | FAST_ROAD
    assert set(load_queries("sqlite")) <= set(load_queries("postgres"))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_query_that_stands_twice_is_not_the_same_text(kind: str) -> None:
    """What both understand stands once, in store/queries.sql."""
    other = load_queries("postgres" if kind == "sqlite" else "sqlite")

    assert [name for name, text in own_queries(kind).items() if other.get(name) == text] == []
