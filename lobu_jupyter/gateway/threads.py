"""The threads: they are created, found again by their notebook, changed, forked and deleted.

A fork begins with the whole journal before one of the thread's runs. The runs in it keep their ids, because they are
the same runs. The kernel's variables keep their present values.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, UnsetType

from lobu_jupyter.gateway.journal.hub import owner_topic, thread_topic
from lobu_jupyter.gateway.journal.journal import append, stamped
from lobu_jupyter.gateway.runs.end import cancel_all
from lobu_jupyter.model.callers import KernelCaller
from lobu_jupyter.model.errors import Conflict, InvalidField, RunNotFound, ThreadNotFound
from lobu_jupyter.model.events import custom
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.requests import NewThread, ThreadPatch, ThreadsQuery

from .access import allow_change, own_thread, owner_of, record, scope_of
from .fencing import check_place, check_room, record_move, refuse_place
from .ownership import check_kernel, check_notebook
from .replaced import end_of
from .rows import thread_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.runs import Thread
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context


MAX_TEXT = 1024  # characters of a title, name or path
MAX_PAGE = 500
INDEXED = 3  # characters in a row that SQLite's index of texts knows


async def create_thread(ctx: Context, by: Caller, new: NewThread = NewThread()) -> Thread:
    """Return a new thread, or with ``reuse`` the newest live one of this notebook, kernel or name.

    Raises:
        ThreadNotFound: there is none, and ``create`` is False.
    """
    owner = await allow_change(ctx, by, "create") if new.create or not new.reuse else owner_of(by)
    check_text(title=new.title, name=new.name, notebookPath=new.notebook_path, kernelId=new.kernel_id)
    await check_place(ctx, by, "create", kernel_id=new.kernel_id, notebook_path=new.notebook_path)
    kernel_id, notebook_path = new.kernel_id, new.notebook_path
    if isinstance(by, KernelCaller):
        kernel_id = by.kernel_id
        notebook_path = notebook_path or by.notebook_path  # else its notebook's denies would not hold
    await check_kernel(ctx, by, kernel_id)
    await check_notebook(ctx, by, notebook_path)
    place = {"name": new.name, "notebook_path": notebook_path, "kernel_id": kernel_id}
    place |= {"place": ctx.settings.place}

    async def body(tx: Tx) -> Thread:
        await tx.lock_owner(owner)
        if new.reuse:
            found = await tx.one("find_thread", owner=owner, **place)
            if found is not None:
                await tx.lock_threads(found["thread_id"])
                thread = await own_thread(tx, by, found["thread_id"])
                return await _reused(ctx, tx, thread, kernel_id if new.create else None, by)
        if not new.create:
            raise ThreadNotFound("There is no thread yet.")
        await check_room(ctx, tx, by)
        thread_id = new_id("thread")
        await tx.lock_threads(thread_id)
        await tx.run(
            "add_thread",
            thread_id=thread_id,
            owner=owner,
            title="",
            temporary=new.temporary,
            pool=ctx.pool_of(owner),
            now=ctx.now(),
            **place,
        )
        tx.wake(owner_topic(owner))
        if new.title:
            await _set_title(ctx, tx, await own_thread(tx, owner, thread_id), new.title)
        return thread_of(await own_thread(tx, owner, thread_id))

    return await ctx.database.write(body)


async def _reused(ctx: Context, tx: Tx, thread: Row, kernel_id: str | None, by: Caller) -> Thread:
    """Return a notebook's thread, bound to the kernel that the notebook has now."""
    if kernel_id is not None and kernel_id != thread["kernel_id"]:
        await _write(ctx, tx, thread, kernel_id=kernel_id)
        await record_move(ctx, tx, by, thread, kernel_id=kernel_id)
    return thread_of(await own_thread(tx, thread["owner"], thread["thread_id"]))


async def list_threads(ctx: Context, by: Caller, query: ThreadsQuery = ThreadsQuery()) -> list[Thread]:
    """Return the caller's threads, last touched first."""
    owner = owner_of(by)
    if not 1 <= query.limit <= MAX_PAGE:
        raise InvalidField(f"must be 1 to {MAX_PAGE}", field="limit")
    params: dict[str, Any] = {
        "notebook_path": query.notebook_path,
        "name": query.name,
        "kernel_id": query.kernel_id,
        "place": ctx.settings.place,
    }
    params |= {"archived": query.archived, "limit": query.limit}
    params |= {"search": _pattern(query.search), "loose": _loose(query.search), "before": _time(query.before)}

    async def body(tx: Tx) -> list[Row]:
        return await tx.all("list_threads", owner=owner, **params, **scope_of(by))

    return [thread_of(row) for row in await ctx.database.read(body)]


def _pattern(search: str | None) -> str | None:
    if not search:
        return None
    for char in "\\%_":
        search = search.replace(char, "\\" + char)
    return f"%{search}%"


def _loose(search: str | None) -> str | None:
    """Return a pattern without escapes, which SQLite can look up, None for one that is too short. It finds a little more."""
    if not search or max(map(len, re.split("[%_]", search))) < INDEXED:
        return None
    return f"%{search}%"


def _time(before: str | None) -> float | None:
    if before is None:
        return None
    try:
        return round(datetime.fromisoformat(before).timestamp(), 3)
    except ValueError as error:
        raise InvalidField("must be the updatedAt of a thread", field="before") from error


async def get_thread(ctx: Context, by: Caller, thread_id: str) -> Thread:
    """Return one thread."""

    async def body(tx: Tx) -> Row:
        return await own_thread(tx, by, thread_id)

    return thread_of(await ctx.database.read(body))


async def patch_thread(ctx: Context, by: Caller, thread_id: str, patch: ThreadPatch) -> Thread:
    """Change the given fields. None removes the kernel or notebook."""
    kernel_id, notebook_path = patch.kernel_id, patch.notebook_path
    binds = kernel_id is not UNSET or notebook_path is not UNSET
    owner = await allow_change(ctx, by, "patch", thread_id, decides=binds)
    if isinstance(by, KernelCaller) and not by.embedded and notebook_path is None:
        await refuse_place(ctx, by, "patch", thread_id)  # else its notebook's denies would no longer hold
    place = {"kernel_id": kernel_id, "notebook_path": notebook_path}
    named = {k: v for k, v in place.items() if v is not UNSET}
    await check_place(ctx, by, "patch", **named, thread_id=thread_id)
    check_text(title=patch.title, kernelId=kernel_id, notebookPath=notebook_path)
    await _check_place(ctx, by, thread_id, kernel_id, notebook_path)
    changes = {"archived": patch.archived, "kernel_id": kernel_id, "notebook_path": notebook_path}

    async def body(tx: Tx) -> Thread:
        await tx.lock_threads(thread_id)
        thread = await own_thread(tx, by, thread_id)
        await _write(ctx, tx, thread, **{k: v for k, v in changes.items() if v is not UNSET})
        await record_move(ctx, tx, by, thread, **named)
        tx.wake(owner_topic(owner))
        if patch.title is not UNSET and patch.title != thread["title"]:
            await _set_title(ctx, tx, await own_thread(tx, owner, thread_id), patch.title)
        return thread_of(await own_thread(tx, owner, thread_id))

    return await ctx.database.write(body)


async def _check_place(
    ctx: Context, by: Caller, thread_id: str, kernel_id: str | UnsetType | None, path: str | UnsetType | None
) -> None:
    """Check that the caller owns the thread, and its new kernel and notebook."""
    if kernel_id is UNSET and path is UNSET:
        return
    await get_thread(ctx, by, thread_id)
    await check_kernel(ctx, by, None if kernel_id is UNSET else kernel_id, thread_id)
    await check_notebook(ctx, by, None if path is UNSET else path, thread_id)


async def _write(ctx: Context, tx: Tx, thread: Row, **changes: Any) -> None:
    kept = {name: thread[name] for name in ("title", "archived", "kernel_id", "notebook_path", "place")}
    if "notebook_path" in changes:
        kept["place"] = ctx.settings.place
    await tx.run("change_thread", thread_id=thread["thread_id"], now=ctx.now(), **{**kept, **changes})


async def _set_title(ctx: Context, tx: Tx, thread: Row, title: str) -> None:
    title = ctx.settings.redactor.text(title)
    await _write(ctx, tx, thread, title=title)
    event = stamped(custom("lobu.title", {"title": title}), ctx.now())
    await append(tx, thread["thread_id"], None, [event], ctx.now())


async def delete_thread(ctx: Context, by: Caller, thread_id: str) -> None:
    """Cancel the running, queued and waiting runs, let followers see their end, and remove the thread."""
    owner = await allow_change(ctx, by, "delete", thread_id, decides=True)

    async def body(tx: Tx) -> None:
        await tx.lock_owner(owner)
        await tx.lock_threads(thread_id)
        await own_thread(tx, by, thread_id)
        await remove(ctx, tx, thread_id, by.name)
        await record(ctx, tx, by, "deleted", owner, thread_id)
        tx.wake(owner_topic(owner))

    await ctx.database.write(body)


async def restore_thread(ctx: Context, by: Caller, thread_id: str) -> Thread:
    """Undo a deletion. Runs that it cancelled stay cancelled. It is harmless for a thread that is there.

    Raises:
        ThreadNotFound: its rows are gone, ``purge_seconds`` after the deletion.
    """
    owner = await allow_change(ctx, by, "restore", thread_id, decides=True)

    async def body(tx: Tx) -> Thread:
        await tx.lock_threads(thread_id)
        if await tx.run("restore_thread", thread_id=thread_id, owner=owner, now=ctx.now()):
            await record(ctx, tx, by, "restored", owner, thread_id)
            tx.wake(owner_topic(owner))
        return thread_of(await own_thread(tx, by, thread_id))  # raises if out of scope, and so rolls back

    return await ctx.database.write(body)


async def remove(ctx: Context, tx: Tx, thread_id: str, by: str) -> None:
    """Cancel the runs of a locked thread, so that followers see their end, and hide it from all callers."""
    await cancel_all(ctx, tx, thread_id, by)
    await tx.run("drop_checkpoints", thread_id=thread_id)
    await tx.run("delete_thread", thread_id=thread_id, now=ctx.now())
    tx.wake(thread_topic(thread_id))


async def changes(ctx: Context, by: Caller) -> AsyncGenerator[bool]:
    """Yield True at once and after each change, and False after ``heartbeat_seconds`` without one.

    A change: a thread of the caller was created, changed or deleted, or its run was queued, began,
    paused or ended, or a grant was taken back or ended with its notebook.
    """
    with ctx.hub.listen(owner_topic(owner_of(by))) as bell:
        bell.ring()
        while True:
            rang = await bell.wait(ctx.settings.heartbeat_seconds)
            bell.clear()
            yield rang


async def notebook_moved(ctx: Context, old_path: str, new_path: str, *, owner: str | None = None) -> None:
    """Move the threads, rules and grants of a notebook, or of a folder, that was renamed in this server's place.

    What was granted in another file of the new path ends. That file's rules end for `owner`, or for everybody.
    """
    here = {"old": old_path, "place": ctx.settings.place}

    async def body(tx: Tx) -> None:
        if not f"{old_path}/".startswith(f"{new_path}/"):  # else it was there itself
            await end_of(ctx, tx, new_path, "replaced", owner)
        await tx.lock_threads(*[t["thread_id"] for t in await tx.all("threads_of_path", **here)])
        for thread in await tx.all("threads_of_path", **here):
            now = new_path + str(thread["notebook_path"])[len(old_path) :]
            await record_move(ctx, tx, None, thread, notebook_path=now)
        for query in ("move_notebook", "move_rules", "move_grants"):
            await tx.run(query, **here, new=new_path)

    await ctx.database.write(body)


def check_text(**texts: str | UnsetType | None) -> None:
    """Refuse texts that are too long for a title, a name or a path."""
    for field, text in texts.items():
        if isinstance(text, str) and len(text) > MAX_TEXT:
            raise InvalidField(f"must have at most {MAX_TEXT} characters", field=field)


async def fork(ctx: Context, by: Caller, thread_id: str, run_id: str, *, name: str | None = None) -> Thread:
    """Return a new thread with the journal before this run (and before those that it resumes).

    ``name``: by which the fork is found instead of the thread.

    Raises:
        RunNotFound: the thread has no such run.
        Conflict: the run is queued.
    """
    owner = await allow_change(ctx, by, "fork", thread_id)

    async def body(tx: Tx) -> Thread:
        await tx.lock_owner(owner)
        await tx.lock_threads(thread_id)
        await own_thread(tx, by, thread_id)
        await check_room(ctx, tx, by)
        until = await _until(tx, thread_id, run_id)
        new = new_id("thread")
        await tx.run(
            "copy_thread", thread_id=thread_id, fork=new, name=name, pool=ctx.pool_of(owner), now=ctx.now()
        )
        for query in ("copy_events", "copy_texts"):
            await tx.run(query, thread_id=thread_id, fork=new, until=until)
        await record(ctx, tx, by, "forked", owner, new, detail={"from": thread_id, "run": run_id})
        tx.wake(owner_topic(owner))
        return thread_of(await own_thread(tx, owner, new))

    return await ctx.database.write(body)


async def _until(tx: Tx, thread_id: str, run_id: str) -> int:
    """Return the last seq before the run, or before the first of the runs that it resumes."""
    run = await _begun(tx, run_id)
    while run["parent_run_id"]:
        run = await _begun(tx, run["parent_run_id"])
    until = await tx.one("run_before", thread_id=thread_id, run_id=run["run_id"])
    if until is None:
        raise RunNotFound
    return until["first"] - 1


async def _begun(tx: Tx, run_id: str) -> Row:
    run = await tx.one("run", run_id=run_id)
    if run is None:
        raise RunNotFound
    if run["start_cursor"] == 0:
        raise Conflict("This run has not begun: withdraw it and write another.")
    return run
