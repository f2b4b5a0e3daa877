"""The beginning of a run: lease, RUN_STARTED and the hand-over to a worker, in one transaction.

The lease is written before any worker gets the run. If it cannot be written, nothing is dispatched.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lobu_jupyter.gateway.journal.hub import owner_topic
from lobu_jupyter.gateway.journal.journal import append, stamped
from lobu_jupyter.model.events import custom, run_started
from lobu_jupyter.model.ids import new_id

from .lease import add_lease, assign

if TYPE_CHECKING:
    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.store.tx import Row, Tx

TITLE_CHARS = 60
WAITS = "Decided. This waits for its Jupyter server, which is not running. It goes on when that is back, and code when the notebook has a kernel again."


async def add_run(ctx: Context, tx: Tx, thread_id: str, owner: str, **fields: Any) -> str:
    """Accept a run as queued. The caller begins it or leaves it to :func:`begin_next`."""
    run_id = new_id("run")
    defaults = {"parent_run_id": None, "client_request_id": None, "pool": ctx.pool_of(owner)}
    await tx.run(
        "add_run", **{**defaults, **fields}, run_id=run_id, thread_id=thread_id, owner=owner, now=ctx.now()
    )
    return run_id


async def begin(
    ctx: Context,
    tx: Tx,
    run_id: str,
    *,
    resume: list[dict[str, Any]] | None = None,
    first: list[bytes] | None = None,
) -> int:
    """Begin a queued run and return its cursor. ``first``: the events right after RUN_STARTED."""
    await tx.run("begin_run", run_id=run_id)
    run = await tx.one("run", run_id=run_id)
    assert run is not None, "the caller has just read or added it"
    await tx.lock_leases(run["thread_id"])
    waits = not await add_lease(ctx, tx, run)
    await title_once(ctx, tx, run)
    first = [*(first or []), *_state_of(ctx, run), *([waits_for_server(ctx)] if waits else [])]
    start = await append(tx, run["thread_id"], run_id, [_started(ctx, run, resume), *first], ctx.now())
    start -= len(first)
    await tx.run("set_start", run_id=run_id, start_cursor=start, cursor=start - 1)
    await assign(ctx, tx, run_id, run["agent"])
    tx.after(lambda: ctx.observer.run_began(run_id, run["thread_id"], run["agent"]))
    return start - 1


async def begin_next(ctx: Context, tx: Tx, thread_id: str) -> None:
    """Begin the oldest queued run of a thread that neither runs nor waits."""
    thread = await tx.one("thread", thread_id=thread_id)
    if thread is None or thread["running"] or thread["waiting"] or thread["deleted_at"] is not None:
        return
    queue = await tx.all("queued_runs", thread_id=thread_id)
    if queue and queue[0]["pool"] == ctx.settings.pool:  # else a server of its pool finds it when it sweeps
        await begin(ctx, tx, queue[0]["run_id"])


def waits_for_server(ctx: Context) -> bytes:
    """Return the event that tells the person why nothing happens yet."""
    return stamped(custom("lobu.waits", {"for": "server", "message": WAITS}), ctx.now())


async def begin_and_end(ctx: Context, tx: Tx, run: Row, terminal: bytes) -> int:
    """Journal RUN_STARTED and the end of a run that never runs, together, and return the end's seq."""
    await title_once(ctx, tx, run)
    end = await append(tx, run["thread_id"], run["run_id"], [_started(ctx, run, None), terminal], ctx.now())
    await tx.run("set_start", run_id=run["run_id"], start_cursor=end - 1, cursor=end - 2)
    tx.after(lambda: ctx.observer.run_began(run["run_id"], run["thread_id"], run["agent"]))
    return end


async def title_once(ctx: Context, tx: Tx, run: Row) -> None:
    """Make the first prompt the title of a thread without one, until somebody gives it another."""
    thread = await tx.one("thread", thread_id=run["thread_id"])
    assert thread is not None, "a run has a thread"
    title = _title_of(json.loads(run["request"]).get("message") or {})
    if thread["title"] or not title:
        return
    await tx.run("title_thread", thread_id=run["thread_id"], title=title)
    await append(
        tx, run["thread_id"], None, [stamped(custom("lobu.title", {"title": title}), ctx.now())], ctx.now()
    )


async def take_title(ctx: Context, tx: Tx, thread_id: str, title: str) -> None:
    """Give a thread the title of an agent's session, if its title is still its first prompt, as :func:`title_once` set it.

    So a title that a person gave stays, and so does an agent's earlier one.
    """
    thread, first = (
        await tx.one("thread", thread_id=thread_id),
        await tx.one("first_run", thread_id=thread_id),
    )
    if thread is None or first is None:
        return
    usual = _title_of(json.loads(first["request"]).get("message") or {})
    title = _title_of({"content": ctx.settings.redactor.text(title)})
    if not title or thread["title"] not in ("", usual) or title == thread["title"]:
        return
    await tx.run("change_title", thread_id=thread_id, title=title)
    event = stamped(custom("lobu.title", {"title": title}), ctx.now())
    await append(tx, thread_id, None, [event], ctx.now())
    tx.wake(owner_topic(thread["owner"]))


def _title_of(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, list):
        content = " ".join(part.get("text") or "" for part in content)
    line = next((line.strip() for line in str(content).splitlines() if line.strip()), "")
    return line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1].rstrip() + "…"


def _started(ctx: Context, run: Row, resume: list[dict[str, Any]] | None) -> bytes:
    request = json.loads(run["request"])
    messages = [request["message"]] if request.get("message") else []
    more: dict[str, Any] = {}
    if run["parent_run_id"]:
        more["parentRunId"] = run["parent_run_id"]
    event = run_started(run["thread_id"], run["run_id"], messages, resume=resume, **more)
    event["input"]["context"] = request.get("context") or []
    event["input"]["tools"] = request.get("tools") or []
    event["input"]["state"] = request.get("state") or {}
    return stamped(event, ctx.now())


def _state_of(ctx: Context, run: Row) -> list[bytes]:
    """Return the state that the client shares, as the event by which every reader learns it."""
    state: dict[str, Any] | None = json.loads(run["request"]).get("state")
    return [stamped({"type": "STATE_SNAPSHOT", "snapshot": state}, ctx.now())] if state else []
