"""Look into a store, or spoil it, in plain SQL with ``?`` for parameters, whichever database it is."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any

TABLES = [
    "threads",
    "runs",
    "leases",
    "journal",
    "texts",
    "interrupts",
    "checkpoints",
    "servers",
    "workers",
    "inbox",
    "kernels",
    "grants",
    "rules",
    "audit",
    "spending",
    "reservations",
    "budgets",
    "outbox",
    "webhooks",
]


def peek(tx: Any, sql: str, *params: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement in a body's transaction; none for a statement that returns none."""
    connection = tx._connection
    if isinstance(connection, sqlite3.Connection):
        return [tuple(row) for row in connection.execute(sql, params)]
    connection.execute(f'SET LOCAL search_path = "{tx.schema}"', prepare=False)
    numbers = itertools.count(1)
    told = re.sub(r"\?", lambda found: f"${next(numbers)}", sql)
    cursor = connection.execute(told, list(params) or None, prepare=False, binary=bool(params))
    return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


def does(sql: str, *params: Any) -> Callable[[Any], Coroutine[Any, Any, list[tuple[Any, ...]]]]:
    """A body that executes one statement."""

    async def body(tx: Any) -> list[tuple[Any, ...]]:
        return peek(tx, sql, *params)

    return body


async def dump(tx: Any) -> str:
    """All that the store holds, as text."""
    rows = [row for table in TABLES for row in peek(tx, f"SELECT * FROM {table}")]  # noqa: S608
    return "\n".join(_text(value) for row in rows for value in row)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


async def kind_of(database: Any) -> type[Any]:
    """The class of a database's transactions."""

    async def body(tx: Any) -> type[Any]:
        return type(tx)

    return await database.read(body)
