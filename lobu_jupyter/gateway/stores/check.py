"""`lobu store check`: whether a store can be used, and whether all that it holds fits together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .opened import check_version, living_servers, opened
from .threads import BrokenJournal, state_of, threads_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lobu_jupyter.store.database import Database
    from lobu_jupyter.store.tx import Row, Tx

MOST = 100  # problems that are told
_ENDED = ("succeeded", "interrupted", "cancelled", "failed")


async def check_store(where: str | Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Read all of a store and return ``{store, kind, version, servers, threads, runs, problems}``. Changes nothing.

    A store may be checked while servers use it.

    Raises:
        StoreUnavailable: it cannot be used. The message says why and what to do.
    """
    version = await check_version(where)
    async with opened(where) as database:
        say(f"{database.name}, version {version}")
        found: dict[str, Any] = {
            "store": database.name,
            "kind": database.engine.kind,
            "version": version,
            "servers": len(await living_servers(database)),
        }
        problems = await _damage(database)
        threads = runs = 0
        async for thread in threads_of(database):
            count, wrong = await _check_thread(database, thread["thread_id"])
            threads, runs = threads + 1, runs + count
            problems += wrong
        problems += await _check_leases(database)
        left = [f"and {len(problems) - MOST} more"] if len(problems) > MOST else []
        return {**found, "threads": threads, "runs": runs, "problems": problems[:MOST] + left}


async def _damage(database: Database) -> list[str]:
    """Return what SQLite finds wrong in its file. PostgreSQL has tools of its own (amcheck, checksums)."""
    if database.engine.kind != "sqlite":
        return []

    async def body(tx: Tx) -> list[Row]:
        return await tx.ask("PRAGMA integrity_check(20)")

    return [row[0] for row in await database.read(body) if row[0] != "ok"]


async def _check_thread(database: Database, thread_id: str) -> tuple[int, list[str]]:
    """Compare a thread's rows with the fold of its journal. Returns its runs, and what is wrong."""
    for last in (False, True):
        runs, asked = await _rows(database, thread_id)
        try:
            state = await state_of(database, thread_id)
        except BrokenJournal as error:
            return len(runs), [f"thread {thread_id}: {error}"]
        wrong = _compare(thread_id, runs, asked, state)
        if last or not wrong or (runs, asked) == await _rows(database, thread_id):
            return len(runs), wrong
    raise AssertionError("the second look returns")


async def _rows(database: Database, thread_id: str) -> tuple[dict[str, str], set[str]]:
    """Return the status of each run of a thread, and its open questions."""

    async def body(tx: Tx) -> tuple[list[Row], list[Row]]:
        runs = await tx.ask(
            "SELECT run_id, status FROM runs WHERE thread_id = :thread_id", thread_id=thread_id
        )
        asked = await tx.ask(
            "SELECT interrupt_id FROM interrupts WHERE thread_id = :thread_id AND status = 'open'",
            thread_id=thread_id,
        )
        return runs, asked

    runs, asked = await database.read(body)
    return {row["run_id"]: row["status"] for row in runs}, {row["interrupt_id"] for row in asked}


def _compare(thread_id: str, runs: dict[str, str], asked: set[str], state: dict[str, Any]) -> list[str]:
    folded = {run["runId"]: run["status"] for run in state["runs"]}
    wrong = [
        f"thread {thread_id}: run {run_id} is {status}, and its journal says {folded.get(run_id, 'nothing')}"
        for run_id, status in runs.items()
        if status != "queued" and folded.get(run_id) != status
    ]
    seen = {question["id"] for question in state["interrupts"]}
    if seen != asked:
        wrong.append(f"thread {thread_id}: the open questions {sorted(seen ^ asked)} are not in both")
    return wrong


async def _check_leases(database: Database) -> list[str]:
    """Return the runs that nobody would end: running ones without a lease, and leases without such a run."""

    async def body(tx: Tx) -> list[Row]:
        return await tx.ask(
            "SELECT r.run_id, 'has no lease' AS wrong FROM runs r WHERE r.status = 'running'"
            " AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.run_id = r.run_id)"
            " UNION ALL SELECT l.run_id, 'has a lease and does not run' FROM leases l"
            " WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_id = l.run_id AND r.status = 'running')"
        )

    return [f"run {row['run_id']} {row['wrong']}" for row in await database.read(body)]
