"""The owners of kernels and notebooks: the Jupyter side must agree before a person's request uses one.

Another person's kernel is treated like one that does not exist. A thread may still name such a kernel, if
it was bound before its people were separated. Its runs then have no kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lobu_jupyter.gateway.runs.lease import leases_of_worker
from lobu_jupyter.model.errors import KernelNotFound, NotAllowed

from .access import record

if TYPE_CHECKING:
    from lobu_jupyter.model.callers import Caller, WorkerCaller
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context


async def check_kernel(ctx: Context, by: Caller, kernel_id: str | None, thread_id: str | None = None) -> None:
    """Check that the caller may use the kernel that a request names. None names no kernel.

    Raises:
        KernelNotFound, NotAllowed: the caller may not. The attempt is in the caller's audit.
    """
    if ctx.owners is None or kernel_id is None:
        return
    try:
        await ctx.owners.kernel(by.name, kernel_id)
    except (KernelNotFound, NotAllowed):
        await _record_attempt(ctx, by, "refused kernel", thread_id, {"kernel": kernel_id})
        raise


async def check_notebook(ctx: Context, by: Caller, path: str | None, thread_id: str | None = None) -> None:
    """Check that the caller may read the notebook that a request names. None names no notebook.

    Raises:
        NotAllowed: the caller may not. The attempt is in the caller's audit.
    """
    if ctx.owners is None or path is None:
        return
    try:
        await ctx.owners.notebook(by.name, path, "read")
    except NotAllowed:
        await _record_attempt(ctx, by, "refused notebook", thread_id, {"notebookPath": path})
        raise


async def _record_attempt(
    ctx: Context, by: Caller, action: str, thread_id: str | None, detail: dict[str, str]
) -> None:
    async def body(tx: Tx) -> None:
        await record(ctx, tx, by, action, by.name, thread_id, detail=detail)

    await ctx.database.write(body)


async def own_kernel(ctx: Context, owner: str, kernel_id: str | None) -> str | None:
    """Return the kernel that a thread is bound to, or None if it is another person's.

    Raises:
        NotAllowed: it is the owner's, but the server's authorizer refuses.
    """
    if ctx.owners is None or kernel_id is None:
        return kernel_id
    try:
        await ctx.owners.kernel(owner, kernel_id)
    except KernelNotFound:
        return None
    return kernel_id


async def usable_kernel(ctx: Context, owner: str, kernel_id: str | None) -> str | None:
    """Return the kernel if `owner` may execute in it now, else None."""
    try:
        return await own_kernel(ctx, owner, kernel_id)
    except NotAllowed:
        return None


async def check_notebook_of_run(
    ctx: Context, owner: str, path: str | None, action: Literal["read", "write"]
) -> None:
    """Check that a run's owner may read or write its notebook now.

    Raises:
        NotAllowed: the server's authorizer refuses.
    """
    if ctx.owners is not None and path is not None:
        await ctx.owners.notebook(owner, path, action)


def notebook_here(ctx: Context, thread: Row) -> str | None:
    """Return the path of a thread's notebook, or None if it is a path of another place."""
    return thread["notebook_path"] if thread["place"] == ctx.settings.place else None


async def works_in(ctx: Context, worker: WorkerCaller, kernel_id: str) -> None:
    """Check that a run of this worker uses this kernel, and that its owner may use it.

    Raises:
        KernelNotFound: no such run does.
    """

    async def body(tx: Tx) -> set[str]:
        leases = await leases_of_worker(tx, worker.worker_id)
        runs = [
            await tx.one("run", run_id=each["run_id"]) for each in leases if each["kernel_id"] == kernel_id
        ]
        return {run["owner"] for run in runs if run is not None}

    for owner in await ctx.database.read(body):
        if await usable_kernel(ctx, owner, kernel_id) is not None:
            return
    raise KernelNotFound("No run of this worker uses this kernel.")
