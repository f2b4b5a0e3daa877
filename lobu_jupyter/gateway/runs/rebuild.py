"""The rebuild after a kernel's restart: the agent's successful code runs again, once approved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobu_jupyter.gateway.access import allow_change, own_thread
from lobu_jupyter.gateway.ownership import check_kernel
from lobu_jupyter.model.errors import Conflict
from lobu_jupyter.model.replay import REBUILD_AGENT, REBUILD_CONTEXT, code_that_succeeded, joined
from lobu_jupyter.model.requests import Rebuild, StartRun

from .start import start

if TYPE_CHECKING:
    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.runs import Started
    from lobu_jupyter.store.tx import Row, Tx

MAX_CODE_BYTES = 24 * 1024  # of UTF-8: the question that shows it, twice, is one event
NOTHING = "This thread's agent has run no code that could be run again."
TOO_MUCH = "This thread's agent has run {size} kB of code, too much to approve at once; export the thread as a notebook."


async def rebuild(ctx: Context, by: Caller, thread_id: str, wanted: Rebuild = Rebuild()) -> Started:
    """Start a run that runs the thread's successful code again, in order, after a person's approval.

    Raises:
        Conflict: there is no such code, or more than one question can show.
        LobuError: as :meth:`start`.
    """
    await allow_change(ctx, by, "rebuild", thread_id)
    await check_kernel(ctx, by, wanted.kernel_id, thread_id)

    async def look(tx: Tx) -> list[Row]:
        await own_thread(tx, by, thread_id)
        return await tx.all("runs_of_agent", thread_id=thread_id, agent=REBUILD_AGENT)

    rebuilds = {row["run_id"] for row in await ctx.database.read(look)}
    pieces = code_that_succeeded(await ctx.snapshots.state(thread_id), but_of=rebuilds)
    code = joined(pieces)
    if not pieces:
        raise Conflict(NOTHING)
    if (size := len(code.encode())) > MAX_CODE_BYTES:
        raise Conflict(TOO_MUCH.format(size=size // 1024))
    many = "piece" if len(pieces) == 1 else "pieces"
    request = StartRun(
        prompt=f"Rebuild: run the {len(pieces)} {many} of code again that had run here.",
        agent=REBUILD_AGENT,
        kernel_id=wanted.kernel_id,
        client_request_id=wanted.client_request_id,
        context=[{"description": REBUILD_CONTEXT, "value": code}],
    )
    return await start(ctx, by, thread_id, request)
