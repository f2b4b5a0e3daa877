"""Whole tables of a store, for copies and checks: read in pages by their keys, and written as they were read.

Both databases have the same tables, and the same columns but for some that one of them derives (``leases.last``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from .queries import load_scripts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .queries import Kind
    from .tx import Row, Tx

PAGE_ROWS = 500
PAGE_BYTES = 4 * 1024 * 1024  # of a page with more than one row

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class StoreTable:
    """A table.

    Args:
        texts: the columns that may be long.
        counts: whether the database numbers its rows.
        keeps: whether SQLite remembers the highest number of rows that are gone.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    texts: tuple[str, ...]
    counts: bool
    keeps: bool


@cache
def tables() -> tuple[StoreTable, ...]:
    """Return all tables of the schema, with the columns that both databases have."""
    here, there = _bodies("sqlite"), _bodies("postgres")
    return tuple(_table(name, here[name], there[name]) for name in there)


def _bodies(kind: Kind) -> dict[str, str]:
    found = re.findall(
        r"^CREATE TABLE (\w+) \(\n(.*?)\n\)", load_scripts(kind).schema, flags=re.DOTALL | re.MULTILINE
    )
    return dict(found)


def _table(name: str, here: str, there: str) -> StoreTable:
    """Return a table by what stands between its brackets in SQLite's schema and in PostgreSQL's."""
    columns = dict(re.findall(r"^  ([a-z_]+) +([A-Z]+)", there, flags=re.MULTILINE))
    types = {column: columns[column] for column in _columns(here) if column in columns}
    alone = re.search(r"^  ([a-z_]+) +[A-Z].*PRIMARY KEY", there, flags=re.MULTILINE)
    several = re.search(r"^  PRIMARY KEY \((.+)\)", there, flags=re.MULTILINE)
    key = (alone[1],) if alone else tuple(several[1].split(", ")) if several else ()
    assert key, f"the table {name} has a primary key"
    texts = tuple(column for column, kind in types.items() if kind in ("TEXT", "BYTEA"))
    counts = types[key[0]] == "BIGINT" and len(key) == 1
    return StoreTable(name, tuple(types), key, texts, counts, "AUTOINCREMENT" in here)


def _columns(body: str) -> list[str]:
    return re.findall(r"^  ([a-z_]+) +[A-Z]", body, flags=re.MULTILINE)


def columns_of(row: Row) -> dict[str, Any]:
    """Return a row as a dictionary."""
    return {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row is no mapping


async def read_rows(tx: Tx, kind: Kind, table: StoreTable, after: Key | None) -> list[Row]:
    """Return the next rows in the order of the key: at most 500, and 4 MB if there is more than one."""
    key, bound = ", ".join(table.key), dict(zip(table.key, after or (), strict=after is not None))
    past = f" WHERE ({key}) > ({', '.join(f':{name}' for name in table.key)})" if after is not None else ""
    length = (
        "coalesce(octet_length({0}), 0)" if kind == "postgres" else "coalesce(length(CAST({0} AS BLOB)), 0)"
    )
    size = " + ".join(length.format(name) for name in table.texts)
    ends = f" FROM {table.name}{past} ORDER BY {key} LIMIT :most"
    count = total = 0
    for row in await tx.ask(f"SELECT {size} AS size{ends}", **bound, most=PAGE_ROWS):
        total += row["size"]
        if count and total > PAGE_BYTES:
            break
        count += 1
    return await tx.ask(f"SELECT {', '.join(table.columns)}{ends}", **bound, most=count) if count else []


def key_of(table: StoreTable, row: Row) -> Key:
    """Return a row's key, to read on after it."""
    return tuple(row[name] for name in table.key)


async def write_rows(tx: Tx, table: StoreTable, rows: Sequence[Row]) -> None:
    """Insert rows as they are."""
    values = ", ".join(f":{name}" for name in table.columns)
    statement = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({values})"  # noqa: S608
    await tx.run_each(statement, [columns_of(row) for row in rows])


async def occupied(tx: Tx) -> list[str]:
    """Return the names of the tables that have rows."""
    return [table.name for table in tables() if await tx.ask(f"SELECT 1 AS one FROM {table.name} LIMIT 1")]  # noqa: S608


async def highest(tx: Tx, kind: Kind, table: StoreTable) -> int:
    """Return the highest number that this table's key has had, also in rows that are gone."""
    (key,) = table.key
    found = await tx.ask(f"SELECT coalesce(max({key}), 0) AS high FROM {table.name}")  # noqa: S608
    given = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS high FROM {0}.{1}_{2}_seq"
    if kind == "postgres":
        found += await tx.ask(given.format(f'"{tx.schema}"', table.name, key))
    else:
        found += await tx.ask("SELECT seq AS high FROM sqlite_sequence WHERE name = :name", name=table.name)
    return max(row["high"] for row in found)


async def settle(tx: Tx, kind: Kind, high: dict[str, int]) -> None:
    """Give new rows higher numbers than `high`, and derive what only this database has."""
    for table in tables():
        number = high.get(table.name, 0)
        if kind == "postgres" and number:
            sequence = f"{tx.schema}.{table.name}_{table.key[0]}_seq"
            statement = "SELECT setval(CAST(:sequence AS REGCLASS), :number)"
            await tx.ask(statement, sequence=sequence, number=number)
        elif kind == "sqlite" and table.keeps:
            await tx.ask("DELETE FROM sqlite_sequence WHERE name = :name", name=table.name)
            await tx.ask(
                "INSERT INTO sqlite_sequence VALUES (:name, :number)", name=table.name, number=number
            )
    if kind == "postgres":
        await tx.ask(
            "UPDATE leases SET last = coalesce((SELECT max(j.last) FROM journal j WHERE j.thread = leases.thread), 0)"
        )
