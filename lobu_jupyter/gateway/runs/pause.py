"""A pause of a run: its checkpoint and questions, written in the transaction that ends the run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.gateway.journal.journal import read_run
from lobu_jupyter.gateway.outbox import question_opened
from lobu_jupyter.gateway.outside import as_seen
from lobu_jupyter.gateway.rows import json_of
from lobu_jupyter.model.clock import iso
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.events import decode
from lobu_jupyter.model.interrupts import (
    Interrupt,
    decisions_unshown,
    event_of_interrupt,
    held_calls,
    interrupt_from_event,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.store.tx import Row, Tx

UNREADABLE = "its arguments are not a JSON object, or were cut, so they cannot be shown."


async def pause(
    ctx: Context,
    tx: Tx,
    run: Row,
    wires: Sequence[dict[str, Any]],
    checkpoint: str,
    owed: frozenset[str],
    where: str,
) -> list[dict[str, Any]]:
    """Write a run's questions and checkpoint, and return the questions as its RUN_FINISHED carries them.

    ``owed``: the calls that have no result yet. A question must be about one of them.

    Raises:
        InvalidField: a question is malformed, is about another call, or has an id that was used before.
    """
    completed: list[dict[str, Any]] = []
    asked: list[Interrupt] = []
    for position, wire in enumerate(wires):
        at = f"{where}[{position}]"
        interrupt = await as_seen(tx, run, await _complete(ctx, tx, run, wire, owed, at))
        if await tx.one("interrupt", thread_id=run["thread_id"], interrupt_id=interrupt.id):
            raise InvalidField("must be new on this thread", field=f"{at}.id")
        await tx.run(
            "add_interrupt",
            thread_id=run["thread_id"],
            interrupt_id=interrupt.id,
            run_id=run["run_id"],
            position=position,
            tool_call_id=interrupt.tool_call_id,
            body=json_of(interrupt),
            now=ctx.now(),
            expires_at=_seconds(interrupt.expires_at, f"{at}.expiresAt"),
        )
        whole = event_of_interrupt(interrupt)
        whole["metadata"] = {**(wire.get("metadata") or {}), **whole["metadata"]}
        completed.append({**wire, **whole})
        asked.append(interrupt)
    await tx.run("add_checkpoint", run_id=run["run_id"], thread_id=run["thread_id"], body=checkpoint)
    await question_opened(ctx, tx, run, asked)
    return completed


async def _complete(
    ctx: Context, tx: Tx, run: Row, wire: dict[str, Any], owed: frozenset[str], where: str
) -> Interrupt:
    now = ctx.now()
    try:
        interrupt = interrupt_from_event(
            wire, where, thread_id=run["thread_id"], run_id=run["run_id"], created_at=iso(now)
        )
        interrupt = msgspec.convert(msgspec.to_builtins(interrupt), Interrupt)  # checks the types too
    except msgspec.ValidationError as error:
        raise InvalidField(str(error), field=where) from error
    call = interrupt.tool_call_id
    for held in held_calls(interrupt):
        if held not in owed:
            member = "toolCallId" if held == call else "metadata.lobu.parentToolCallIds"
            raise InvalidField("must be a call that waits for a result", field=f"{where}.{member}")
    changes: dict[str, Any] = {}
    if call is not None and (interrupt.tool_name is None or not interrupt.args):
        name, args = await _journaled_call(tx, run, call)
        changes = {"tool_name": interrupt.tool_name or name, "args": interrupt.args or args or {}}
        if args is None and not interrupt.args:
            changes["unshown"] = UNREADABLE
    if changes.get("unshown") or interrupt.unshown:
        changes["decisions"] = decisions_unshown(interrupt)
    if interrupt.expires_at is None and ctx.settings.interrupt_seconds is not None:
        changes["expires_at"] = iso(now + ctx.settings.interrupt_seconds)
    return msgspec.structs.replace(interrupt, **changes)


async def _journaled_call(tx: Tx, run: Row, call: str) -> tuple[str | None, dict[str, Any] | None]:
    """Return the name and arguments of a call, as its run has journaled them before this batch.

    The arguments are None if they are not a JSON object, because they were cut or never complete.
    """
    name, parts = None, list[str]()
    for entry in await read_run(tx, run):
        if call.encode() not in entry.body:
            continue
        event = decode(entry.body)
        if event.get("toolCallId") != call:
            continue
        if event["type"] == "TOOL_CALL_START":
            name = event["toolCallName"]
        elif event["type"] == "TOOL_CALL_ARGS":
            parts.append(event["delta"])
    try:
        args = json.loads("".join(parts) or "{}")
    except json.JSONDecodeError:
        args = None
    return name, args if isinstance(args, dict) else None


def _seconds(at: str | None, where: str) -> float | None:
    if at is None:
        return None
    try:
        time = datetime.fromisoformat(at)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except ValueError as error:
        raise InvalidField("must be an ISO 8601 time", field=where) from error
