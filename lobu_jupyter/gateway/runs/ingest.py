"""The ingest of batches: each is journaled whole or not at all, once, and only from the lease's worker."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from lobu_jupyter.gateway.journal.hub import thread_topic
from lobu_jupyter.gateway.journal.journal import append, append_more, tell_readers
from lobu_jupyter.gateway.journal.slices import open_of
from lobu_jupyter.model import events as ev
from lobu_jupyter.model.bounds import MAX_BATCH_BYTES, MAX_BATCH_EVENTS
from lobu_jupyter.model.custom_events import check_custom
from lobu_jupyter.model.errors import (
    Conflict,
    InvalidField,
    LobuError,
    RunEnded,
    RunNotFound,
    StaleIncarnation,
    TooLarge,
)
from lobu_jupyter.model.interrupts import check_interrupt
from lobu_jupyter.model.runs import ErrorCode, RunError, RunStatus
from lobu_jupyter.model.streamed import is_printed
from lobu_jupyter.model.usage import add_usage, check_usage, conformant, usages_of
from lobu_jupyter.store.engine import HotBatch

from .begin import take_title
from .end import finish
from .granted import GRANTED, record_uses
from .lease import LIFE_SECONDS, extend_lease, holds, lease_of, take_batch
from .pause import pause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.model.callers import WorkerCaller
    from lobu_jupyter.model.redaction import Redactor
    from lobu_jupyter.store.bodies import Outcome
    from lobu_jupyter.store.engine import Road
    from lobu_jupyter.store.tx import Row, Tx

    from .granted import Used

_RESERVED = frozenset(
    {
        "lobu.decision",
        "lobu.closed",
        "lobu.title",
        "lobu.kernel",
        "lobu.still_running",
        "lobu.change",
        "lobu.undone",
    }
)  # the gateway's own
_DELTAS = frozenset(
    {
        ev.TextMessageContent,
        ev.TextMessageChunk,
        ev.ReasoningMessageContent,
        ev.ReasoningMessageChunk,
        ev.ToolCallArgs,
        ev.ToolCallChunk,
    }
)
_TERMINAL = (ev.RunFinished, ev.RunErrorEvent)
UNASKED_EVENTS = 64  # a batch of more is judged by its lease before its events are parsed
_STATUS = {
    "success": RunStatus.SUCCEEDED,
    "interrupt": RunStatus.INTERRUPTED,
    "cancelled": RunStatus.CANCELLED,
}
_Taken = dict[str, int]  # {"acked", "cursor"}


@dataclass(frozen=True, slots=True)
class _Checked:
    """A well-formed batch. ``terminal`` is its last event, if that ends the run."""

    batch: ev.Batch
    events: list[tuple[ev.Known, bytes]]
    terminal: ev.RunFinished | ev.RunErrorEvent | None
    clear: bool  # of secrets
    used: Used
    title: str = ""  # of an agent's session


_Judged = _Checked | _Taken | LobuError


async def ingest(ctx: Context, worker: WorkerCaller, batch: ev.Batch) -> _Taken:
    """Journal a batch, whole or not at all: ``{acked, cursor}``. Repeating the last one changes nothing.

    Raises:
        InvalidField, TooLarge: an event or the checkpoint is invalid. The error names it.
        Conflict: another batch number comes next.
        RunEnded, StaleIncarnation: the run is not this worker's (any more).
    """
    (taken,) = await ingest_each(ctx, worker, [batch])
    if isinstance(taken, LobuError):
        raise taken
    return taken


async def ingest_each(
    ctx: Context, worker: WorkerCaller, batches: Sequence[ev.Batch]
) -> list[_Taken | LobuError]:
    """Journal batches of several runs together. Returns :meth:`ingest`'s result or error for each."""
    began = perf_counter()
    judged = await _judge_each(ctx, worker, batches)
    if (road := ctx.database.engine.fast_road) is not None:
        judged = await asyncio.gather(*(_by_fast_road(ctx, road, worker, each) for each in judged))
    bodies = [partial(_take, ctx, worker, each) for each in judged if isinstance(each, _Checked)]
    outcomes = iter(await ctx.database.write_each(bodies) if bodies else [])
    taken = [_taken(next(outcomes)) if isinstance(each, _Checked) else each for each in judged]
    journaled = [len(b.events) for b, t in zip(batches, taken, strict=True) if not isinstance(t, LobuError)]
    if journaled:
        ctx.observer.ingested(sum(journaled), perf_counter() - began)
    return taken


def _taken(outcome: Outcome[_Taken]) -> _Taken | LobuError:
    return outcome.error if isinstance(outcome.error, LobuError) else outcome.result()


async def _judge_each(ctx: Context, worker: WorkerCaller, batches: Sequence[ev.Batch]) -> list[_Judged]:
    judged: list[_Judged] = []
    parsed = 0
    for batch in batches:
        many = UNASKED_EVENTS < len(batch.events) <= MAX_BATCH_EVENTS
        known = await _known(ctx, worker, batch) if many else None
        judged.append(_judge(ctx, worker, batch) if known is None else known)
        parsed += len(batch.events)
        if parsed > MAX_BATCH_EVENTS:  # parsing takes milliseconds, and other tasks wait
            parsed = 0
            await asyncio.sleep(0)
    return judged


def _judge(ctx: Context, worker: WorkerCaller, batch: ev.Batch) -> _Checked | LobuError:
    """Return the batch as checked, or the error that refuses it."""
    try:
        if batch.incarnation != worker.incarnation:
            raise StaleIncarnation
        return _check(ctx, batch)
    except LobuError as refusal:
        return refusal


def _check_size(batch: ev.Batch) -> None:
    if batch.batch < 1:
        raise InvalidField("must be at least 1", field="batch")
    if not batch.events:
        raise InvalidField("must have at least one event", field="events")
    if len(batch.events) > MAX_BATCH_EVENTS:
        raise InvalidField(f"must have at most {MAX_BATCH_EVENTS} items", field="events")


async def _known(ctx: Context, worker: WorkerCaller, batch: ev.Batch) -> _Taken | LobuError | None:
    """Judge a batch of many events by its lease and number, before they are parsed.

    Returns the result or the refusal of :func:`_take`, or None if the batch comes next.
    """
    if batch.incarnation != worker.incarnation or ctx.slices.expects(batch.run_id, batch.batch):
        return None

    async def body(tx: Tx) -> _Taken | None:
        lease = await lease_of(tx, batch.run_id)
        if lease is not None and lease["batch"] + 1 == batch.batch and holds(worker, lease):
            return None
        return await _repeated(tx, worker, batch)

    try:
        return await ctx.database.read(body)
    except LobuError as refusal:
        return refusal


def _check(ctx: Context, batch: ev.Batch) -> _Checked:
    """Check the batch without the run's state, so that nothing is written for a bad batch."""
    _check_size(batch)
    bodies = [bytes(raw) for raw in batch.events]
    if sum(map(len, bodies)) > MAX_BATCH_BYTES:
        raise TooLarge(f"The events of a batch may have {MAX_BATCH_BYTES} bytes.", field="events")
    clear = ctx.settings.redactor.clear(b"".join(bodies))
    parse = ev.parse if clear else partial(_parse_redacted, ctx.settings.redactor)
    events = [parse(body, f"events[{i}]") for i, body in enumerate(bodies)]
    used: Used = {}
    title = ""
    for i, (event, _) in enumerate(events):
        if isinstance(event, _TERMINAL) and i < len(events) - 1:
            raise InvalidField("must not follow the end of the run", field=f"events[{i + 1}]")
        if isinstance(event, ev.RunFinished):
            _check_outcome(event, f"events[{i}].outcome")
        if isinstance(event, ev.Custom) and event.name.startswith("lobu."):
            if event.name in _RESERVED:
                raise InvalidField(
                    f"must not be {event.name}, which only the gateway sends", field=f"events[{i}].name"
                )
            check_custom(event, f"events[{i}].value")
            if event.name == GRANTED:
                used[f"events[{i}]"] = event.value
            if event.name == "lobu.agent_title":
                title = str(event.value["title"])
    last = events[-1][0]
    terminal = last if isinstance(last, _TERMINAL) else None
    if terminal is not None:
        check_usage(terminal.usage or [], f"events[{len(events) - 1}].usage")
    _check_checkpoint(ctx, batch, terminal)
    return _Checked(batch, events, terminal, clear, used, title)


def _parse_redacted(redactor: Redactor, body: bytes, where: str) -> tuple[ev.Known, bytes]:
    """Parse an event and redact its secrets. A delta's are left to its stream, with the next deltas."""
    event, data = ev.parse(body, where)
    if type(event) in _DELTAS or (isinstance(event, ev.Custom) and is_printed(event)):
        return event, data
    clean = redactor.raw(data)
    return (event, data) if clean is data else ev.parse(clean, where)


def _check_checkpoint(ctx: Context, batch: ev.Batch, terminal: ev.Known | None) -> None:
    paused = isinstance(terminal, ev.RunFinished) and _outcome(terminal)["type"] == "interrupt"
    if paused and batch.checkpoint is None:
        raise InvalidField("must be given with a pause", field="checkpoint")
    if batch.checkpoint is None:
        return
    if not paused:
        raise InvalidField("must be left out unless the run pauses", field="checkpoint")
    size = len(batch.checkpoint.encode())
    if size > ctx.settings.max_checkpoint_bytes:
        limit = ctx.settings.max_checkpoint_bytes
        raise TooLarge(f"The checkpoint has {size} bytes; {limit} are allowed.", field="checkpoint")


def _check_outcome(event: ev.RunFinished, where: str) -> None:
    outcome = _outcome(event)
    if not isinstance(outcome.get("type"), str) or outcome["type"] not in _STATUS:
        raise InvalidField("must be success, interrupt or cancelled", field=f"{where}.type")
    interrupts = outcome.get("interrupts", [])
    if not isinstance(interrupts, list):
        raise InvalidField("must be a list", field=f"{where}.interrupts")
    for index, interrupt in enumerate(interrupts):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        check_interrupt(interrupt, f"{where}.interrupts[{index}]")  # pyright: ignore[reportUnknownArgumentType]


def _outcome(event: ev.RunFinished) -> dict[str, Any]:
    return event.outcome or {"type": "success"}


async def _take(ctx: Context, worker: WorkerCaller, checked: _Checked, tx: Tx) -> _Taken:
    """Journal a batch of the lease's worker."""
    batch, run_id = checked.batch, checked.batch.run_id
    await tx.lock_thread_of(run_id)
    lease = await take_batch(tx, worker, batch)
    if lease is None:
        return await _repeated(tx, worker, batch)
    slice_ = await ctx.slices.take(tx, lease, batch.batch - 1)
    if slice_.streamed is not None:
        slice_.streamed.clear = checked.clear
    owed = frozenset[str]()
    bodies: list[bytes] = []
    for i, (event, body) in enumerate(checked.events):
        if event is checked.terminal:
            owed = frozenset(slice_.unanswered)
        bodies += slice_.feed(event, body, f"events[{i}]")
    if checked.used:
        await record_uses(ctx, tx, worker, lease, checked.used)
    if batch.batch == 1:
        await tx.run("drop_parent_checkpoint", run_id=run_id)
    if checked.terminal is not None:
        cursor = await _end(ctx, tx, lease, checked, bodies[:-1], owed, slice_.said)
    else:
        cursor = await append_more(ctx, tx, lease, bodies) if bodies else lease["cursor"]
        extended = lease["deadline"] - ctx.settings.lease_seconds
        if await extend_lease(ctx, tx, lease, open_of(slice_)):
            extended = ctx.now()
            await tx.run("touch_thread", thread_id=lease["thread_id"], now=extended)
        tx.after(lambda: ctx.slices.keep(run_id, batch.batch, slice_, extended))
    if checked.title:
        await take_title(ctx, tx, lease["thread_id"], checked.title)
    return {"acked": batch.batch, "cursor": cursor}


async def _by_fast_road(ctx: Context, road: Road, worker: WorkerCaller, checked: _Judged) -> _Judged:
    """Journal a batch that ends nothing, if it comes next for a slice that this server has. Else return it as it is.

    The slice is fed before the batch is judged. If the batch is not taken, that slice is gone, and the ordinary road
    makes a new one from the journal and says why.
    """
    if not isinstance(checked, _Checked) or checked.terminal is not None or checked.used or checked.title:
        return checked
    run_id, number = checked.batch.run_id, checked.batch.batch
    slice_ = ctx.slices.take_next(run_id, number, ctx.now() - LIFE_SECONDS)
    if slice_ is None:
        return checked
    if slice_.streamed is not None:
        slice_.streamed.clear = checked.clear
    bodies: list[bytes] = []
    try:
        for i, (event, body) in enumerate(checked.events):
            bodies += slice_.feed(event, body, f"events[{i}]")
    except LobuError:
        return checked

    def after(row: Row) -> None:
        ctx.slices.keep(run_id, number, slice_)
        if bodies:
            tell_readers(ctx, row["thread_id"], run_id, row["last"] - len(bodies), bodies)
            ctx.database.engine.publish({thread_topic(row["thread_id"])})

    hot = HotBatch(run_id, number, worker.worker_id, worker.incarnation, open_of(slice_), bodies)
    row = await road.take(hot, after)
    if row is None:
        ctx.hub.wake_all()  # it may be journaled although its connection was lost
        return checked
    return {"acked": number, "cursor": row["last"]}


async def _repeated(tx: Tx, worker: WorkerCaller, batch: ev.Batch) -> _Taken:
    """Return the result of the last batch again, if this is its repetition. Any other batch is refused."""
    run = await tx.one("run_of_worker", run_id=batch.run_id, worker_id=worker.worker_id)
    if run is None or not run["worker_lives"]:
        alive = run is None and await tx.one("live_worker", worker_id=worker.worker_id)
        raise RunNotFound if alive else StaleIncarnation
    if (batch.batch, worker.incarnation) == (run["batch"], run["batch_incarnation"]):
        return {"acked": batch.batch, "cursor": run["cursor"]}
    if run["deadline"] is None:  # there is no lease
        raise RunEnded
    if not holds(worker, run):
        raise StaleIncarnation
    raise Conflict(f"Batch {run['batch'] + 1} comes next, not {batch.batch}.", expected=run["batch"] + 1)


async def _end_event(
    ctx: Context, tx: Tx, run: Row, checked: _Checked, owed: frozenset[str]
) -> dict[str, Any]:
    """Return the terminal event as journaled, with its thread, run and time. A pause is written first."""
    event = conformant(ev.decode(checked.events[-1][1]))
    event.setdefault("timestamp", int(ctx.now() * 1000))
    if isinstance(checked.terminal, ev.RunErrorEvent):
        event.setdefault("code", ErrorCode.INTERNAL.value)
        return event
    event |= {"threadId": run["thread_id"], "runId": run["run_id"]}
    event.setdefault("outcome", {"type": "success"})
    checkpoint = checked.batch.checkpoint
    if checkpoint is not None:
        where = f"events[{len(checked.events) - 1}].outcome.interrupts"
        wires = event["outcome"]["interrupts"]
        event["outcome"]["interrupts"] = await pause(ctx, tx, run, wires, checkpoint, owed, where)
    return event


async def _end(
    ctx: Context,
    tx: Tx,
    lease: Row,
    checked: _Checked,
    bodies: list[bytes],
    owed: frozenset[str],
    said: bytearray,
) -> int:
    """Journal `bodies` and the terminal event, end the run, and return the end of the journal."""
    run_id, thread_id, now, terminal = lease["run_id"], lease["thread_id"], ctx.now(), checked.terminal
    assert terminal is not None, "the caller looked"
    if bodies:  # before a pause is written, because it reads its calls from the journal
        await append(tx, thread_id, run_id, bodies, now)
    run = await tx.one("run", run_id=run_id)
    assert run is not None, "a lease has its run"
    end = await _end_event(ctx, tx, run, checked, owed)
    cursor = await append(tx, thread_id, run_id, [ev.encode(end)], now)
    usages = usages_of(end)
    used: dict[str, Any] = {"usage": add_usage({}, usages), "usages": usages}
    if isinstance(terminal, ev.RunErrorEvent):
        error = RunError(code=terminal.code or ErrorCode.INTERNAL, message=terminal.message)
        await finish(ctx, tx, run, RunStatus.FAILED, cursor, **used, error=error, said=said)
    else:
        await finish(ctx, tx, run, _STATUS[_outcome(terminal)["type"]], cursor, **used, said=said)
    return cursor
