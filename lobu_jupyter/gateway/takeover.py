"""Decisions that wait for a server: a server of their pool takes them over once it can run them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobu_jupyter.gateway.runs.lease import assign, lease_of
from lobu_jupyter.gateway.runs.start import bind_kernel
from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.errors import KernelMissing

from .access import own_thread
from .outside import changed_functions
from .present_kernel import check_can_run, present_kernel
from .rows import decision_of

if TYPE_CHECKING:
    from lobu_jupyter.store.bodies import Body
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context
    from .present_kernel import PresentKernel


async def take_over(ctx: Context) -> None:
    """Take over the decisions of the pool that wait for a server, each in a transaction of its own.

    One that runs code goes on waiting until its notebook has a kernel.
    """

    async def look(tx: Tx) -> list[tuple[Row, Row]]:
        leases = await tx.all("leases_without_server", pool=ctx.settings.pool)
        return [(lease, await own_thread(tx, lease["owner"], lease["thread_id"])) for lease in leases]

    for lease, thread in await ctx.database.read(look):
        present = await present_kernel(ctx, lease["owner"], thread)
        await ctx.database.write(_taking(ctx, lease, present))


def _taking(ctx: Context, found: Row, present: PresentKernel) -> Body[None]:
    run_id: str = found["run_id"]

    async def body(tx: Tx) -> None:
        await tx.lock_threads(found["thread_id"])
        await tx.lock_leases(found["thread_id"])
        lease = await lease_of(tx, run_id)
        if lease is None or lease["server_id"]:
            return  # it has ended, or another server was first
        thread = await own_thread(tx, found["owner"], found["thread_id"])
        kernel = present.of(thread)
        if not await _can_run(tx, kernel, thread, run_id):
            return
        if kernel.moved and kernel.kernel_id is not None:
            by = Person(name=thread["owner"], via="sweeper")
            await bind_kernel(ctx, tx, by, thread, kernel.kernel_id, mine=True)
        await tx.run("bind_run", run_id=run_id, kernel_id=kernel.kernel_id)
        deadline = ctx.now() + ctx.settings.start_seconds
        here = {"server_id": ctx.server_id, "kernel_id": kernel.kernel_id}
        await tx.run("adopt_lease", run_id=run_id, **here, deadline=deadline, now=ctx.now())
        await assign(ctx, tx, run_id, found["agent"])

    return body


async def _can_run(tx: Tx, kernel: PresentKernel, thread: Row, run_id: str) -> bool:
    """Return whether the decision can run now as it was decided. A thread without a notebook gets no other kernel."""
    decided = await tx.all("resolved_interrupts", run_id=run_id)
    decisions = [decision_of(row) for row in decided]
    if await changed_functions(tx, kernel.kernel_id, decided, decisions):
        return False
    try:
        await check_can_run(tx, kernel, decided, decisions)
    except KernelMissing:
        return thread["notebook_path"] is None
    return True
