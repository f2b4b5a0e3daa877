"""An older schema that is upgraded is the newest one, and keeps its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from lobu_jupyter.store.database import open_database
from lobu_jupyter.store.postgres.address import parse
from lobu_jupyter.store.queries import Scripts
from tests import postgres

pytestmark = pytest.mark.processes

SIXTH = (Path(__file__).parent / "schema_6.sql").read_text()  # whole, as version 6 was released

SHAPE = """
SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default FROM information_schema.columns
 WHERE table_schema = %(schema)s
UNION ALL
SELECT tablename, indexname, replace(indexdef, %(schema)s, ''), NULL, NULL, NULL FROM pg_indexes WHERE schemaname = %(schema)s
"""


async def made(address: str, scripts: Scripts | None = None) -> None:
    await (await open_database(address, scripts=scripts)).close()


def ask(address: str, sql: str, **params: Any) -> list[tuple[Any, ...]]:
    to = parse(address)
    with psycopg.connect(to.conninfo, autocommit=True) as connection:
        connection.execute(f'SET search_path = "{to.schema}"')
        cursor = connection.execute(sql, {"schema": to.schema, **params})  # pyright: ignore[reportArgumentType, reportCallIssue]
        return cursor.fetchall() if cursor.description else []


def shape(address: str) -> set[tuple[Any, ...]]:
    schema = parse(address).schema
    return {tuple(str(value).replace(schema, "") for value in row) for row in ask(address, SHAPE)}


async def test_a_schema_of_version_6_becomes_the_newest_and_keeps_its_rules() -> None:
    old, new = postgres.new_store(), postgres.new_store()
    await made(old, Scripts(schema=SIXTH, steps={}, version=6))
    ask(old, "INSERT INTO rules VALUES ('ada', 'a.ipynb', '{}')")

    await made(old)
    await made(new)

    assert shape(old) == shape(new)
    assert ask(old, "SELECT owner, place, notebook_path, rules FROM rules") == [("ada", "", "a.ipynb", "{}")]
