"""Opening a store that must not be changed by that: it exists, and has the version that this lobu_jupyter knows."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lobu_jupyter.gateway.servers import lives
from lobu_jupyter.model.errors import StoreTooNew, StoreUnavailable
from lobu_jupyter.store.database import Database, find_version, known_version, name_of, open_database

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from lobu_jupyter.store.tx import Row, Tx


@asynccontextmanager
async def opened(where: str | Path, *, copying: bool = False) -> AsyncGenerator[Database]:
    """Yield an open store, and close it."""
    database = await open_database(where, copying=copying)
    try:
        yield database
    finally:
        await database.close()


async def check_version(where: str | Path) -> int:
    """Return the version of a store that this lobu_jupyter can open without changing it.

    Raises:
        StoreUnavailable: there is no store, or it has to be upgraded first.
        StoreTooNew: a newer lobu_jupyter made it.
    """
    found, known = await find_version(where), known_version(where)
    if found is None:
        raise StoreUnavailable(f"There is no lobu store at {name_of(where)}.")
    if found > known:
        raise StoreTooNew(
            f"The lobu store {name_of(where)} has version {found}, and this lobu_jupyter knows {known}. Upgrade lobu_jupyter."
        )
    if found < known:
        raise StoreUnavailable(
            f"The lobu store {name_of(where)} has version {found}, and this lobu_jupyter needs {known}. "
            "Run `lobu store upgrade` first."
        )
    return found


async def living_servers(database: Database) -> list[str]:
    """Return the hosts of the servers that use a store now."""

    async def look(tx: Tx) -> list[Row]:
        return await tx.all("servers", server_id="")

    now, one_machine = time.time() + database.engine.clock_offset, database.one_machine
    return [row["host"] for row in await database.read(look) if lives(row, now, one_machine=one_machine)]
