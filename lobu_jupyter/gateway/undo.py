"""The record of what agents change in cells and files, and of what people take back.

A file's change is recorded before the file is written, so that a crash loses no record. A record whose change was never
made is harmless, because taking it back finds the file as it was. A cell's change is recorded by this server as soon
as it is made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.gateway.journal.journal import ALL, append, read_page, stamped
from lobu_jupyter.model.applied import (
    CHANGE,
    UNDONE,
    Applied,
    AppliedChange,
    FileChange,
    UndoTarget,
    step_digest,
    to_take_back,
)
from lobu_jupyter.model.errors import InvalidField, NotAllowed, NotFound, RunNotFound, ThreadBusy
from lobu_jupyter.model.events import custom, decode
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.notebook_steps import bounded_back

from .access import allow_change, own_thread, record
from .ownership import check_notebook_of_run
from .workers import run_at_hand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobu_jupyter.model.callers import Caller, WorkerCaller
    from lobu_jupyter.store.tx import Tx

    from .context import Context

PAGE_BYTES = 1024 * 1024
_MARKS = (f'"{CHANGE}"'.encode(), f'"{UNDONE}"'.encode())
ELSEWHERE = "These changes were made in the files of another server. Restore them there."
OUTSIDE = "Only a worker of this server says which files it writes."


async def record_file(ctx: Context, worker: WorkerCaller, run_id: str, change: FileChange) -> None:
    """Record a file as it is before this server's worker writes it.

    Raises:
        NotAllowed: the worker is none of this server's.
        RunEnded, StaleIncarnation: the run is not this worker's (any more), so nothing may be written.
    """

    async def body(tx: Tx) -> None:
        await tx.lock_thread_of(run_id)
        run, _ = await run_at_hand(tx, worker, run_id)
        row = await tx.one("worker", worker_id=worker.worker_id)
        if row is None or not row["child"]:
            raise NotAllowed(OUTSIDE)
        made = AppliedChange(
            change_id=new_id("change"),
            run_id=run_id,
            what="file",
            path=change.path,
            file=change.before,
            now=change.now,
        )
        await _append(ctx, tx, run["thread_id"], [custom(CHANGE, msgspec.to_builtins(made))])

    await ctx.database.write(body)


async def record_cell(ctx: Context, run_id: str, path: str, cell: str, back: dict[str, Any]) -> None:
    """Record a change that this server made in a notebook. ``back``: the step that takes it back, or why none does."""
    made = cell_change(run_id, path, cell, back)

    async def body(tx: Tx) -> None:
        await tx.lock_thread_of(run_id)
        run = await tx.one("run", run_id=run_id)
        assert run is not None, "the change was made for it"
        await _append(ctx, tx, run["thread_id"], [custom(CHANGE, msgspec.to_builtins(made))])

    await ctx.database.write(body)


def cell_change(run_id: str, path: str, cell: str, back: dict[str, Any], **more: Any) -> AppliedChange:
    """Return the record of a cell's change."""
    back = bounded_back(back)
    lost = str(back.get("lost", ""))
    return AppliedChange(
        change_id=new_id("change"),
        run_id=run_id,
        what="cell",
        path=path,
        cell=cell,
        back=None if lost else back,
        back_digest="" if lost else step_digest(back),
        lost=lost,
        **more,
    )


async def _append(ctx: Context, tx: Tx, thread_id: str, events: Sequence[dict[str, Any]]) -> int:
    clean = [stamped(ctx.settings.redactor.tree(event), ctx.now()) for event in events]
    return await append(tx, thread_id, None, clean, ctx.now())


async def applied(ctx: Context, by: Caller, thread_id: str, target: UndoTarget) -> Applied:
    """Return the changes that the target means and that hold now. The thread must be at rest.

    Raises:
        InvalidField: neither or both of run and act are named.
        RunNotFound, NotFound: there is no such run, or no such act.
        ThreadBusy: a run is under way, which may change more.
        NotAllowed: the caller may not change the thread's notebook, or its files are those of another place.
    """
    await allow_change(ctx, by, "undo", thread_id, decides=True)
    if (target.run_id is None) == (target.undo_id is None):
        raise InvalidField("must be given, or undoId, but not both", field="runId")

    async def body(tx: Tx) -> Applied:
        thread = await own_thread(tx, by, thread_id)
        if thread["place"] != ctx.settings.place:
            raise NotAllowed(ELSEWHERE)
        running = await tx.one("running_run", thread_id=thread_id)
        if running is not None:
            raise ThreadBusy("A run is under way. Wait for it, or stop it, before you restore.")
        runs, changes, acts = await _read(tx, thread_id)
        if target.undo_id is not None and target.undo_id not in acts.ids:
            raise NotFound("Nothing was restored by this name on this thread.")
        since = _since(runs, target.run_id)
        moves = await _moves(tx, thread_id)
        found = [
            msgspec.structs.replace(change, path=_moved(change.path, moves))
            if change.what == "cell"
            else change
            for change in to_take_back(changes, target, since)
        ]
        return Applied(owner=thread["owner"], changes=found, last=acts.last)

    found = await ctx.database.read(body)
    for path in {change.path for change in found.changes}:
        await check_notebook_of_run(ctx, found.owner, path, "write")
    return found


@dataclass
class _Acts:
    """The acts that took something back. ``last``: the value of the newest one's event."""

    ids: set[str] = field(default_factory=set[str])
    last: dict[str, Any] = field(default_factory=dict[str, Any])


async def _read(tx: Tx, thread_id: str) -> tuple[list[tuple[str, str | None]], list[AppliedChange], _Acts]:
    """Return a thread's runs in order with the run that each resumes, all changes, and the acts that took some back."""
    runs: list[tuple[str, str | None]] = []
    changes: list[AppliedChange] = []
    acts = _Acts()
    position = 0
    while True:
        entries, end = await read_page(tx, thread_id, position, ALL, max_bytes=PAGE_BYTES)
        if end == position:
            return runs, changes, acts
        position = end
        for entry in entries:
            if b'"RUN_STARTED"' not in entry.body and not any(mark in entry.body for mark in _MARKS):
                continue
            event = decode(entry.body)
            if event["type"] == "RUN_STARTED":
                runs.append((event["runId"], event.get("parentRunId")))
            elif event.get("name") == CHANGE:
                changes.append(msgspec.convert(event["value"], AppliedChange))
            elif event.get("name") == UNDONE:
                acts.last = event["value"]
                acts.ids.add(acts.last["undoId"])


def _since(runs: list[tuple[str, str | None]], run_id: str | None) -> set[str]:
    """Return the run, and all that began after it. A run that resumes begins with the first of its pauses."""
    if run_id is None:
        return set()
    names = [name for name, _ in runs]
    if run_id not in names:
        raise RunNotFound
    parents = dict(runs)
    while (parent := parents.get(run_id)) is not None and parent in names:
        run_id = parent
    return set(names[names.index(run_id) :])


async def _moves(tx: Tx, thread_id: str) -> list[tuple[str, str]]:
    """Return how the thread's notebook was renamed, in order."""
    rows = await tx.all("moves_of_thread", thread_id=thread_id)
    details = [json.loads(row["detail"]).get("notebookPath") for row in rows]
    return [(detail["from"], detail["to"]) for detail in details if detail]


def _moved(path: str, moves: list[tuple[str, str]]) -> str:
    for old, new in moves:
        path = new if path == old else path
    return path


async def note_undone(
    ctx: Context, by: Caller, thread_id: str, changes: Sequence[AppliedChange], told: dict[str, Any]
) -> int:
    """Record what a person took back, for the person, the model and the audit. Return the journal's cursor.

    ``told``: the value of ``lobu.undone``.
    """

    async def body(tx: Tx) -> int:
        await tx.lock_threads(thread_id)
        thread = await own_thread(tx, by, thread_id)
        events = [custom(CHANGE, msgspec.to_builtins(change)) for change in changes]
        cursor = await _append(ctx, tx, thread_id, [*events, custom(UNDONE, told)])
        detail = {name: told[name] for name in ("undoId", "runId", "of", "items") if name in told}
        await record(
            ctx, tx, by, "undone", thread["owner"], thread_id, detail=ctx.settings.redactor.tree(detail)
        )
        return cursor

    return await ctx.database.write(body)
