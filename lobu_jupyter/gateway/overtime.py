"""Runs that take longer than their limits in seconds allow. The sweeper ends them, whatever their agent is doing.

A person's own limit asks instead, if the run's agent asks before each request to a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobu_jupyter.gateway.runs.end import fail_run
from lobu_jupyter.gateway.runs.spending import root_of, spent_by
from lobu_jupyter.model.budget import over
from lobu_jupyter.model.runs import ErrorCode

from .budgets import own_limits

if TYPE_CHECKING:
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

SECONDS = ".seconds"


async def overtime(ctx: Context) -> list[str]:
    """Return the running runs that are over a limit in seconds."""

    async def body(tx: Tx) -> list[str]:
        rows = await tx.all("limited_runs", pool=ctx.settings.pool)
        return [row["run_id"] for row in rows if await _reached(ctx, tx, row) is not None]

    return await ctx.database.read(body)


async def end_overtime(ctx: Context, run_id: str) -> bool:
    """End the run, if it is still over its limit."""

    async def body(tx: Tx) -> bool:
        await tx.lock_thread_of(run_id)
        rows = [
            row for row in await tx.all("limited_runs", pool=ctx.settings.pool) if row["run_id"] == run_id
        ]
        why = await _reached(ctx, tx, rows[0]) if rows else None
        return why is not None and await fail_run(ctx, tx, run_id, ErrorCode.BUDGET_EXCEEDED, why)

    return await ctx.database.write(body)


async def _reached(ctx: Context, tx: Tx, row: Row) -> str | None:
    """Return what to say of the limit that the run is over, None if it is over none."""
    server = {n: v for n, v in ctx.settings.budgets.limits().items() if n.endswith(SECONDS)}
    own: dict[str, int] = {}
    if not row["told"]:
        own = {n: v for n, v in (await own_limits(tx, row["owner"])).limits().items() if n.endswith(SECONDS)}
    if not server and not own:
        return None
    root = await root_of(tx, row["run_id"])
    spent = await spent_by(ctx, tx, row["owner"], run_id=row["run_id"], root=root, thread_id=row["thread_id"])
    for limits, mine in ((server, False), (own, True)):
        for name, limit in limits.items():
            used = spent[name.partition(".")[0]].seconds
            if used >= limit:
                return over(name, used, limit, own=mine)
    return None
