"""Runs read one by one and listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobu_jupyter.gateway.access import own_run, own_thread, owner_of, scope_of
from lobu_jupyter.gateway.rows import run_of
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.requests import RunsQuery
from lobu_jupyter.model.runs import RunInfo, RunStatus

if TYPE_CHECKING:
    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.store.tx import Row, Tx

MAX_PAGE = 500


async def get_run(ctx: Context, by: Caller, run_id: str) -> RunInfo:
    """Return one run."""

    async def body(tx: Tx) -> Row:
        return await own_run(tx, by, run_id)

    return run_of(await ctx.database.read(body))


async def list_runs(ctx: Context, by: Caller, query: RunsQuery = RunsQuery()) -> list[RunInfo]:
    """Return the caller's runs, newest first."""
    owner = owner_of(by)
    if query.status is not None and query.status not in frozenset(RunStatus):
        raise InvalidField(f"must be one of {', '.join(RunStatus)}", field="status")
    if not 1 <= query.limit <= MAX_PAGE:
        raise InvalidField(f"must be 1 to {MAX_PAGE}", field="limit")

    async def body(tx: Tx) -> list[Row]:
        if query.thread_id is not None:
            await own_thread(tx, by, query.thread_id)
        return await tx.all(
            "list_runs",
            owner=owner,
            thread_id=query.thread_id,
            status=query.status,
            limit=query.limit,
            **scope_of(by),
        )

    return [run_of(row) for row in await ctx.database.read(body)]


async def running(ctx: Context) -> list[str | None]:
    """Return the kernel (or None) of each run on this server, over all owners, for its activity."""

    async def body(tx: Tx) -> list[Row]:
        return await tx.all("running_here", server_id=ctx.server_id)

    return [row["kernel_id"] for row in await ctx.database.read(body)]
