"""A transaction: the named queries on one connection, and what is to happen once it is durable."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from .queries import QUERIES

if TYPE_CHECKING:
    from collections.abc import Callable

Row = sqlite3.Row


class Tx:
    """What a body of ``Database.write`` or ``read`` may await; its calls never suspend on SQLite."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.wakes: set[str] = set()
        self.afters: list[Callable[[], None]] = []

    async def one(self, query: str, **params: Any) -> Row | None:
        """The first row of a query, or None; of a guarded UPDATE: whether this call won."""
        rows = self._connection.execute(QUERIES[query], params).fetchall()
        return rows[0] if rows else None

    async def all(self, query: str, **params: Any) -> list[Row]:
        return self._connection.execute(QUERIES[query], params).fetchall()

    async def run(self, query: str, **params: Any) -> int:
        """Execute a statement; the number of rows that it changed."""
        return self._connection.execute(QUERIES[query], params).rowcount

    def wake(self, topic: str) -> None:
        """Once committed, wake those who listen to `topic`."""
        self.wakes.add(topic)

    def after(self, action: Callable[[], None]) -> None:
        """Once committed, call `action` on the event loop; never when the body is rolled back."""
        self.afters.append(action)
