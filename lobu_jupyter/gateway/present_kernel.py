"""The kernel that a decision's run gets: the thread's own, or the one that its notebook has now.

A kernel ends with its server, so after a restart of the server a thread is bound to a kernel that is gone, while
its notebook may have another. A decision binds the thread to that one. A decision that needs a kernel and has
none is refused before it counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lobu_jupyter.model.errors import KernelMissing
from lobu_jupyter.model.free_names import free_names
from lobu_jupyter.model.interrupts import InterruptStatus

from .access import own_thread, owner_of
from .context import SHARED_SILENCE
from .ownership import usable_kernel
from .registrations import tools_of_kernel
from .rows import interrupt_of

if TYPE_CHECKING:
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.interrupts import Decision
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

_CODE_TOOLS = frozenset({"run_code", "run_cell"})
_RUNS = ("approve", "edit")


class PresentKernel(NamedTuple):
    """``kernel_id``: the kernel that a run of the thread gets now, or None. ``bound``: the thread's own.

    ``moved``: it is not the thread's own, which is gone. ``gone``: the thread's own is gone, and there is no other.
    """

    kernel_id: str | None
    bound: str | None
    moved: bool = False
    gone: bool = False

    def of(self, thread: Row) -> PresentKernel:
        """Return this, or the thread's own kernel if it was bound to another one since."""
        bound: str | None = thread["kernel_id"]
        return self if bound == self.bound else PresentKernel(bound, bound)


async def present_kernel(ctx: Context, owner: str, thread: Row) -> PresentKernel:
    """Return the kernel for the next run of a thread. Nothing is changed."""
    bound: str | None = thread["kernel_id"]
    if thread["place"] != ctx.settings.place or await _runs_elsewhere(ctx, bound):
        return PresentKernel(bound, bound)  # its own server judges when it hands out the run
    usable = await usable_kernel(ctx, owner, bound)
    if ctx.kernels is None or (bound is None and thread["notebook_path"] is None):
        return PresentKernel(usable, bound)
    if ctx.owns_kernel(bound):
        return PresentKernel(usable, bound)
    path = thread["notebook_path"]
    other = await ctx.kernels.kernel_of(path) if path is not None else None
    if other is not None and other != bound and await usable_kernel(ctx, owner, other) is not None:
        return PresentKernel(other, bound, moved=True)
    return PresentKernel(usable, bound, gone=True)


async def _runs_elsewhere(ctx: Context, kernel_id: str | None) -> bool:
    """Return whether the kernel belongs to another server of this store that is alive."""

    async def body(tx: Tx) -> bool:
        kernel = await tx.one("kernel", kernel_id=kernel_id) if kernel_id else None
        if kernel is None or kernel["server_id"] in (None, ctx.server_id):
            return False
        since = ctx.now() - SHARED_SILENCE
        return await tx.one("live_server", server_id=kernel["server_id"], pool=None, since=since) is not None

    return await ctx.database.read(body)


async def check_can_run(tx: Tx, present: PresentKernel, rows: list[Row], decisions: list[Decision]) -> None:
    """Refuse decisions that run code in a kernel that is gone.

    Raises:
        KernelMissing: nothing was decided.
    """
    if not present.gone:
        return
    run = await tx.one("run", run_id=rows[0]["run_id"])
    if run is None or run["kernel_id"] is None:
        return  # it had no kernel before: its call says so itself
    registered = {tool.name for tool in await tools_of_kernel(tx, run["kernel_id"])}
    for row, decision in zip(rows, decisions, strict=True):
        name = interrupt_of(row).tool_name
        if decision.kind in _RUNS and (name in _CODE_TOOLS or name in registered):
            raise KernelMissing(kernelId=present.bound)


async def thread_kernel(ctx: Context, by: Caller, thread_id: str) -> dict[str, Any]:
    """Return the kernel that a decision on this thread would run in, and the names that its code misses there.

    ``state``: ``same`` as the thread's own, ``new`` (it is another, or was restarted since the question),
    ``none`` (there is none: start one for the notebook), or ``unbound`` (the thread needs none).
    ``missing`` is left out where nobody knows: the kernel is busy or does not speak Python.
    """
    owner = owner_of(by)

    async def body(tx: Tx) -> tuple[Row, list[Row]]:
        return await own_thread(tx, by, thread_id), await tx.all("open_interrupts", thread_id=thread_id)

    thread, rows = await ctx.database.read(body)
    present = await present_kernel(ctx, owner, thread)
    found: dict[str, Any] = {
        "kernelId": None if present.gone else present.kernel_id,
        "boundTo": present.bound,
    }
    questions = [interrupt_of(row) for row in rows if row["status"] == InterruptStatus.OPEN]
    lost = any(question.kernel_lost for question in questions)
    if present.gone:
        found["state"] = "unbound" if present.bound is None else "none"
    elif present.kernel_id is None:
        found["state"] = "unbound"
    else:
        found["state"] = "new" if present.moved or lost else "same"
    if found["state"] == "new" and ctx.kernels is not None and present.kernel_id is not None:
        code = "\n".join(
            str(q.args["code"]) for q in questions if q.tool_name == "run_code" and "code" in q.args
        )
        missing = await ctx.kernels.undefined(present.kernel_id, free_names(code))
        if missing is not None:
            found["missing"] = missing
    return found
