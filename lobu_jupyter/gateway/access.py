"""Who may do what. Another person's thread does not exist for you; nobody is told that it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.callers import Caller, KernelCaller, WorkerCaller
from lobu_jupyter.model.errors import NotAllowed, RunNotFound, ThreadNotFound

from .rows import json_of

if TYPE_CHECKING:
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context


WORKER = "A worker may only read its inbox and write to its own runs."
KERNEL = "A kernel may do this only while a cell that you ran is running in it."
DECIDES = (
    "A kernel may decide only for a cell that has run no agent code and whose page is open. "
    "Use the card, or run another cell."
)


def owner_of(by: Caller) -> str:
    """The person in whose name the caller reads and acts.

    Raises:
        NotAllowed: a worker, which acts in nobody's name.
    """
    if isinstance(by, WorkerCaller):
        raise NotAllowed(WORKER)
    return by.name


async def allow_change(
    ctx: Context, by: Caller, action: str, thread_id: str | None = None, *, decides: bool = False
) -> str:
    """The owner, if the caller may change something now.

    ``decides``: the change is one that a person makes with their eyes on it: a decision, a grant, policy, what a
    thread belongs to. A kernel makes it only for a cell whose page is there, and that has run no agent code.

    Raises:
        NotAllowed: a worker, or a kernel in which no cell of its person is running; the attempt is in
            the audit of the person whose kernel or thread it is.
    """
    why = _refusal(by, decides=decides)
    if why is not None:
        await refused(ctx, by, action, thread_id)
        raise NotAllowed(why)
    return owner_of(by)


def _refusal(by: Caller, *, decides: bool) -> str | None:
    if isinstance(by, WorkerCaller):
        return WORKER
    if isinstance(by, KernelCaller) and not by.attended:
        return KERNEL
    if isinstance(by, KernelCaller) and decides and not by.decides:
        return DECIDES
    return None


async def refused(ctx: Context, by: Caller, action: str, thread_id: str | None = None) -> None:
    """Write down what a caller tried and was refused."""

    async def body(tx: Tx) -> None:
        thread = await tx.one("thread", thread_id=thread_id or "")
        owner = by.name if isinstance(by, KernelCaller) or thread is None else thread["owner"]
        await record(ctx, tx, by, f"refused {action}", owner, thread_id)

    await ctx.database.write(body)


async def record(
    ctx: Context,
    tx: Tx,
    by: Caller,
    action: str,
    owner: str,
    thread_id: str | None = None,
    run_id: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write down who did, or tried, what."""
    who = by.name
    if isinstance(by, WorkerCaller):
        who = by.worker_id
    elif isinstance(by, KernelCaller):
        detail = {"kernelId": by.kernel_id, **(detail or {})}
    await tx.run(
        "add_audit",
        now=ctx.now(),
        owner=owner,
        who=who,
        via=by.via,
        remote=by.remote,
        action=action,
        thread_id=thread_id,
        run_id=run_id,
        detail=json_of(detail or {}),
    )


def in_scope(by: Caller | str, thread: Row) -> bool:
    """Whether a caller may know of its person's thread. A kernel knows those of its own notebook and kernel."""
    if not isinstance(by, KernelCaller) or by.embedded or thread["kernel_id"] == by.kernel_id:
        return True
    return by.notebook_path is not None and thread["notebook_path"] == by.notebook_path


def scope_of(by: Caller) -> dict[str, Any]:
    """The same for a query's ``of_kernel`` and ``of_notebook``; both None: everything."""
    if not isinstance(by, KernelCaller) or by.embedded:
        return {"of_kernel": None, "of_notebook": None}
    return {"of_kernel": by.kernel_id, "of_notebook": by.notebook_path}


async def own_thread(tx: Tx, by: Caller | str, thread_id: str) -> Row:
    """The caller's thread; or that of an owner, where the caller's was looked up before.

    Raises:
        ThreadNotFound: there is none, it was deleted, it is another person's, or a kernel asks for one that is
            not of its notebook or kernel.
    """
    owner = by if isinstance(by, str) else owner_of(by)
    row = await tx.one("thread", thread_id=thread_id)
    if row is None or row["owner"] != owner or row["deleted_at"] is not None or not in_scope(by, row):
        raise ThreadNotFound
    return row


async def own_run(tx: Tx, by: Caller | str, run_id: str) -> Row:
    """The caller's run, as for :func:`own_thread`.

    Raises:
        RunNotFound: there is none, or it is another person's.
    """
    owner = by if isinstance(by, str) else owner_of(by)
    row = await tx.one("run", run_id=run_id)
    if row is None or row["owner"] != owner:
        raise RunNotFound
    thread = await tx.one("thread", thread_id=row["thread_id"])
    if thread is None or thread["deleted_at"] is not None or not in_scope(by, thread):
        raise RunNotFound
    return row
