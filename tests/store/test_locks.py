"""One order of locks for all bodies, checked in every test on either database."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import lobu_jupyter.gateway
from lobu_jupyter.store.database import open_database
from lobu_jupyter.store.tx import Tx

Lock = Callable[[Tx], Awaitable[None]]
OWNER: Lock = lambda tx: tx.lock_owner("o")  # noqa: E731
THREAD: Lock = lambda tx: tx.lock_threads("t")  # noqa: E731
OTHER: Lock = lambda tx: tx.lock_threads("u")  # noqa: E731
LEASE: Lock = lambda tx: tx.lock_leases("t")  # noqa: E731
KERNEL: Lock = lambda tx: tx.lock_kernel("k")  # noqa: E731


async def take(folder: Path, *locks: Lock) -> None:
    database = await open_database(folder / "lobu.sqlite")

    async def body(tx: Tx) -> None:
        for lock in locks:
            await lock(tx)

    try:
        await database.write(body)
    finally:
        await database.close()


@pytest.mark.parametrize(
    "locks",
    [
        (OWNER, THREAD, LEASE, KERNEL),
        (THREAD, LEASE, THREAD, LEASE),
        (OWNER, KERNEL, KERNEL),
    ],
)
async def test_the_order_is_owner_threads_leases_kernels(tmp_path: Path, locks: tuple[Lock, ...]) -> None:
    await take(tmp_path, *locks)


@pytest.mark.parametrize(
    "locks",
    [
        (THREAD, OWNER),
        (THREAD, OTHER),  # all threads at once, else two bodies may take two in two orders
        (THREAD, LEASE, OTHER),
        (LEASE,),
        (THREAD, KERNEL, LEASE),
    ],
)
async def test_any_other_order_raises_in_tests(tmp_path: Path, locks: tuple[Lock, ...]) -> None:
    with pytest.raises(AssertionError):
        await take(tmp_path, *locks)


def test_the_tests_check_it() -> None:
    assert Tx.strict


def test_every_body_that_ends_begins_or_settles_takes_a_lock() -> None:
    """A new rule that appends, ends, begins or settles is called under a lock: `append` asks for it, in every test."""
    journal = Path(lobu_jupyter.gateway.__file__ or "").parent / "journal" / "journal.py"

    assert re.search(r"async def append\(.*?await tx\.lock_leases", journal.read_text(), flags=re.DOTALL)
