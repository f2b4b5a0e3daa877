"""A transaction: the named queries on one connection, and the actions that follow its commit."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from .queries import QUERIES

if TYPE_CHECKING:
    from collections.abc import Callable

Row = sqlite3.Row


class Tx:
    """The transaction of a ``Database.write`` or ``read`` body, its only awaitable. Its calls never suspend."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.wakes: set[str] = set()
        self.afters: list[Callable[[], None]] = []

    async def one(self, query: str, **params: Any) -> Row | None:
        """Return the first row of a query, or None. A guarded UPDATE returns a row if this call won."""
        rows = self._connection.execute(QUERIES[query], params).fetchall()
        return rows[0] if rows else None

    async def all(self, query: str, **params: Any) -> list[Row]:
        return self._connection.execute(QUERIES[query], params).fetchall()

    async def run(self, query: str, **params: Any) -> int:
        """Execute a statement and return the number of rows that it changed."""
        return self._connection.execute(QUERIES[query], params).rowcount

    def wake(self, topic: str) -> None:
        """Wake the listeners of `topic` once this transaction is committed."""
        self.wakes.add(topic)

    def after(self, action: Callable[[], None]) -> None:
        """Call `action` on the event loop after the commit, and never if the body is rolled back."""
        self.afters.append(action)
