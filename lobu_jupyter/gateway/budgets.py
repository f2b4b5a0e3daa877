"""Budgets: what agents have used, the limits that hold, and the verdict on each further request to a model.

A worker asks before each request, and says afterwards what it has used. The question is judged under the owner's
lock, together with the most that the requests under way may still use. So near a limit one request is made at a
time, and a limit is passed by one request at most.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.gateway.journal.hub import owner_topic
from lobu_jupyter.gateway.runs.spending import root_of, spend, spent_by
from lobu_jupyter.model.budget import (
    SCOPES,
    Budgets,
    Reserve,
    Spend,
    SpendVerdict,
    Spent,
    amount,
    check_below,
    over,
)
from lobu_jupyter.model.clock import iso
from lobu_jupyter.model.errors import StaleIncarnation

from .access import allow_change, own_thread, owner_of, record
from .rows import json_of

if TYPE_CHECKING:
    from lobu_jupyter.model.callers import Caller, WorkerCaller
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

NO_PRICE = "The price of this model is not known, and this server does not allow such models while a limit in dollars holds."


async def budget(ctx: Context, by: Caller, *, thread_id: str | None = None) -> dict[str, Any]:
    """Return the limits that hold for the caller, and what was used today, in a thread and in its last run."""
    owner = owner_of(by)

    async def body(tx: Tx) -> dict[str, Any]:
        own = await own_limits(tx, owner)
        last = None
        if thread_id is not None:
            await own_thread(tx, by, thread_id)
            last = await tx.one("last_run", thread_id=thread_id)
        root = await root_of(tx, last["run_id"]) if last is not None else ""
        run_id = last["run_id"] if last is not None else ""
        found = await spent_by(ctx, tx, owner, run_id=run_id, root=root, thread_id=thread_id or "")
        shown = SCOPES if last is not None else ("thread", "day") if thread_id is not None else ("day",)
        return {
            "limits": {"server": ctx.settings.budgets, "own": own},
            "used": {scope: found[scope].to_wire() for scope in shown},
            "resetsAt": _midnight(ctx),
        }

    return await ctx.database.read(body)


async def put_budget(ctx: Context, by: Caller, own: Budgets) -> dict[str, Any]:
    """Replace the caller's own limits. They hold from the next run on.

    Raises:
        InvalidField: a limit is above the server's.
    """
    owner = await allow_change(ctx, by, "budget", decides=True)
    check_below(own, ctx.settings.budgets)

    async def body(tx: Tx) -> None:
        await tx.lock_owner(owner)
        await tx.run("put_budget", owner=owner, limits=json_of(own))
        await record(ctx, tx, by, "budget", owner, detail=msgspec.to_builtins(own))
        tx.wake(owner_topic(owner))

    await ctx.database.write(body)
    return await budget(ctx, by)


async def own_limits(tx: Tx, owner: str) -> Budgets:
    """Return a person's own limits."""
    row = await tx.one("budget", owner=owner)
    return Budgets() if row is None else msgspec.json.decode(row["limits"], type=Budgets)


async def has_limits(ctx: Context, tx: Tx, owner: str) -> bool:
    """Return whether any limit holds for a person."""
    return bool(ctx.settings.budgets.limits() or (await own_limits(tx, owner)).limits())


async def take_report(ctx: Context, worker: WorkerCaller, told: Spend) -> SpendVerdict:
    """Count what a request has used, or judge whether the run may make another one. May be repeated.

    Raises:
        StaleIncarnation: the run is not this worker's (any more).
    """

    async def look(tx: Tx) -> Row | None:
        return await tx.one("run", run_id=told.run_id)

    found = await ctx.database.read(look)

    async def body(tx: Tx) -> SpendVerdict:
        await tx.lock_owner("" if found is None else found["owner"])
        run = await tx.one("run", run_id=told.run_id)
        lease = await tx.one("lease_of_worker", run_id=told.run_id, worker_id=worker.worker_id)
        if run is None or lease is None or lease["incarnation"] != worker.incarnation:
            raise StaleIncarnation
        if told.used is not None:
            await _settle(ctx, tx, run, told)
        if told.reserve is None:
            return SpendVerdict(verdict="go")
        verdict = await _judge(ctx, tx, run, told.reserve)
        if verdict.verdict == "go":
            await _hold(tx, run, told.number, told.reserve)
        return verdict

    return await ctx.database.write(body)


async def _settle(ctx: Context, tx: Tx, run: Row, told: Spend) -> None:
    """Replace a reservation by what was used. A repetition finds none."""
    used = told.used
    assert used is not None, "the caller looked"
    if await tx.run("drop_reservation", run_id=run["run_id"], number=used.number) == 0:
        return
    micros = used.micros or 0
    await tx.run("tell_lease", run_id=run["run_id"], tokens=used.tokens, micros=micros)
    unpriced = int(used.micros is None and used.tokens > 0)
    await spend(ctx, tx, run, tokens=used.tokens, micros=micros, unpriced=unpriced)
    tx.wake(owner_topic(run["owner"]))


async def _hold(tx: Tx, run: Row, number: int, most: Reserve) -> None:
    await tx.run("tell_lease", run_id=run["run_id"], tokens=0, micros=0)
    await tx.run(
        "add_reservation",
        run_id=run["run_id"],
        number=number,
        owner=run["owner"],
        thread_id=run["thread_id"],
        tokens=most.tokens,
        micros=most.micros or 0,
        likely_tokens=most.likely_tokens,
        likely_micros=most.likely_micros or 0,
    )


async def _judge(ctx: Context, tx: Tx, run: Row, most: Reserve) -> SpendVerdict:
    root = await root_of(tx, run["run_id"])
    spent = await spent_by(ctx, tx, run["owner"], run_id=run["run_id"], root=root, thread_id=run["thread_id"])
    server, own = ctx.settings.budgets.limits(), (await own_limits(tx, run["owner"])).limits()
    if most.micros is None and ctx.settings.unknown_price == "deny" and _in_dollars(server):
        return SpendVerdict(verdict="end", message=NO_PRICE)
    verdicts = [
        _judge_limit(name, server.get(name), own.get(name), spent, most)
        for name in dict.fromkeys([*server, *own])
    ]
    for wanted in ("end", "ask", "wait"):
        for verdict in verdicts:
            if verdict.verdict == wanted:
                return verdict
    return SpendVerdict(verdict="go", full=max((verdict.full for verdict in verdicts), default=0.0))


def _in_dollars(limits: dict[str, int]) -> bool:
    return any(name.endswith(".dollars") for name in limits)


def _judge_limit(
    name: str, cap: int | None, own: int | None, spent: dict[str, Spent], most: Reserve
) -> SpendVerdict:
    """Judge one limit: the server's `cap`, or the person's `own` with what they let this run use beyond it."""
    scope, _, measure = name.partition(".")
    used, under_way = spent[scope].of(measure), spent[scope].under_way(measure)
    soft = None if own is None else own + spent["run"].raised.get(name, 0)
    limits = [limit for limit in (cap, soft) if limit is not None]
    limit = min(limits)
    if cap is not None and used >= cap:
        return SpendVerdict(verdict="end", message=over(name, used, cap, own=False))
    if soft is not None and own is not None and used >= soft:
        more = max(own, 1) if cap is None else min(max(own, 1), cap - soft)
        return _question(name, used, soft, more)
    asked = {"tokens": most.tokens, "dollars": most.micros or 0, "seconds": 0}[measure]
    if under_way and used + under_way + asked > limit:
        return SpendVerdict(verdict="wait")
    return SpendVerdict(verdict="go", full=used / limit if limit else 1.0)


def _question(name: str, used: float, limit: int, more: int) -> SpendVerdict:
    told = over(name, used, limit, own=True)
    ask = {"limit": name, "used": round(used), "most": limit, "more": more}
    return SpendVerdict(verdict="ask", message=f"{told} Go on with up to {amount(name, more)} more?", ask=ask)


def _midnight(ctx: Context) -> str:
    today = datetime.fromtimestamp(ctx.now(), UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return iso((today + timedelta(days=1)).timestamp())
