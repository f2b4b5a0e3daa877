"""The rights of callers, the audit of what they do, and the guardrail that sees every text of a person.

Another person's thread does not exist for a caller, and no error reveals it. If a guardrail raises, for any
reason, the text is refused.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.callers import Caller, KernelCaller, WorkerCaller
from lobu_jupyter.model.errors import LobuError, NotAllowed, RunNotFound, ThreadNotFound

from .rows import json_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

log = logging.getLogger(__name__)

WORKER = "A worker may only read its inbox and write to its own runs."
KERNEL = "A kernel may do this only while a cell that you ran is running in it."
VISITED = (
    "A cell of another person runs in this kernel, so it does nothing in the name of the kernel's owner now."
)
DECIDES = (
    "A kernel may decide only for a cell that has run no agent code and whose page is open. "
    "Use the card, or run another cell."
)


def owner_of(by: Caller) -> str:
    """Return the person in whose name the caller reads and acts.

    Raises:
        NotAllowed: the caller is a worker, which acts in nobody's name, or a kernel that runs a visitor's cell.
    """
    if isinstance(by, KernelCaller) and by.visited:
        raise NotAllowed(VISITED)
    if isinstance(by, WorkerCaller):
        raise NotAllowed(WORKER)
    return by.name


async def allow_change(
    ctx: Context, by: Caller, action: str, thread_id: str | None = None, *, decides: bool = False
) -> str:
    """Return the owner, if the caller may change something now.

    Args:
        decides: the change needs a person's eyes: a decision, a grant, policy, a thread's notebook or kernel.
            A kernel makes it only for a cell whose page is open and that has run no agent code.

    Raises:
        NotAllowed: the caller is a worker, or a kernel in which no cell of its person is running. The attempt
            is in the audit of the person who owns the kernel or thread.
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
    """Record a refused attempt in the audit."""

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
    """Record an action, or an attempt, in the audit."""
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
    """Return whether the caller may see its person's thread: a kernel only one of its notebook or kernel."""
    if not isinstance(by, KernelCaller) or by.embedded or thread["kernel_id"] == by.kernel_id:
        return True
    here = (by.notebook_path, by.place)
    return by.notebook_path is not None and (thread["notebook_path"], thread["place"]) == here


def scope_of(by: Caller) -> dict[str, Any]:
    """Return the scope as a query's ``of_kernel`` and ``of_notebook`` in ``of_place``. None means everything."""
    if not isinstance(by, KernelCaller) or by.embedded:
        return {"of_kernel": None, "of_notebook": None, "of_place": None}
    return {"of_kernel": by.kernel_id, "of_notebook": by.notebook_path, "of_place": by.place}


async def own_thread(tx: Tx, by: Caller | str, thread_id: str) -> Row:
    """Return the caller's thread, or an owner's if the caller was checked before.

    Raises:
        ThreadNotFound: there is none, it was deleted, it is another person's, or it is outside the notebook
            and kernel of the kernel that asks.
    """
    owner = by if isinstance(by, str) else owner_of(by)
    row = await tx.one("thread", thread_id=thread_id)
    if row is None or row["owner"] != owner or row["deleted_at"] is not None or not in_scope(by, row):
        raise ThreadNotFound
    return row


async def own_run(tx: Tx, by: Caller | str, run_id: str) -> Row:
    """Return the caller's run, by the rules of :func:`own_thread`.

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


async def guard(ctx: Context, by: Caller, texts: Iterable[str], where: str, thread_id: str) -> None:
    """Pass `texts` to the guardrail before anything is written. The audit has a refusal without the text.

    Raises:
        NotAllowed: the guardrail refuses, fails or takes too long.
    """
    if ctx.settings.guardrail is None:
        return
    for text in texts:
        try:
            async with asyncio.timeout(ctx.settings.guardrail_seconds):
                await ctx.settings.guardrail(text, where)
        except Exception as error:  # a guardrail is foreign code: any failure refuses
            log.warning("the guardrail refused a text of %s", where, exc_info=True)
            await _record_refusal(ctx, by, where, thread_id)
            if isinstance(error, LobuError):
                raise
            why = "it took too long" if isinstance(error, TimeoutError) else str(error)
            raise NotAllowed(f"Refused by this server's guardrail: {why}", field=where) from error


async def _record_refusal(ctx: Context, by: Caller, where: str, thread_id: str) -> None:
    async def body(tx: Tx) -> None:
        thread = await tx.one("thread", thread_id=thread_id)
        mine = thread is not None and thread["owner"] == owner_of(by)
        await record(ctx, tx, by, f"guardrail refused {where}", owner_of(by), thread_id if mine else None)

    await ctx.database.write(body)
