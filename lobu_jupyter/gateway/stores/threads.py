"""The threads of a whole store, each folded from its journal as a reader would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.gateway.journal.journal import ALL, read_page
from lobu_jupyter.model.fold import empty, fold
from lobu_jupyter.store.tables import Key, key_of, read_rows, tables

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from lobu_jupyter.store.database import Database
    from lobu_jupyter.store.tables import StoreTable
    from lobu_jupyter.store.tx import Row, Tx

_PAGE_EVENTS = 2000
_PAGE_BYTES = 1024 * 1024


class BrokenJournal(Exception):
    """A journal that cannot be folded."""


async def rows_of(database: Database, table: StoreTable) -> AsyncGenerator[Row]:
    """Yield all rows of a table in the order of its key."""
    after: Key | None = None
    while True:

        async def page(tx: Tx, after: Key | None = after) -> list[Row]:
            return await read_rows(tx, database.engine.kind, table, after)

        rows = await database.read(page)
        if not rows:
            return
        for row in rows:
            yield row
        after = key_of(table, rows[-1])


async def threads_of(database: Database) -> AsyncGenerator[Row]:
    """Yield all threads, also those that are deleted and not purged yet."""
    async for thread in rows_of(database, table_of("threads")):
        yield thread


def table_of(name: str) -> StoreTable:
    """Return a table by its name."""
    return next(table for table in tables() if table.name == name)


async def state_of(database: Database, thread_id: str) -> dict[str, Any]:
    """Return the fold of a thread's whole journal.

    Raises:
        BrokenJournal: events are missing or cannot be read.
    """
    state, position = empty(), 0
    while True:

        async def page(tx: Tx, after: int = position) -> Any:
            return await read_page(tx, thread_id, after, ALL, max_events=_PAGE_EVENTS, max_bytes=_PAGE_BYTES)

        entries, end = await database.read(page)
        if end == position:
            return state
        if [entry.seq for entry in entries] != list(range(position + 1, end + 1)):
            raise BrokenJournal(f"events are missing between {position + 1} and {end}")
        try:
            state = fold(entries, state)
        except Exception as error:
            raise BrokenJournal(f"the events {position + 1} to {end} cannot be folded: {error}") from error
        position = end
