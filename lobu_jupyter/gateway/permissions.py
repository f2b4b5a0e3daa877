"""Permits for outside workers: each changes a notebook only by an allowed or approved tool call of its run.

The server does not take the worker's word. Each change names a call of the run's journal that has no result yet.
The call's tool and arguments must mean exactly this change, and the policy must allow the tool, or a person
must have approved these arguments. Each call is good for one change of each kind, and a change that was made
is not made again. Workers of this server judge their own calls, as for every other tool.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from lobu_jupyter.gateway.journal.journal import read_run
from lobu_jupyter.model.errors import Conflict, LobuError, NotAllowed
from lobu_jupyter.model.events import decode
from lobu_jupyter.model.notebooks import Read, is_meant, tools_for
from lobu_jupyter.model.policy import Policy, Verdict, judge

from .access import record
from .policy import policy_of_run
from .rows import decision_of, interrupt_of
from .workers import run_at_hand

if TYPE_CHECKING:
    from lobu_jupyter.model.callers import WorkerCaller
    from lobu_jupyter.model.notebooks import Request
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

ASKED, MADE, REFUSED = "notebook change", "notebook changed", "refused notebook change"
NO_CALL = (
    "An outside worker changes a notebook only by a tool call of this run. Journal the call, ask about it if the "
    "policy says so, and name it as toolCallId."
)
NOT_MEANT = "The tool call does not mean exactly this change: its name must be {tools}, its arguments those of the change."
NOT_APPROVED = "Nobody has approved this tool call. End the run with an interrupt about it first."
ANSWERED = "This tool call has its result already, so it changes nothing any more."
USED = "This tool call has made another change already. Each call is good for one."


@dataclass(frozen=True)
class Permit:
    """A permit at a notebook. ``made``: this change was made before and must not be made again."""

    outside: bool
    made: bool = False


class _JournaledCall(NamedTuple):
    tool: str
    args: dict[str, Any]
    approved: bool


async def permit(
    ctx: Context, worker: WorkerCaller, run_id: str, call_id: str | None, request: Request
) -> Permit:
    """Check that the worker may do this at the notebook of its run now. A refusal is in the audit.

    Raises:
        NotAllowed: no such call of the run is allowed or approved.
        Conflict: the call was used for another change, or has its result.
    """

    async def body(tx: Tx) -> Permit | LobuError:
        await tx.lock_thread_of(run_id)
        run, thread = await run_at_hand(tx, worker, run_id)
        row = await tx.one("worker", worker_id=worker.worker_id)
        if row is not None and row["child"]:
            return Permit(outside=False)
        detail = _detail(call_id, request)
        try:
            made = await _judge(ctx, tx, run, thread, detail, request)
        except LobuError as refusal:
            detail["why"] = refusal.message
            await record(ctx, tx, worker, REFUSED, thread["owner"], thread["thread_id"], run_id, detail)
            return refusal  # returned, not raised: the audit stays
        if not made and not isinstance(request, Read):
            await record(ctx, tx, worker, ASKED, thread["owner"], thread["thread_id"], run_id, detail)
        return Permit(outside=True, made=made)

    verdict = await ctx.database.write(body)
    if isinstance(verdict, LobuError):
        raise verdict
    return verdict


async def note_change(
    ctx: Context, worker: WorkerCaller, run_id: str, call_id: str | None, request: Request
) -> None:
    """Record that a permitted change was made, so that it is not made again."""

    async def body(tx: Tx) -> None:
        run = await tx.one("run", run_id=run_id)
        assert run is not None, "a change was permitted for it"
        detail = _detail(call_id, request)
        await record(ctx, tx, worker, MADE, run["owner"], run["thread_id"], run_id, detail)

    await ctx.database.write(body)


def _detail(call_id: str | None, request: Request) -> dict[str, Any]:
    """Return a change as the audit has it. Its content is in the journal, so a digest is enough."""
    wish: dict[str, Any] = msgspec.to_builtins(request)
    digest = hashlib.sha256(json.dumps(wish, sort_keys=True).encode()).hexdigest()
    return {"toolCallId": call_id, "do": wish["do"], "cell": wish.get("cell"), "digest": digest}


async def _judge(
    ctx: Context, tx: Tx, run: Row, thread: Row, detail: dict[str, Any], request: Request
) -> bool:
    """Return whether this change was made before.

    Raises:
        NotAllowed, Conflict: the change may not be made.
    """
    policy = await policy_of_run(ctx, tx, run, thread)
    if isinstance(request, Read) and _verdict(policy, "read_notebook", asks=False) is Verdict.ALLOW:
        return False
    if detail["toolCallId"] is None:
        raise NotAllowed(NO_CALL, field="toolCallId")
    call = await _call(tx, run, detail["toolCallId"])
    if call is None:
        raise NotAllowed(NO_CALL, field="toolCallId")
    _check(policy, call, request)
    if isinstance(request, Read):
        return False
    return await _was_made(tx, run, detail)


def _check(policy: Policy, call: _JournaledCall, request: Request) -> None:
    verdict = _verdict(policy, call.tool, asks=not isinstance(request, Read))
    if verdict is Verdict.DENY:
        raise NotAllowed(f"The policy denies {call.tool}.", field="toolCallId")
    if verdict is Verdict.ASK and not call.approved:
        raise NotAllowed(NOT_APPROVED, field="toolCallId")
    if not is_meant(request, call.tool, call.args):
        raise NotAllowed(NOT_MEANT.format(tools=" or ".join(tools_for(request))), field="request")


def _verdict(policy: Policy, tool: str, *, asks: bool) -> Verdict:
    return judge(policy, tool, asks).verdict


async def _call(tx: Tx, run: Row, call_id: str) -> _JournaledCall | None:
    """Return the call with this id as decided, else as this run journaled it, else None.

    Raises:
        Conflict: the call has its result already.
    """
    tool, parts, complete = None, list[str](), False
    for entry in await read_run(tx, run):
        if call_id.encode() not in entry.body:
            continue
        event = decode(entry.body)
        if event.get("toolCallId") != call_id:
            continue
        if event["type"] == "TOOL_CALL_START":
            tool = event["toolCallName"]
        elif event["type"] == "TOOL_CALL_ARGS":
            parts.append(event["delta"])
        elif event["type"] == "TOOL_CALL_END":
            complete = True
        elif event["type"] == "TOOL_CALL_RESULT":
            raise Conflict(ANSWERED, field="toolCallId")
    for row in await tx.all("resolved_interrupts", run_id=run["run_id"]):
        if row["tool_call_id"] == call_id:
            return _decided(row)
    try:
        args = json.loads("".join(parts) or "{}")
    except json.JSONDecodeError:
        return None
    return (
        _JournaledCall(tool, args, approved=False) if tool and complete and isinstance(args, dict) else None
    )


def _decided(row: Row) -> _JournaledCall | None:
    interrupt, decision = interrupt_of(row), decision_of(row)
    if decision.kind not in ("approve", "edit") or interrupt.tool_name is None:
        return None
    args = interrupt.args if decision.edited_args is None else decision.edited_args
    return _JournaledCall(interrupt.tool_name, args, approved=True)


async def _was_made(tx: Tx, run: Row, detail: dict[str, Any]) -> bool:
    """Return whether the call has made this change.

    Raises:
        Conflict: the call has made another one.
    """
    for row in await tx.all("notebook_changes", thread_id=run["thread_id"], run_id=run["run_id"]):
        before = json.loads(row["detail"])
        if (before["toolCallId"], before["do"]) != (detail["toolCallId"], detail["do"]):
            continue
        if before["digest"] != detail["digest"]:
            raise Conflict(USED, field="toolCallId")
        if row["action"] == MADE:
            return True
    return False
