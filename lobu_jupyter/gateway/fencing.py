"""The bounds of a kernel's writes: threads of its own notebook and kernel, up to a maximum number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from lobu_jupyter.model.callers import KernelCaller, Person
from lobu_jupyter.model.errors import NotAllowed, TooManyThreads

from .access import record, refused, scope_of

if TYPE_CHECKING:
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

ELSEWHERE = "A kernel works on threads of its own notebook and kernel only."
SILENCED = "This server takes no writes from kernels (LobuApp.kernel_decisions)."


async def check_place(
    ctx: Context,
    by: Caller,
    action: str,
    *,
    kernel_id: Any = None,
    notebook_path: Any = None,
    thread_id: str | None = None,
) -> None:
    """Check that a kernel names its own notebook and kernel. None names nothing.

    Raises:
        NotAllowed: it names another. The attempt is in the audit.
    """
    if not isinstance(by, KernelCaller) or by.embedded:
        return
    if kernel_id not in (None, by.kernel_id) or notebook_path not in (None, by.notebook_path):
        await refuse_place(ctx, by, action, thread_id)


async def refuse_place(ctx: Context, by: Caller, action: str, thread_id: str | None = None) -> NoReturn:
    """Refuse a kernel the use of another notebook or kernel, and record the attempt in the audit."""
    await refused(ctx, by, action, thread_id)
    raise NotAllowed(ELSEWHERE)


async def check_silenced(ctx: Context, by: Caller, action: str) -> None:
    """Check that this server accepts writes from kernels.

    Raises:
        NotAllowed: it accepts none. The attempt is in the audit.
    """
    if isinstance(by, KernelCaller) and by.silenced:
        await refused(ctx, by, action)
        raise NotAllowed(SILENCED)


async def check_room(ctx: Context, tx: Tx, by: Caller) -> None:
    """Check that a kernel may create one more thread.

    Raises:
        TooManyThreads: its notebook and kernel have as many as a kernel may create.
    """
    if not isinstance(by, KernelCaller) or by.embedded:
        return
    count = await tx.one("count_threads", owner=by.name, **scope_of(by))
    if count is not None and count["threads"] >= ctx.settings.max_kernel_threads:
        raise TooManyThreads


async def record_move(ctx: Context, tx: Tx, by: Caller | None, thread: Row, **now: str | None) -> None:
    """Record that a thread belongs to another notebook or kernel. ``by`` is None if its file was moved."""
    names = {"kernel_id": "kernelId", "notebook_path": "notebookPath"}
    moved = {names[k]: {"from": thread[k], "to": v} for k, v in now.items() if v != thread[k]}
    if moved:
        who = by or Person(name=thread["owner"], via="contents")
        await record(ctx, tx, who, "moved", thread["owner"], thread["thread_id"], detail=moved)
