"""The workers: each has an incarnation and a token, stays alive by heartbeats, and is gone with its runs."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from lobu_jupyter.gateway.runs.end import fail_run
from lobu_jupyter.gateway.runs.lease import (
    assign,
    extend_leases,
    hand_on,
    holds,
    lease_of,
    leases_of_kernel,
    leases_of_worker,
    tell,
    unassigned_leases,
)
from lobu_jupyter.gateway.runs.lost_pause import lose_pause, lose_pauses
from lobu_jupyter.model.bounds import Announced, explain
from lobu_jupyter.model.callers import Caller, WorkerCaller
from lobu_jupyter.model.errors import (
    InvalidField,
    NotAllowed,
    RunEnded,
    RunNotFound,
    StaleIncarnation,
    WorkerNotFound,
)
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.ports import ToolSpec
from lobu_jupyter.model.runs import ErrorCode

from .access import owner_of
from .fencing import check_place
from .locking import check_locked, lock_all
from .ownership import check_kernel, check_notebook_of_run, notebook_here
from .registrations import tools_of_kernel
from .rows import json_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context


async def register_worker(
    ctx: Context,
    kind: str,
    *,
    owner: str | None = None,
    agents: Sequence[dict[str, Any]] = (),
    tools: Sequence[ToolSpec] = (),
) -> dict[str, Any]:
    """Register a worker and return its new incarnation: ``{workerId, incarnation, token}``.

    Args:
        owner: the person whose runs it gets. None means a child of this server, which ends with it and
            gets everybody's runs.
    """
    check_agents(agents)
    worker_id, token = new_id("worker"), secrets.token_urlsafe(32)

    async def body(tx: Tx) -> int:
        row = await tx.one(
            "add_worker",
            worker_id=worker_id,
            kind=kind,
            child=owner is None,
            owner=owner,
            token_hash=_hash(token),
            server_id=ctx.server_id,
            pool=ctx.settings.pool,
            agents=json_of(agents),
            tools=json_of(tools),
            now=ctx.now(),
        )
        assert row is not None, "an insert returns its row"
        await take_waiting(ctx, tx)
        return row["incarnation"]

    incarnation = await ctx.database.write(body)
    return {"workerId": worker_id, "incarnation": incarnation, "token": token}


def check_agents(agents: Sequence[dict[str, Any]]) -> None:
    """Refuse agents that cannot be listed: one without a name would fail each start of a run.

    Raises:
        InvalidField: an agent is invalid. The error names the member.
    """
    try:
        msgspec.convert(agents, list[Announced])
    except msgspec.ValidationError as error:
        text, member = explain(error)
        raise InvalidField(text, field=f"agents{member}") from error


def _hash(token: str) -> str:
    """Return a plain hash: tokens have 256 random bits, so a thief of the store cannot find them."""
    return hashlib.sha256(token.encode()).hexdigest()


async def lock_waiting(ctx: Context, tx: Tx) -> set[str]:
    """Lock and return the threads whose runs wait for a worker of this server."""
    return await lock_all(tx, await unassigned_leases(ctx, tx))


async def take_waiting(ctx: Context, tx: Tx, locked: set[str] | None = None) -> None:
    """Assign the runs of this server that wait for a worker, because one has come.

    ``locked``: the threads that :func:`lock_waiting` has locked. A run of another one is taken by the next call.
    """
    locked = await lock_waiting(ctx, tx) if locked is None else locked
    for lease in await unassigned_leases(ctx, tx) if locked else []:
        if lease["thread_id"] in locked:
            await assign(ctx, tx, lease["run_id"], lease["agent"])


async def worker_of(ctx: Context, token: str, *, remote: str = "") -> WorkerCaller:
    """Return the worker that holds a token.

    Raises:
        NotAllowed: no worker holds it.
        StaleIncarnation: the worker is gone.
    """

    async def body(tx: Tx) -> Row | None:
        return await tx.one("worker_of_token", token_hash=_hash(token))

    row = await ctx.database.read(body)
    if row is None:
        raise NotAllowed("This token belongs to no worker.")
    if row["gone_at"] is not None:
        raise StaleIncarnation
    return WorkerCaller(
        worker_id=row["worker_id"], incarnation=row["incarnation"], name=row["kind"], remote=remote
    )


async def see(ctx: Context, tx: Tx, worker: WorkerCaller) -> None:
    """Record that a worker is alive.

    Raises:
        WorkerNotFound, StaleIncarnation: it is not registered, or was given up.
    """
    here = {"server_id": ctx.server_id, "pool": ctx.settings.pool}
    if await tx.run("see_worker", worker_id=worker.worker_id, now=ctx.now(), **here) == 0:
        row = await tx.one("worker", worker_id=worker.worker_id)
        raise WorkerNotFound if row is None else StaleIncarnation


async def heartbeat(ctx: Context, worker: WorkerCaller) -> None:
    """Record that the worker is alive, and so are the runs that it has fetched."""

    async def body(tx: Tx) -> None:
        await extend_leases(ctx, tx, worker.worker_id)
        await see(ctx, tx, worker)

    await ctx.database.write(body)


async def has_run_in(ctx: Context, worker_id: str, kernel_id: str) -> bool:
    """Return whether the worker has a run under way that is bound to the kernel."""

    async def body(tx: Tx) -> bool:
        leases = await leases_of_kernel(tx, kernel_id)
        return any(lease["worker_id"] == worker_id for lease in leases)

    return await ctx.database.read(body)


async def withdraw(ctx: Context, worker: WorkerCaller, run_id: str, why: str) -> None:
    """End a pause that this worker can no longer hold in memory, with ``worker_died``.

    A pause that was decided or closed meanwhile is left as it is.

    Raises:
        RunNotFound: it is not a run of this worker.
    """

    async def body(tx: Tx) -> None:
        await tx.lock_thread_of(run_id)
        await see(ctx, tx, worker)
        run = await tx.one("run", run_id=run_id)
        if run is None or run["batch_incarnation"] != worker.incarnation:
            raise RunNotFound
        await lose_pause(ctx, tx, run_id, why)

    await ctx.database.write(body)


async def notebook_of(
    ctx: Context, worker: WorkerCaller, run_id: str, action: Literal["read", "write"]
) -> tuple[str, str | None]:
    """Return the owner of a run's thread, and the path of its notebook.

    Raises:
        RunEnded, StaleIncarnation: the run is not this worker's (any more).
        RunNotFound: there is no such run.
        NotAllowed: the owner may not read or write this notebook now.
    """

    async def body(tx: Tx) -> tuple[str, str | None]:
        _, thread = await run_at_hand(tx, worker, run_id)
        return thread["owner"], notebook_here(ctx, thread)

    owner, path = await ctx.database.read(body)
    await check_notebook_of_run(ctx, owner, path, action)
    return owner, path


async def run_at_hand(tx: Tx, worker: WorkerCaller, run_id: str) -> tuple[Row, Row]:
    """Return a run that the worker holds, and its thread.

    Raises:
        RunEnded, StaleIncarnation: the run is not this worker's (any more).
        RunNotFound: there is no such run.
    """
    run = await tx.one("run", run_id=run_id)
    if run is None:
        raise RunNotFound
    lease = await lease_of(tx, run_id)
    if lease is None:
        raise RunEnded
    if not holds(worker, lease):
        raise StaleIncarnation
    thread = await tx.one("thread", thread_id=run["thread_id"])
    assert thread is not None, "a run has its thread"
    return run, thread


async def announce(ctx: Context, worker: WorkerCaller, agents: list[dict[str, Any]]) -> None:
    """Replace the worker's agents, with their states."""
    check_agents(agents)

    async def body(tx: Tx) -> None:
        await see(ctx, tx, worker)
        await tx.run("announce_agents", worker_id=worker.worker_id, agents=json_of(agents))

    await ctx.database.write(body)


async def worker_gone(ctx: Context, worker_id: str, why: str = "", exit_code: int | None = None) -> list[str]:
    """End and return the runs of a worker whose process ended. Another worker gets the unfetched ones."""
    how = f" (exit code {exit_code})" if exit_code is not None else ""
    because = f": {why}" if why else ""

    async def body(tx: Tx) -> list[str]:
        locked = await lock_all(tx, await leases_of_worker(tx, worker_id))
        if await tx.run("end_worker", worker_id=worker_id, now=ctx.now()) == 0:
            return []
        leases = await leases_of_worker(tx, worker_id)
        check_locked(locked, leases)
        ended: list[str] = []
        for lease in leases:
            run_id = lease["run_id"]
            if not lease["fetched"]:
                await hand_on(ctx, tx, run_id)
                continue
            message = (
                f"The agent's worker process ended in the middle of run {run_id}{how}{because}. Ask again."
            )
            await fail_run(ctx, tx, run_id, ErrorCode.WORKER_DIED, message)
            ended.append(run_id)
        await tx.run("drop_inbox", worker_id=worker_id)
        return ended

    ended = await ctx.database.write(body)
    await lose_pauses(ctx)
    return ended


async def no_worker(ctx: Context, message: str) -> list[str]:
    """End this server's runs that wait for a worker, with `message`, because none can be started."""

    async def body(tx: Tx) -> list[str]:
        locked = await lock_all(tx, await unassigned_leases(ctx, tx))
        waiting = await unassigned_leases(ctx, tx)
        check_locked(locked, waiting)
        for lease in waiting:
            await fail_run(ctx, tx, lease["run_id"], ErrorCode.WORKER_DIED, message)
        return [lease["run_id"] for lease in waiting]

    return await ctx.database.write(body)


async def stop_worker(ctx: Context, worker_id: str) -> None:
    """Ask a worker to end once it has nothing in flight."""

    async def body(tx: Tx) -> None:
        await tell(tx, worker_id, "stop", None)

    await ctx.database.write(body)


async def workers_for(ctx: Context, tx: Tx, owner: str) -> list[Row]:
    """Return the live workers of the pool that a person's runs may go to."""
    since = ctx.now() - ctx.settings.outside_seconds
    return await tx.all("workers_for", owner=owner, pool=ctx.pool_of(owner), since=since)


async def agents(ctx: Context, by: Caller) -> list[dict[str, Any]]:
    """Return ``{name, description, models?}`` of each agent that workers announced."""
    return (await _announced(ctx, by, None))[0]


async def tools(ctx: Context, by: Caller, kernel_id: str | None = None) -> list[ToolSpec]:
    """Return the agents' tools and those that a kernel offers."""
    return (await _announced(ctx, by, kernel_id))[1]


async def _announced(
    ctx: Context, by: Caller, kernel_id: str | None
) -> tuple[list[dict[str, Any]], list[ToolSpec]]:
    """Return the agents and tools that workers announced, and without a live child this server's too."""
    owner = owner_of(by)
    await check_place(ctx, by, "read tools", kernel_id=kernel_id)
    await check_kernel(ctx, by, kernel_id)

    async def body(tx: Tx) -> tuple[list[Row], list[ToolSpec]]:
        rows = await workers_for(ctx, tx, owner)
        if not any(row["child"] for row in rows):  # one comes on demand: the last announcement holds
            last = await tx.one("last_announcement", pool=ctx.pool_of(owner))
            rows += [last] if last is not None else []
        return rows, await tools_of_kernel(tx, kernel_id)

    rows, kernel_tools = await ctx.database.read(body)
    found = {agent["name"]: agent for row in rows for agent in _offered(json.loads(row["agents"]))}
    alive = any(row["child"] and row["gone_at"] is None for row in rows)
    fitted = _as_set if alive else _as_seen
    found |= {agent["name"]: fitted(agent, found) for agent in _offered(ctx.settings.offered)}
    specs = {t.name: t for row in rows for t in msgspec.json.decode(row["tools"], type=list[ToolSpec])}
    specs |= {tool.name: tool for tool in kernel_tools if tool.name not in specs}
    return list(found.values()), list(specs.values())


def _offered(agents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the agents that anybody may choose. A ``hidden`` one gets only the runs that name it."""
    return [agent for agent in agents if not agent.get("hidden")]


def _as_set(agent: dict[str, Any], announced: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return an announced agent with the default and model of now, which a worker announces a moment later."""
    last = announced.get(agent["name"])
    if last is None:
        return agent
    kept = {name: value for name, value in last.items() if name not in ("default", "model")}
    return kept | {name: agent[name] for name in ("default", "model") if name in agent}


def _as_seen(agent: dict[str, Any], announced: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return an agent of this server, with the "needs login" state that only a worker can have seen."""
    last = announced.get(agent["name"]) or {}
    needs = last.get("state") == "needs login" and agent.get("state") == "ready"
    return {**agent, "state": last["state"], "hint": last.get("hint", "")} if needs else agent
