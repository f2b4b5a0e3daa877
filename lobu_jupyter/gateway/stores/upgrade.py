"""`lobu store upgrade`: bring a store to the version that this lobu_jupyter needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.errors import StoreUnavailable
from lobu_jupyter.store.database import find_version, known_version

from .opened import opened

if TYPE_CHECKING:
    from pathlib import Path


async def upgrade_store(where: str | Path) -> dict[str, Any]:
    """Upgrade a store and return ``{store, before, version}``.

    Raises:
        StoreUnavailable: there is no store, or older servers still use it.
    """
    before = await find_version(where)
    if before is None:
        raise StoreUnavailable("There is no lobu store yet. The first server that uses it makes it.")
    async with opened(where) as database:
        return {"store": database.name, "before": before, "version": max(before, known_version(where))}
