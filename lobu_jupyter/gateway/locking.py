"""The locks of a body that changes many threads: all at once, and checked again once no more can come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobu_jupyter.store.bodies import Again

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lobu_jupyter.store.tx import Row, Tx


async def lock_all(tx: Tx, *found: Iterable[Row]) -> set[str]:
    """Lock the threads of these rows with their leases, and return the threads."""
    threads = {row["thread_id"] for rows in found for row in rows}
    await tx.lock_threads(*threads)
    await tx.lock_leases(*threads)
    return threads


def check_locked(locked: set[str], *found: Iterable[Row]) -> None:
    """Check that all rows are of locked threads.

    Raises:
        Again: another server has added one meanwhile. The body runs again and finds it at once.
    """
    if any(row["thread_id"] not in locked for rows in found for row in rows):
        raise Again
