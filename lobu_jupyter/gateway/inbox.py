"""The inbox: a worker's durable queue, with each run's whole task. It wakes the worker, which never polls.

A task is built when it is fetched, from the journal up to the run's start. A second fetch after a lost
response therefore returns the same task.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.gateway.journal.hub import inbox_topic
from lobu_jupyter.gateway.runs.end import fail_run
from lobu_jupyter.gateway.runs.lease import fetch_lease, lease_of
from lobu_jupyter.model.errors import StoreUnavailable
from lobu_jupyter.model.ports import InboxItem, KernelInfo, LeftOut, Resumption, Task, ToolSpec
from lobu_jupyter.model.runs import ErrorCode
from lobu_jupyter.model.tracing import Trace, Wait
from lobu_jupyter.model.transcript import messages_of

from .budgets import has_limits
from .ownership import notebook_here, usable_kernel
from .policy import policy_of_run
from .registrations import tools_of_kernel
from .rows import decision_of, interrupt_of, model_settings_of
from .workers import lock_waiting, see, take_waiting

if TYPE_CHECKING:
    from lobu_jupyter.model.callers import WorkerCaller
    from lobu_jupyter.model.fold import State
    from lobu_jupyter.model.interrupts import Decision, Interrupt
    from lobu_jupyter.model.policy import Policy
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

log = logging.getLogger(__name__)

UNREADABLE = (
    "This run could not begin: its thread cannot be read. The server's log says why; a new thread works."
)
MOST_LEFT_OUT = 100  # refusals of a thread that are remembered
MAX_WAIT = 60.0  # seconds that one request for the inbox may last


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a task, read in one transaction."""

    run: Row
    thread: Row
    lease: Row
    policy: Policy
    tools: list[ToolSpec]
    checkpoint: str | None
    decided: list[tuple[Interrupt, Decision]]
    waits: tuple[Wait, ...]
    budgeted: bool


async def inbox(ctx: Context, worker: WorkerCaller, after: int = 0, wait: float = 0.0) -> list[InboxItem]:
    """Return the worker's inbox after the item `after`. Waits up to `wait` seconds for an item."""

    async def hello(tx: Tx) -> None:
        waiting = await lock_waiting(ctx, tx)
        await see(ctx, tx, worker)
        await take_waiting(ctx, tx, waiting)  # it may have moved here from a server that is gone
        await tx.run("confirm_inbox", worker_id=worker.worker_id, after=after)

    async def look(tx: Tx) -> list[Row]:
        return await tx.all("inbox", worker_id=worker.worker_id, after=after)

    await ctx.database.write(hello)
    with ctx.hub.listen(inbox_topic(worker.worker_id)) as bell:
        while True:
            bell.clear()
            rows = await ctx.database.read(look)
            items = [item for row in rows if (item := await _item(ctx, worker, row))]
            if items or not await bell.wait(min(wait, MAX_WAIT)):
                return items


async def _item(ctx: Context, worker: WorkerCaller, row: Row) -> InboxItem | None:
    """Return the item, or None for a run that has ended, is another worker's now, or has a damaged thread."""
    if row["kind"] != "start":
        return InboxItem(seq=row["seq"], kind=row["kind"], run_id=row["run_id"], reason=row["reason"])
    if row["leased_to"] != worker.worker_id:
        return None
    run_id: str = row["run_id"]
    try:
        task = await _task(ctx, worker, run_id)
    except StoreUnavailable:
        raise
    except Exception:  # else this worker would retry for ever, and none of its runs would begin
        log.exception("no task can be made of the run %s; it fails", run_id)
        await ctx.database.write(lambda tx: fail_run(ctx, tx, run_id, ErrorCode.INTERNAL, UNREADABLE))
        return None
    return InboxItem(seq=row["seq"], kind="start", run_id=run_id, task=task) if task is not None else None


async def _task(ctx: Context, worker: WorkerCaller, run_id: str) -> Task | None:
    async def body(tx: Tx) -> _Parts | None:
        if not await fetch_lease(ctx, tx, run_id, worker):
            return None
        return await _parts(ctx, tx, run_id)

    parts = await ctx.database.write(body)
    if parts is None:
        return None
    if not await ctx.database.read(lambda tx: _is_child(tx, worker)):
        # Grants are for this server's own workers: nobody can see which questions another program skips.
        parts = replace(parts, policy=msgspec.structs.replace(parts.policy, grants=()))
    state = await ctx.snapshots.state(parts.run["thread_id"], parts.run["start_cursor"])
    owner, bound = parts.thread["owner"], parts.lease["kernel_id"]
    kernel = _kernel(ctx, parts) if await usable_kernel(ctx, owner, bound) else None
    return _task_of(ctx, parts, state, kernel)


async def _is_child(tx: Tx, worker: WorkerCaller) -> bool:
    """Return whether the worker is a process of this server, not one that a person registered."""
    row = await tx.one("live_worker", worker_id=worker.worker_id)
    return row is not None and bool(row["child"])


async def _parts(ctx: Context, tx: Tx, run_id: str) -> _Parts:
    run, lease = await tx.one("run", run_id=run_id), await lease_of(tx, run_id)
    assert run is not None, "a lease has its run"
    assert lease is not None, "it was fetched in this transaction"
    thread = await tx.one("thread", thread_id=run["thread_id"])
    assert thread is not None, "a run has a thread"
    parent = run["parent_run_id"]
    checkpoint = await tx.one("checkpoint", run_id=parent) if parent else None
    settled = await tx.all("resolved_interrupts", run_id=run_id)
    return _Parts(
        run=run,
        thread=thread,
        lease=lease,
        policy=await policy_of_run(ctx, tx, run, thread),
        tools=await tools_of_kernel(tx, run["kernel_id"]),
        checkpoint=checkpoint["body"] if checkpoint is not None else None,
        decided=[(interrupt_of(row), decision_of(row)) for row in settled],
        waits=tuple(Wait(begun=row["created_at"], ended=row["decided_at"]) for row in settled),
        budgeted=await has_limits(ctx, tx, thread["owner"]),
    )


def _task_of(ctx: Context, parts: _Parts, state: State, kernel: KernelInfo | None) -> Task:
    run, lease, thread = parts.run, parts.lease, parts.thread
    request: dict[str, Any] = json.loads(run["request"])
    resumption = None
    if parts.checkpoint is not None:
        interrupts, decisions = zip(*parts.decided, strict=True)
        resumption = Resumption(checkpoint=parts.checkpoint, interrupts=interrupts, decisions=decisions)
    return Task(
        run_id=run["run_id"],
        thread_id=run["thread_id"],
        incarnation=lease["incarnation"],
        agent=run["agent"],
        model=run["model"],
        model_settings=model_settings_of(run),
        messages=tuple(messages_of(state)),
        context=tuple(request.get("context") or []),
        policy=parts.policy,
        kernel=kernel,
        root=ctx.settings.root,
        allow_hidden=ctx.settings.allow_hidden,
        notebook_path=notebook_here(ctx, thread),
        resumption=resumption,
        limits=dict(ctx.settings.limits),
        agent_rules=dict(ctx.settings.agent_rules),
        sessions=_sessions(state),
        client_tools=_client_tools(request),
        state=request.get("state") or _shared(state["state"]),
        budgeted=parts.budgeted,
        trace=_trace(request, parts.waits),
        left_out=_left_out(state),
        work_in=request.get("workIn") or "chat",
        below_cell=request.get("belowCell"),
    )


def _trace(request: dict[str, Any], waits: tuple[Wait, ...]) -> Trace | None:
    kept = request.get("trace")
    return None if kept is None else msgspec.structs.replace(msgspec.convert(kept, Trace), waits=waits)


def _shared(state: Any) -> dict[str, Any] | None:
    """Return the state as of the last STATE_SNAPSHOT, None if there is none to share."""
    return state if isinstance(state, dict) and state else None  # pyright: ignore[reportUnknownVariableType]


def _client_tools(request: dict[str, Any]) -> tuple[ToolSpec, ...]:
    """Return the tools that the run's client offers. The client asks its person, so they ask nobody here."""
    return tuple(
        ToolSpec(
            name=tool["name"],
            description=tool.get("description") or "",
            parameters=tool.get("parameters") or {"type": "object", "properties": {}},
            approval=False,
        )
        for tool in request.get("tools") or []
    )


def _left_out(state: State) -> tuple[LeftOut, ...]:
    """Return what the thread's own runs left out because a provider refused it, the newest at the end."""
    found = [
        msgspec.convert(item["value"], LeftOut, strict=False)
        for item in state["items"]
        if item["kind"] == "notice"
        and item["name"] == "lobu.left_out"
        and not item.get("subagentRunId")
        and isinstance(item["value"], dict)
        and "parts" in item["value"]
    ]
    return tuple(found[-MOST_LEFT_OUT:])


def _sessions(state: State) -> dict[str, dict[str, Any]]:
    """Return each external agent's newest session. ``chosen`` stays only if a person approved that mode."""
    found: dict[str, dict[str, Any]] = {}
    approved = set[tuple[str, str]]()
    for item in state["items"]:
        if item["kind"] == "tool" and item["name"].endswith("__mode"):
            approved |= _approved_mode(item)
        if item["kind"] != "notice" or item["name"] != "lobu.session" or not isinstance(item["value"], dict):
            continue
        value: dict[str, Any] = item["value"]
        agent, chosen = str(value.get("agent")), value.get("chosen")
        decided = chosen is not None and (f"{agent}__mode", chosen) in approved
        if "agent" in value:
            found[agent] = {k: v for k, v in value.items() if k != "chosen" or decided}
    return found


def _approved_mode(item: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the agent's mode if a person approved this call. The gateway itself journals the decision."""
    decision: dict[str, Any] = (item.get("decision") or {}).get("decision") or {}
    try:
        mode = json.loads(item["args"])["mode"]
    except (ValueError, KeyError, TypeError):
        return set()
    return {(item["name"], str(mode))} if decision.get("kind") == "approve" else set()


def _kernel(ctx: Context, parts: _Parts) -> KernelInfo:
    lease = parts.lease
    connection = ctx.kernels.connection(lease["kernel_id"]) if ctx.kernels is not None else None
    return KernelInfo(
        kernel_id=lease["kernel_id"],
        incarnation=lease["kernel_incarnation"],
        connection=connection,
        language=ctx.kernels.language(lease["kernel_id"]) if ctx.kernels is not None else "python",
        tools=tuple(parts.tools),
    )
