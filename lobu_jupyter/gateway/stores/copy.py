"""`lobu store copy`: copy a store to another database, in steps that survive a kill, and compare both.

Each step is a transaction in the target: some rows, and how far the copy has come. The memory that it needs does not
grow with the store. Nothing is written to the source.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.model.errors import Conflict, StoreUnavailable
from lobu_jupyter.store import copying
from lobu_jupyter.store.tables import (
    Key,
    columns_of,
    highest,
    key_of,
    occupied,
    read_rows,
    settle,
    tables,
    write_rows,
)

from .opened import check_version, living_servers, opened
from .threads import BrokenJournal, rows_of, state_of, threads_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lobu_jupyter.store.copying import Progress
    from lobu_jupyter.store.database import Database
    from lobu_jupyter.store.tables import StoreTable
    from lobu_jupyter.store.tx import Row, Tx

DIFFERS = (
    "The copy differs from its source: {}. The source was changed while it was copied. Remove the target, stop all servers, "
    "and copy again."
)


async def copy_store(source: str | Path, target: str | Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Copy all of `source` to `target`, or finish such a copy, and return ``{source, target, threads, rows}``.

    Args:
        say: called with each step, for a person.

    Raises:
        StoreUnavailable: one of them cannot be used or is in use, or the target has other rows.
        Conflict: the copy differs from its source.
    """
    await check_version(source)
    async with opened(source) as before, opened(target, copying=True) as after:
        if before.name == after.name:
            raise StoreUnavailable("A store cannot be copied to itself.")
        await _check_unused(before)
        progress = await _begin(before, after)
        say(
            f"from {before.name} to {after.name}"
            if progress.table == 0
            else "going on with the copy that is there"
        )
        rows = 0
        for number, table in enumerate(tables()):
            rows += await _copy_table(before, after, number, table, progress)
            say(f"{table.name}: copied")
        await _settle(before, after)
        threads = await _compare(before, after, say)
        await _check_unused(before)
        await after.write(copying.finish)
    return {"source": before.name, "target": after.name, "threads": threads, "rows": rows}


async def _check_unused(source: Database) -> None:
    if hosts := await living_servers(source):
        raise StoreUnavailable(
            f"The lobu store {source.name} is in use by {len(hosts)} servers ({', '.join(sorted(set(hosts)))}): stop them first."
        )


async def _begin(before: Database, after: Database) -> Progress:
    """Return how far the copy has come. Marks a new one."""

    async def body(tx: Tx) -> Progress:
        if await copying.is_marked(tx, after.engine.kind):
            return await copying.progress(tx)
        if found := await occupied(tx):
            raise StoreUnavailable(
                f"The lobu store {after.name} is not empty ({', '.join(found)}). Name another target."
            )
        return await copying.begin(tx, before.name)

    progress = await after.write(body)
    if progress.source != before.name:
        raise StoreUnavailable(
            f"The lobu store {after.name} is an unfinished copy of {progress.source}. Finish that, or name another target."
        )
    return progress


async def _copy_table(
    before: Database, after: Database, number: int, table: StoreTable, progress: Progress
) -> int:
    """Copy what is missing of a table, and return the number of rows that were copied now."""
    if number < progress.table:
        return 0
    position: Key | None = progress.after if number == progress.table else None
    count = 0
    while True:

        async def read(tx: Tx, position: Key | None = position) -> list[Row]:
            return await read_rows(tx, before.engine.kind, table, position)

        rows = await before.read(read)
        place = (number, key_of(table, rows[-1])) if rows else (number + 1, None)

        async def write(tx: Tx, rows: list[Row] = rows, place: tuple[int, Key | None] = place) -> None:
            if rows:
                await write_rows(tx, table, rows)
            await copying.move_on(tx, *place)

        await after.write(write)
        if not rows:
            return count
        position, count = place[1], count + len(rows)


async def _settle(before: Database, after: Database) -> None:
    async def read(tx: Tx) -> dict[str, int]:
        return {
            table.name: await highest(tx, before.engine.kind, table) for table in tables() if table.counts
        }

    high = await before.read(read)

    async def write(tx: Tx) -> None:
        await settle(tx, after.engine.kind, high)

    await after.write(write)


async def _compare(before: Database, after: Database, say: Callable[[str], None]) -> int:
    """Compare all rows, and what readers of each thread see. Returns the number of threads."""
    for table in tables():
        if await _digest(before, table) != await _digest(after, table):
            raise Conflict(DIFFERS.format(f"the rows of {table.name}"))
    say("all rows are the same")
    threads = 0
    async for thread in threads_of(before):
        thread_id, threads = thread["thread_id"], threads + 1
        if await _seen(before, thread_id) != await _seen(after, thread_id):
            raise Conflict(DIFFERS.format(f"thread {thread_id}"))
    say(f"{threads} threads read the same")
    return threads


async def _seen(database: Database, thread_id: str) -> Any:
    try:
        return await state_of(database, thread_id)
    except BrokenJournal as error:
        return str(error)  # a damaged thread is copied as it is


async def _digest(database: Database, table: StoreTable) -> bytes:
    """Return a hash of all rows. PostgreSQL holds no NUL, so that counts as what it keeps in its place."""
    digest = hashlib.sha256()
    async for row in rows_of(database, table):
        values = [
            value.replace("\0", "\ufffd") if isinstance(value, str) else value
            for value in columns_of(row).values()
        ]
        digest.update(msgspec.msgpack.encode(values))
    return digest.digest()
