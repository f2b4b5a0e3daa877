"""The counts of what runs have used: per run (with all that resume it), per thread, and per person and day."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.gateway.rows import json_of
from lobu_jupyter.model.budget import BUDGET, MEASURES, SCOPES, Spent, counted

if TYPE_CHECKING:
    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.model.interrupts import Decision, Interrupt
    from lobu_jupyter.store.tx import Row, Tx


def name_of_day(now: float) -> str:
    """Return the day, in UTC, that a person's limit per day is for."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


async def root_of(tx: Tx, run_id: str) -> str:
    """Return the run that a chain of resumed runs began with."""
    row = await tx.one("root_of_run", run_id=run_id)
    assert row is not None, "the run is there, and so are those that it resumes"
    return row["run_id"]


async def spent_by(
    ctx: Context, tx: Tx, owner: str, *, run_id: str, root: str, thread_id: str
) -> dict[str, Spent]:
    """Return what was used in each scope. Requests under way are counted in the same statement as those that ended."""
    rows = await tx.all("spent", owner=owner, root=root, thread_id=thread_id, day=name_of_day(ctx.now()))
    spent = {scope: Spent() for scope in SCOPES}
    for row in rows:
        if row["scope"] == "open":
            for scope in _scopes(row, run_id, thread_id):
                spent[scope].open_tokens += row["tokens"]
                spent[scope].open_micros += row["micros"]
            continue
        found = spent[row["scope"]]
        found.tokens, found.micros = row["tokens"], row["micros"]
        found.unpriced, found.seconds = row["unpriced"], row["seconds"]
        found.raised = msgspec.json.decode(row["raised"], type=dict[str, int])
    for row in await tx.all("under_way", owner=owner):
        for scope in _scopes(row, run_id, thread_id):
            spent[scope].seconds += max(0.0, ctx.now() - row["began_at"])
    return spent


def _scopes(row: Row, run_id: str, thread_id: str) -> list[str]:
    found = ["day"]
    if row["thread_id"] == thread_id:
        found.append("thread")
    if row["run_id"] == run_id:
        found.append("run")
    return found


async def spend(
    ctx: Context,
    tx: Tx,
    run: Row,
    *,
    tokens: int = 0,
    micros: int = 0,
    unpriced: int = 0,
    seconds: float = 0.0,
) -> None:
    """Add to what the run, its thread and its person have used."""
    names = {
        "run": await root_of(tx, run["run_id"]),
        "thread": run["thread_id"],
        "day": name_of_day(ctx.now()),
    }
    for scope in SCOPES:  # always in this order, so that two bodies never wait for each other
        await tx.run(
            "spend",
            owner=run["owner"],
            scope=scope,
            name=names[scope],
            tokens=tokens,
            micros=micros,
            unpriced=unpriced,
            seconds=seconds,
        )


async def charge(ctx: Context, tx: Tx, run: Row, lease: Row, usages: list[dict[str, Any]]) -> None:
    """Count a run that ends: its time, what its usage has beyond its reports, and requests that were cut off."""
    tokens, micros, unpriced = counted(usages)
    tokens, micros = max(0, tokens - lease["told_tokens"]), max(0, micros - lease["told_micros"])
    for row in await tx.all("end_reservations", run_id=run["run_id"]):
        tokens, micros = tokens + row["likely_tokens"], micros + row["likely_micros"]
    unpriced = 0 if lease["told"] else unpriced
    seconds = max(0.0, ctx.now() - lease["began_at"])
    await spend(ctx, tx, run, tokens=tokens, micros=micros, unpriced=unpriced, seconds=seconds)


async def raise_limit(ctx: Context, tx: Tx, parent: Row, interrupt: Interrupt, decision: Decision) -> None:
    """Let a run use what the person has just approved beyond their own limit. The server's limit still holds."""
    if interrupt.reason != BUDGET or decision.kind != "approve":
        return
    name, more = interrupt.args.get("limit"), interrupt.args.get("more")
    known = [f"{scope}.{measure}" for scope in SCOPES for measure in MEASURES]
    if name not in known or not isinstance(more, int) or isinstance(more, bool) or more < 0:
        return  # no limit of ours: its agent only asked
    owner, root = parent["owner"], await root_of(tx, parent["run_id"])
    rows = await tx.all("spent", owner=owner, root=root, thread_id="", day="")
    raised: dict[str, int] = {}
    for row in rows:
        if row["scope"] == "run":
            raised = msgspec.json.decode(row["raised"], type=dict[str, int])
    raised[name] = raised.get(name, 0) + more
    await tx.run("raise_limit", owner=owner, name=root, raised=json_of(raised))
