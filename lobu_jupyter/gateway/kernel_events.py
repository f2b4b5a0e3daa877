"""Kernel events: the effect of a kernel's death or restart on the runs that are bound to it.

Each event starts a new incarnation. Running runs end with one error that says what happened and what
to do. Threads that wait on a person get an event that the variables are gone. Other threads are unaffected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from lobu_jupyter.gateway.journal.journal import append, stamped
from lobu_jupyter.gateway.locking import check_locked, lock_all
from lobu_jupyter.gateway.runs.end import fail_run
from lobu_jupyter.gateway.runs.lease import leases_of_kernel
from lobu_jupyter.model.callers import Caller, KernelCaller, WorkerCaller
from lobu_jupyter.model.errors import Conflict, NotAllowed, RunNotFound
from lobu_jupyter.model.events import custom
from lobu_jupyter.model.ports import ToolSpec
from lobu_jupyter.model.runs import ErrorCode

from .access import owner_of, refused
from .fencing import check_silenced
from .ownership import check_kernel
from .registrations import judged, tools_of_kernel
from .rows import json_of
from .workers import workers_for

if TYPE_CHECKING:
    from lobu_jupyter.store.bodies import Body
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

STILL_RUNS = (
    "The code was interrupted and is still running: it ignores interrupts. Restart the kernel to end it."
)
SERVER_GONE = (
    "The kernel's server was stopped or does not answer. Its variables are gone: run the cells that you need again, "
    "then ask again."
)
What = Literal["died", "restarted", "shutdown", "start_failed"]

_CODES: dict[What, ErrorCode] = {
    "died": ErrorCode.KERNEL_DIED,
    "restarted": ErrorCode.KERNEL_RESTARTED,
    "shutdown": ErrorCode.KERNEL_SHUTDOWN,
    "start_failed": ErrorCode.KERNEL_START_FAILED,
}
_SENTENCES: dict[What, tuple[str, str]] = {
    "died": ("The kernel died", "Its variables are gone: run the cells that you need again, then ask again."),
    "restarted": (
        "The kernel was restarted",
        "Its variables are gone: run the cells that you need again, then ask again.",
    ),
    "shutdown": ("The kernel was shut down", "Start a kernel for the notebook, then ask again."),
    "start_failed": ("The kernel could not be started", "Repair or change the kernel, then ask again."),
}


async def kernel_event(ctx: Context, kernel_id: str, what: What, detail: str = "") -> list[str]:
    """Handle a kernel's death, restart, shutdown or failed start, and return the runs that it ended."""
    happened, hint = _SENTENCES[what]
    message = f"{happened}{f' ({detail})' if detail else ''}. {hint}"

    async def concerned(tx: Tx) -> tuple[list[Row], list[Row]]:
        ended = await leases_of_kernel(tx, kernel_id)
        return ended, await tx.all("threads_waiting_on_kernel", kernel_id=kernel_id)

    async def body(tx: Tx) -> list[str]:
        locked = await lock_all(tx, *await concerned(tx))
        row = await tx.one("bump_kernel", kernel_id=kernel_id, server_id=ctx.server_id)
        assert row is not None, "an upsert returns its row"
        ended, waiting = await concerned(tx)
        check_locked(locked, ended, waiting)
        for lease in ended:
            await fail_run(ctx, tx, lease["run_id"], _CODES[what], message)
        _, waiting = await concerned(tx)
        check_locked(locked, waiting)
        value = {"what": what, "kernelId": kernel_id, "incarnation": row["incarnation"], "message": message}
        await _tell_waiting(ctx, tx, waiting, value)
        return [lease["run_id"] for lease in ended]

    return await ctx.database.write(body)


async def _tell_waiting(ctx: Context, tx: Tx, waiting: list[Row], value: dict[str, Any]) -> None:
    """Say in locked threads that wait on a person that the variables of their questions are gone."""
    for thread in waiting:
        await tx.run("mark_kernel_lost", thread_id=thread["thread_id"])
        event = stamped(custom("lobu.kernel", value), ctx.now())
        await append(tx, thread["thread_id"], None, [event], ctx.now())


async def kernels_gone(ctx: Context, server_id: str) -> None:
    """Handle the end of all kernels that a server had, because it has ended or is silent.

    Runs of outside workers go on, as they do when a server ends. A kernel that outlived its server counts as lost all the
    same: nobody can tell from here.
    """

    async def look(tx: Tx) -> list[Row]:
        return await tx.all("kernels_of_server", server_id=server_id)

    def one(kernel_id: str) -> Body[None]:
        async def body(tx: Tx) -> None:
            waiting = await tx.all("threads_waiting_on_kernel", kernel_id=kernel_id)
            locked = await lock_all(tx, waiting)
            row = await tx.one("lose_kernel", kernel_id=kernel_id, server_id=server_id)
            if row is None:
                return  # another server was first
            waiting = await tx.all("threads_waiting_on_kernel", kernel_id=kernel_id)
            check_locked(locked, waiting)
            value = {"what": "server_gone", "kernelId": kernel_id, "incarnation": row["incarnation"]}
            await _tell_waiting(ctx, tx, waiting, {**value, "message": SERVER_GONE})

        return body

    for row in await ctx.database.read(look):
        await ctx.database.write(one(row["kernel_id"]))


async def still_runs(ctx: Context, worker: WorkerCaller, kernel_id: str, run_id: str) -> None:
    """Say in a run's thread that its code runs on in the kernel, although it was interrupted.

    Raises:
        RunNotFound: there is no such run in this kernel.
    """

    async def body(tx: Tx) -> None:
        run = await tx.one("run", run_id=run_id)
        if run is None or run["kernel_id"] != kernel_id or not run["end_cursor"]:
            raise RunNotFound
        await tx.lock_threads(run["thread_id"])
        value = {"runId": run_id, "kernelId": kernel_id, "message": STILL_RUNS}
        event = stamped(custom("lobu.still_running", value), ctx.now())
        await append(tx, run["thread_id"], None, [event], ctx.now())

    await ctx.database.write(body)


async def kernel_tools(ctx: Context, by: Caller, kernel_id: str, tools: list[ToolSpec]) -> None:
    """Replace the tools that a kernel's incarnation offers."""
    owner_of(by)
    if isinstance(by, KernelCaller) and by.kernel_id != kernel_id:
        raise NotAllowed("A kernel offers its own tools only.")
    await check_silenced(ctx, by, "tools")
    await check_kernel(ctx, by, kernel_id)
    mine = ctx.owns_kernel(kernel_id)

    async def body(tx: Tx) -> None:
        await tx.run("bind_kernel", kernel_id=kernel_id, server_id=ctx.server_id, mine=mine)
        known = {tool.name: tool for tool in await tools_of_kernel(tx, kernel_id)}
        kept = judged(by, tools, known, await _names_of_workers(ctx, tx, by))
        await tx.run("set_kernel_tools", kernel_id=kernel_id, tools=json_of(kept))

    try:
        await ctx.database.write(body)
    except Conflict:
        await refused(ctx, by, "tools")
        raise


async def _names_of_workers(ctx: Context, tx: Tx, by: Caller) -> set[str]:
    """Return the names of the tools that workers announced."""
    rows = await workers_for(ctx, tx, by.name)
    last = await tx.one("last_announcement", pool=ctx.pool_of(by.name))
    rows += [last] if last is not None else []
    return {tool.name for row in rows for tool in msgspec.json.decode(row["tools"], type=list[ToolSpec])}
