"""A copy of a store that is being made: the mark in its target, and how far it has come.

The mark is a table of its own, ``lobu_copy``. While it is there, no server opens the target.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .tables import Key, tables

if TYPE_CHECKING:
    from .queries import Kind
    from .tx import Tx

MARK = "lobu_copy"
UNFINISHED = "The lobu store {0} is a copy that is not finished. Run the same `lobu store copy` again to finish it, or remove it."


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a copy. All tables before ``table`` are whole, and that one up to its row ``after``."""

    source: str
    table: int = 0
    after: Key | None = None

    @property
    def whole(self) -> bool:
        """Return whether all tables are copied."""
        return self.table >= len(tables())


async def begin(tx: Tx, source: str) -> Progress:
    """Mark the target, which is empty."""
    await tx.ask("CREATE TABLE lobu_copy (source TEXT NOT NULL, place TEXT NOT NULL)")
    await tx.ask(
        "INSERT INTO lobu_copy (source, place) VALUES (:source, :place)", source=source, place="[0, null]"
    )
    return Progress(source)


async def move_on(tx: Tx, table: int, after: Key | None) -> None:
    """Record how far the copy has come, in the transaction that copies."""
    await tx.ask("UPDATE lobu_copy SET place = :place", place=json.dumps([table, after]))


async def progress(tx: Tx) -> Progress:
    """Return how far the copy has come."""
    (row,) = await tx.ask("SELECT source, place FROM lobu_copy")
    table, after = json.loads(row["place"])
    return Progress(row["source"], table, None if after is None else tuple(after))


async def finish(tx: Tx) -> None:
    """Take the mark away, so that servers may open the store."""
    await tx.ask("DROP TABLE lobu_copy")


async def is_marked(tx: Tx, kind: Kind) -> bool:
    """Return whether the store is a copy that is not finished."""
    if kind == "sqlite":
        found = await tx.ask("SELECT 1 AS one FROM sqlite_master WHERE name = 'lobu_copy'")
    else:
        found = await tx.ask(
            "SELECT 1 AS one FROM pg_tables WHERE schemaname = :schema AND tablename = 'lobu_copy'",
            schema=tx.schema,
        )
    return bool(found)
