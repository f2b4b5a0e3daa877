"""The resuming of a pause, decided whole and once. The journal has the decision before its run acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.gateway.access import allow_change, guard, own_thread, record
from lobu_jupyter.gateway.journal.journal import stamped
from lobu_jupyter.gateway.outbox import question_decided
from lobu_jupyter.gateway.outside import changed_functions
from lobu_jupyter.gateway.policy import add_grant
from lobu_jupyter.gateway.present_kernel import check_can_run, present_kernel
from lobu_jupyter.gateway.questions import check_digest, differs, refuse_changed, refuse_functions
from lobu_jupyter.gateway.rows import decision_of, interrupt_of, json_of, sparse
from lobu_jupyter.model.client_tools import ClientSide
from lobu_jupyter.model.clock import iso
from lobu_jupyter.model.errors import (
    AlreadyDecided,
    InterruptClosed,
    InterruptNotFound,
    InvalidField,
    LobuError,
)
from lobu_jupyter.model.events import custom
from lobu_jupyter.model.interrupts import Decision, InterruptStatus, decide
from lobu_jupyter.model.plan import MODE as PLAN_FIRST
from lobu_jupyter.model.plan import leaves
from lobu_jupyter.model.runs import Started

from .begin import add_run, begin
from .end import expire_due, settle
from .spending import raise_limit
from .start import bind_kernel, check_limits, client_side

if TYPE_CHECKING:
    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.gateway.present_kernel import PresentKernel
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.store.tx import Row, Tx

ResumeEntry = dict[str, Any]


async def resume(
    ctx: Context,
    by: Caller,
    thread_id: str,
    entries: list[dict[str, Any]],
    *,
    client: ClientSide | None = None,
) -> tuple[Started, bool]:
    """Decide all open interrupts with AG-UI ResumeEntries. Returns False if the same was decided before.

    Raises:
        InvalidField: an entry is missing, not offered, or does not fit. The error names it.
        InterruptNotFound, InterruptClosed: there is no such question (any more).
        AlreadyDecided: somebody decided otherwise. Its detail has the decision, person and time.
        KernelMissing, Conflict: its kernel is gone, or has another function than the one that was asked about.
        TooManyRuns: the run that continues needs a slot.
    """
    owner = await allow_change(ctx, by, "resume", thread_id, decides=True)
    _check(entries)
    await _guard(ctx, by, thread_id, entries)
    given = await client_side(ctx, by, thread_id, client or ClientSide())

    async def look(tx: Tx) -> Row:
        return await own_thread(tx, by, thread_id)

    present = await present_kernel(ctx, owner, await ctx.database.read(look))

    async def body(tx: Tx) -> tuple[Started, bool] | LobuError:
        await tx.lock_owner(owner)
        await tx.lock_threads(thread_id)
        thread = await own_thread(tx, by, thread_id)
        kernel = present.of(thread)
        if await expire_due(ctx, tx, thread_id):
            return InterruptClosed()  # returned, not raised: the expiry stays
        rows = [await _row(tx, thread_id, entry, index) for index, entry in enumerate(entries)]
        if settled := [row for row in rows if row["status"] != InterruptStatus.OPEN]:
            return await _repeated(tx, rows, entries, settled), False
        if changed := [row for row, entry in zip(rows, entries, strict=True) if differs(row, entry)]:
            return await refuse_changed(ctx, tx, by, thread, changed)
        decisions = await _decide_all(tx, thread_id, rows, entries)
        await check_can_run(tx, kernel, rows, decisions)
        if outdated := await changed_functions(tx, kernel.kernel_id, rows, decisions):
            return await refuse_functions(ctx, tx, by, thread, outdated)
        return await _go_on(ctx, tx, by, thread, kernel, rows, decisions, entries, given), True

    outcome = await ctx.database.write(body)
    if isinstance(outcome, LobuError):
        raise outcome
    return outcome


def _check(entries: list[ResumeEntry]) -> None:
    if not entries:
        raise InvalidField("must have at least one decision", field="resume")
    seen = set[str]()
    for index, entry in enumerate(entries):
        name = entry.get("interruptId")
        if not isinstance(name, str) or not name:
            raise InvalidField("must be the id of an interrupt", field=f"resume[{index}].interruptId")
        if name in seen:
            raise InvalidField("must not be decided twice", field=f"resume[{index}].interruptId")
        seen.add(name)
        check_digest(entry, index)


async def _guard(ctx: Context, by: Caller, thread_id: str, entries: list[ResumeEntry]) -> None:
    """Pass the texts of the decisions to the guardrail, and refuse the server's own keys in them."""
    texts = [text for entry in entries for text in _texts(entry.get("payload"))]
    if any(ctx.settings.redactor.text(text) != text for text in texts):
        raise InvalidField(
            "must not hold a key or token of the server, because what runs is journaled", field="resume"
        )
    await guard(ctx, by, texts, "resume", thread_id)


def _texts(payload: Any) -> list[str]:
    """Return every text in a payload, however deep."""
    if isinstance(payload, str):
        return [payload]
    if isinstance(payload, dict):
        payload = list(payload.values())
    if isinstance(payload, list):
        return [text for part in payload for text in _texts(part)]
    return []


async def _row(tx: Tx, thread_id: str, entry: ResumeEntry, index: int) -> Row:
    row = await tx.one("interrupt", thread_id=thread_id, interrupt_id=entry["interruptId"])
    if row is None:
        raise InterruptNotFound(field=f"resume[{index}].interruptId")
    return row


async def _repeated(tx: Tx, rows: list[Row], entries: list[ResumeEntry], settled: list[Row]) -> Started:
    """Return the winner's run, if `entries` repeat its whole decision.

    Raises:
        InterruptClosed: one of the interrupts was closed without a decision.
        AlreadyDecided: somebody decided otherwise. The error has the decision, person and time.
    """
    for row in settled:
        if row["status"] != InterruptStatus.RESOLVED:
            raise InterruptClosed(interruptId=row["interrupt_id"], status=row["status"])
    winner = settled[0]
    batch = await tx.all("resolved_interrupts", run_id=winner["resumed_by"])
    same = {row["interrupt_id"] for row in batch} == {row["interrupt_id"] for row in rows}
    if not same or not all(_repeats(row, entry) for row, entry in zip(rows, entries, strict=True)):
        raise AlreadyDecided(
            interruptId=winner["interrupt_id"],
            runId=winner["resumed_by"],
            decision=sparse(decision_of(winner)),
            by=winner["decided_by"],
            via=winner["decided_via"],
            at=iso(winner["decided_at"]),
        )
    run = await tx.one("run", run_id=winner["resumed_by"])
    assert run is not None, "a resolved interrupt has its run"
    return Started(run_id=run["run_id"], thread_id=run["thread_id"], cursor=run["cursor"])


def _repeats(row: Row, entry: ResumeEntry) -> bool:
    try:
        return not differs(row, entry) and decide(entry, interrupt_of(row), "resume") == decision_of(row)
    except InvalidField:
        return False


async def _decide_all(tx: Tx, thread_id: str, rows: list[Row], entries: list[ResumeEntry]) -> list[Decision]:
    waiting = await tx.all("open_interrupts", thread_id=thread_id)
    for row in waiting:
        if row["interrupt_id"] not in {entry["interruptId"] for entry in entries}:
            raise InvalidField(
                f"must decide {row['interrupt_id']} too: open questions are decided together", field="resume"
            )
    return [
        decide(entry, interrupt_of(row), f"resume[{index}]")
        for index, (entry, row) in enumerate(zip(entries, rows, strict=True))
    ]


async def _go_on(
    ctx: Context,
    tx: Tx,
    by: Caller,
    thread: Row,
    kernel: PresentKernel,
    rows: list[Row],
    decisions: list[Decision],
    entries: list[ResumeEntry],
    client: dict[str, Any],
) -> Started:
    """Settle the questions and begin the run that continues."""
    parent = await tx.one("run", run_id=rows[0]["run_id"])
    assert parent is not None, "an interrupt has its run"
    await check_limits(ctx, tx, thread["owner"], parent["pool"])
    if kernel.moved and kernel.kernel_id is not None:
        await bind_kernel(ctx, tx, by, thread, kernel.kernel_id, mine=True)
    planned = _approves_plan(parent, rows, decisions)
    run_id = await add_next(ctx, tx, parent, thread, kernel.kernel_id, client, planned=planned)
    digests: dict[str, str] = {e["interruptId"]: e["digest"] for e in entries if e.get("digest") is not None}
    events: list[bytes] = []
    for row, decision in zip(rows, decisions, strict=True):
        digest = digests.get(row["interrupt_id"])
        await _settle(ctx, tx, by, thread, row, decision, run_id, digest)
        await raise_limit(ctx, tx, parent, interrupt_of(row), decision)
        events.append(_decided(ctx, by, row, decision, digest))
    if planned:
        await record(ctx, tx, by, "plan approved", thread["owner"], thread["thread_id"], run_id)
    cursor = await begin(ctx, tx, run_id, resume=[_only(entry) for entry in entries], first=events)
    return Started(run_id=run_id, thread_id=thread["thread_id"], cursor=cursor)


def _approves_plan(parent: Row, rows: list[Row], decisions: list[Decision]) -> bool:
    """Return True if a person has approved the plan of a run in the mode *Plan first*. Nothing else ends the mode."""
    return parent["mode"] == PLAN_FIRST and any(
        decision.kind in ("approve", "edit") and leaves(interrupt_of(row).tool_name, parent["agent"])
        for row, decision in zip(rows, decisions, strict=True)
    )


def _only(entry: ResumeEntry) -> ResumeEntry:
    """Return the members of a decision. No other member of the request is kept."""
    return {name: entry[name] for name in ("interruptId", "status", "payload") if name in entry}


async def add_next(
    ctx: Context,
    tx: Tx,
    parent: Row,
    thread: Row,
    kernel_id: str | None,
    client: dict[str, Any] | None = None,
    *,
    planned: bool = False,
) -> str:
    """Add the run that continues after the pause of `parent`, with the same agent and in its pool, and return its id.

    Only the kernel may be another: the one that the thread is bound to now, if its owner may use it.
    ``client``: the tools and state that the client gives anew. ``planned``: its plan was approved, so it may act.
    """
    kept = {name: parent[name] for name in ("agent", "model", "mode", "answerable", "pool")}
    if planned:
        kept["mode"] = None
    before: dict[str, Any] = msgspec.json.decode(parent["request"])
    request = {"context": before.get("context") or []}
    passed = ("tools", "modelSettings", "trace", "workIn", "belowCell", "reviewCells")
    request |= {name: before[name] for name in passed if before.get(name)}
    return await add_run(
        ctx,
        tx,
        thread["thread_id"],
        thread["owner"],
        **kept,
        kernel_id=kernel_id,
        parent_run_id=parent["run_id"],
        request=json_of({**request, **(client or {})}),
        cursor=thread["cursor"],
    )


async def _settle(
    ctx: Context,
    tx: Tx,
    by: Caller,
    thread: Row,
    row: Row,
    decision: Decision,
    run_id: str,
    digest: str | None,
) -> None:
    await settle(
        tx,
        row,
        InterruptStatus.RESOLVED,
        now=ctx.now(),
        decision=json_of(decision),
        by=by.name,
        via=by.via,
        resumed_by=run_id,
    )
    await question_decided(ctx, tx, row, InterruptStatus.RESOLVED, decision)
    interrupt = interrupt_of(row)
    detail = {"toolName": interrupt.tool_name, "decision": sparse(decision), "digest": digest}
    if interrupt.agent_mode is not None:
        detail["agentMode"] = interrupt.agent_mode
    tx.after(lambda: ctx.observer.decided(run_id, thread["thread_id"], decision.kind, by.via))
    await record(
        ctx, tx, by, f"decided {decision.kind}", thread["owner"], thread["thread_id"], run_id, detail
    )
    if decision.grant is not None:
        await add_grant(ctx, tx, by, thread, interrupt, decision)


def _decided(ctx: Context, by: Caller, row: Row, decision: Decision, digest: str | None) -> bytes:
    value: dict[str, Any] = {
        "toolCallId": row["tool_call_id"],
        "decision": sparse(decision),
        "by": by.name,
        "via": by.via,
        "at": iso(ctx.now()),
    }
    if digest is not None:
        value["digest"] = digest
    return stamped(custom("lobu.decision", value), ctx.now())
