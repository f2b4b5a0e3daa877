"""The ends of runs: each run gets exactly one, with its lease and all consequences, in one transaction.

The first writer wins, also between a cancellation, a natural end and a decision. A later one finds no lease and
changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.gateway import outbox
from lobu_jupyter.gateway.access import allow_change, own_run, record
from lobu_jupyter.gateway.journal.journal import append, stamped
from lobu_jupyter.gateway.rows import interrupt_of, json_of, prompt_of, run_of
from lobu_jupyter.model.client_tools import NO_ANSWER
from lobu_jupyter.model.events import Event, custom, encode, run_error, run_finished
from lobu_jupyter.model.interrupts import InterruptStatus, held_calls
from lobu_jupyter.model.runs import ErrorCode, RunError, RunInfo, RunStatus

from .begin import begin_and_end, begin_next
from .lease import drop_lease, lease_of, tell
from .spending import charge

if TYPE_CHECKING:
    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.store.tx import Row, Tx


CANCELLED = "Cancelled before it ended."
CLIENT_WENT_ON = "The application went on with another message."
CLOSED_MESSAGES = {
    InterruptStatus.CANCELLED: "Not run: cancelled while it waited for a decision.",
    InterruptStatus.EXPIRED: "Not run: nobody decided in time. Ask again to go on.",
}


async def finish(
    ctx: Context,
    tx: Tx,
    run: Row,
    status: RunStatus,
    end_cursor: int,
    *,
    usage: dict[str, int] | None = None,
    usages: list[dict[str, Any]] | None = None,
    error: RunError | None = None,
    said: bytes | bytearray = b"",
    then_next: bool = True,
) -> None:
    """Write a run's end into its row, drop its lease and begin the run that is queued behind it.

    ``said``: the words of its messages, which become searchable with its prompt. ``usages``: its TokenUsage entries,
    ``usage`` their sum.
    """
    run_id = run["run_id"]
    lease = await lease_of(tx, run_id)
    if lease is not None:
        await charge(ctx, tx, run, lease, usages or [])
    changed = await tx.run(
        "end_run",
        run_id=run_id,
        status=status,
        end_cursor=end_cursor,
        now=ctx.now(),
        usage=json_of(usage or {}),
        error_code=error.code if error else None,
        error_message=error.message if error else None,
    )
    assert changed == 1, "the caller saw its lease in this transaction"
    await drop_lease(tx, run_id)
    text = f"{prompt_of(run)}\n{said.decode()}"
    await tx.run("index_run", thread_id=run["thread_id"], run_id=run_id, text=text)
    await tx.run("drop_parent_checkpoint", run_id=run_id)
    tx.after(lambda: ctx.slices.drop(run_id))
    await outbox.run_ended(ctx, tx, run, status, error)
    code = error.code if error else None
    tx.after(lambda: ctx.observer.run_ended(run_id, run["thread_id"], run["agent"], status, code))
    if then_next:
        await begin_next(ctx, tx, run["thread_id"])


async def fail_run(
    ctx: Context, tx: Tx, run_id: str, code: ErrorCode, message: str, *, then_next: bool = True
) -> bool:
    """End a running run with RUN_ERROR. Returns False if it has ended."""
    message = ctx.settings.redactor.text(message)
    error, event = RunError(code=code, message=message), run_error(code, message)
    return await _close(ctx, tx, run_id, RunStatus.FAILED, event, message, error, then_next)


async def cancel_run(ctx: Context, tx: Tx, run_id: str, *, then_next: bool = True) -> bool:
    """End a running run with RUN_FINISHED(cancelled). Returns False if it has ended."""
    return await _close(ctx, tx, run_id, RunStatus.CANCELLED, None, CANCELLED, then_next=then_next)


async def _close(
    ctx: Context,
    tx: Tx,
    run_id: str,
    status: RunStatus,
    event: Event | None,
    why: str,
    error: RunError | None = None,
    then_next: bool = True,
) -> bool:
    await tx.lock_thread_of(run_id)
    run = await tx.one("run", run_id=run_id)
    if run is None:
        return False
    await tx.lock_leases(run["thread_id"])
    lease = await lease_of(tx, run_id)
    if lease is None:
        return False
    terminal = event or run_finished(run["thread_id"], run_id, {"type": "cancelled"})
    slice_ = await ctx.slices.take(tx, lease, lease["batch"])
    bodies = [encode(closing) for closing in slice_.close(why)]
    end = await append(tx, run["thread_id"], run_id, [*bodies, stamped(terminal, ctx.now())], ctx.now())
    if lease["worker_id"] is not None:
        await tell(tx, lease["worker_id"], "cancel", run_id, error.code if error else "cancelled")
    await finish(ctx, tx, run, status, end, error=error, said=slice_.said, then_next=then_next)
    return True


async def cancel_queued(ctx: Context, tx: Tx, run: Row) -> None:
    """End a run that has not begun: RUN_STARTED and RUN_FINISHED(cancelled) together."""
    terminal = stamped(run_finished(run["thread_id"], run["run_id"], {"type": "cancelled"}), ctx.now())
    end = await begin_and_end(ctx, tx, run, terminal)
    await finish(ctx, tx, run, RunStatus.CANCELLED, end, then_next=False)


async def close_interrupts(
    ctx: Context,
    tx: Tx,
    thread_id: str,
    status: InterruptStatus,
    *,
    by: str | None = None,
    then_next: bool = True,
    why: str | None = None,
    message: str | None = None,
) -> bool:
    """Settle all open interrupts of a thread without a decision. Returns False if there is none.

    ``why``, ``message``: the journal's words for this and for the calls that waited, if not the status's own.
    """
    rows = await tx.all("open_interrupts", thread_id=thread_id)
    if not rows:
        return False
    for row in rows:
        await settle(tx, row, status, now=ctx.now(), by=by)
        await outbox.question_decided(ctx, tx, row, status)
    for run_id in {row["run_id"] for row in rows}:
        await tx.run("drop_checkpoint", run_id=run_id)
    value: dict[str, Any] = {
        "interruptIds": [row["interrupt_id"] for row in rows],
        "toolCallIds": list(dict.fromkeys(call for row in rows for call in held_calls(interrupt_of(row)))),
        "why": why or status.value,
        "message": message or CLOSED_MESSAGES[status],
        "by": by,
    }
    await _release(tx, rows)
    await append(tx, thread_id, None, [stamped(custom("lobu.closed", value), ctx.now())], ctx.now())
    if then_next:
        await begin_next(ctx, tx, thread_id)
    return True


async def close_client_calls(
    ctx: Context, tx: Tx, thread_id: str, rows: list[Row], results: dict[str, str], *, by: str
) -> None:
    """Close open calls of the client's tools, because the client went on. Each gets its result from `results`."""
    calls = [str(row["tool_call_id"]) for row in rows]
    for row in rows:
        await settle(tx, row, InterruptStatus.CANCELLED, now=ctx.now(), by=by)
    value: dict[str, Any] = {
        "interruptIds": [row["interrupt_id"] for row in rows],
        "toolCallIds": calls,
        "why": "client",
        "message": CLIENT_WENT_ON,
        "results": {call: ctx.settings.redactor.text(results.get(call, NO_ANSWER)) for call in calls},
        "by": by,
    }
    await append(tx, thread_id, None, [stamped(custom("lobu.closed", value), ctx.now())], ctx.now())
    for run_id in {row["run_id"] for row in rows}:
        await tx.run("drop_checkpoint", run_id=run_id)
    await _release(tx, rows)


async def _release(tx: Tx, rows: list[Row]) -> None:
    """Notify the workers that hold these questions in memory that nobody will answer."""
    for run_id in dict.fromkeys(row["run_id"] for row in rows if interrupt_of(row).in_memory):
        worker = await tx.one("worker_of_run", run_id=run_id)
        if worker is not None:
            await tell(tx, worker["worker_id"], "cancel", run_id, "closed")


async def settle(tx: Tx, row: Row, status: InterruptStatus, *, now: float, **decided: Any) -> bool:
    """Settle one open interrupt. Returns False if it was settled before."""
    fields = {"decision": None, "by": None, "via": None, "resumed_by": None, **decided}
    changed = await tx.run(
        "settle_interrupt",
        thread_id=row["thread_id"],
        interrupt_id=row["interrupt_id"],
        status=status,
        now=now,
        **fields,
    )
    return changed == 1


async def expire_due(ctx: Context, tx: Tx, thread_id: str) -> bool:
    """Expire a thread's open interrupts if one is due by the clock. Returns False if none is.

    A pause is decided as a whole, so if one of its questions expires, all do.
    """
    rows = await tx.all("open_interrupts", thread_id=thread_id)
    if not any(row["expires_at"] is not None and row["expires_at"] <= ctx.now() for row in rows):
        return False
    return await close_interrupts(ctx, tx, thread_id, InterruptStatus.EXPIRED)


async def cancel(ctx: Context, by: Caller, run_id: str) -> RunInfo:
    """End a queued, running or waiting run. A run that has ended does not change."""
    owner = await allow_change(ctx, by, "cancel")

    async def body(tx: Tx) -> RunInfo:
        await tx.lock_thread_of(run_id)
        run = await own_run(tx, by, run_id)
        if await _cancel(ctx, tx, run, by.name):
            await record(ctx, tx, by, "cancelled", owner, run["thread_id"], run_id)
        return run_of(await own_run(tx, owner, run_id))

    return await ctx.database.write(body)


async def _cancel(ctx: Context, tx: Tx, run: Row, by: str) -> bool:
    match RunStatus(run["status"]):
        case RunStatus.RUNNING:
            return await cancel_run(ctx, tx, run["run_id"])
        case RunStatus.QUEUED:
            await cancel_queued(ctx, tx, run)
            return True
        case RunStatus.INTERRUPTED:
            return await _cancel_pause(ctx, tx, run, by)
        case _:
            return False


async def _cancel_pause(ctx: Context, tx: Tx, run: Row, by: str) -> bool:
    await expire_due(ctx, tx, run["thread_id"])
    waiting = await tx.all("open_interrupts", thread_id=run["thread_id"])
    if not any(row["run_id"] == run["run_id"] for row in waiting):
        return False  # decided before: another run continues
    return await close_interrupts(ctx, tx, run["thread_id"], InterruptStatus.CANCELLED, by=by)


async def cancel_all(ctx: Context, tx: Tx, thread_id: str, by: str) -> None:
    """End the running, waiting and queued runs of a thread."""
    for run in await tx.all("queued_runs", thread_id=thread_id):
        await cancel_queued(ctx, tx, run)
    running = await tx.one("running_run", thread_id=thread_id)
    if running is not None:
        await cancel_run(ctx, tx, running["run_id"], then_next=False)
    await close_interrupts(ctx, tx, thread_id, InterruptStatus.CANCELLED, by=by, then_next=False)
