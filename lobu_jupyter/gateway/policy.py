"""People's decisions: the open questions, the rules of a notebook, the grants, and the audit of all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.gateway.journal.hub import owner_topic
from lobu_jupyter.model.callers import KernelCaller
from lobu_jupyter.model.clock import iso
from lobu_jupyter.model.covering import CODE_TOOLS, GRANTS, call_digest
from lobu_jupyter.model.errors import InvalidField, NotFound
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.plan import MODE as PLAN_FIRST
from lobu_jupyter.model.policy import Grant, Layer, Policy, Rules
from lobu_jupyter.model.requests import AuditQuery

from .access import allow_change, own_thread, owner_of, record, scope_of
from .fencing import check_place
from .rows import grant_of, interrupt_of, json_of

if TYPE_CHECKING:
    from lobu_jupyter.model.callers import Caller, Person
    from lobu_jupyter.model.interrupts import Decision, Interrupt
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

NO_LIMIT = 2**62
MAX_PAGE = 500


async def policy_of_run(ctx: Context, tx: Tx, run: Row, thread: Row) -> Policy:
    """Return all that decides about a run's calls: server, agent, notebook, run, and the grants that hold."""
    layers = [Layer(name="server", rules=ctx.settings.rules)]
    if run["agent"] in ctx.settings.agent_rules:
        layers.append(Layer(name="agent", rules=ctx.settings.agent_rules[run["agent"]]))
    layers += await _notebook_layer(tx, thread["owner"], thread["place"], thread["notebook_path"])
    plan_first = run["mode"] == PLAN_FIRST
    if run["mode"] is not None and not plan_first:
        layers.append(Layer(name="run", rules=Rules(mode=run["mode"])))
    file = thread["place"], thread["notebook_path"]
    grants = await _grants(ctx, tx, thread["owner"], thread["thread_id"], *file)
    return Policy(
        layers=tuple(layers),
        grants=tuple(grants),
        max_mode=ctx.settings.max_mode,
        answerable=bool(run["answerable"]),
        plan_first=plan_first,
        review_cells=bool(json.loads(run["request"]).get("reviewCells")),
    )


async def _notebook_layer(tx: Tx, owner: str, place: str, notebook_path: str | None) -> list[Layer]:
    if notebook_path is None:
        return []
    row = await tx.one("rules", owner=owner, place=place, notebook_path=notebook_path)
    if row is None:
        return []
    return [Layer(name="notebook", rules=msgspec.json.decode(row["rules"], type=Rules))]


async def _grants(
    ctx: Context, tx: Tx, owner: str, thread_id: str | None, place: str, notebook_path: str | None
) -> list[Grant]:
    rows = await tx.all(
        "grants",
        owner=owner,
        now=ctx.now(),
        everything=thread_id is None and notebook_path is None,
        thread_id=thread_id,
        place=place,
        notebook_path=notebook_path,
    )
    return [grant_of(row) for row in rows]


async def policy(
    ctx: Context, by: Caller, *, thread_id: str | None = None, notebook_path: str | None = None
) -> Policy:
    """Return the rules and grants that hold for a thread or a notebook, or all grants without either."""
    owner = owner_of(by)
    if notebook_path is not None:
        await check_place(ctx, by, "read policy", notebook_path=notebook_path)
    if isinstance(by, KernelCaller) and not by.embedded and thread_id is None:
        notebook_path = by.notebook_path or ""  # else the kernel would see everything

    async def body(tx: Tx) -> Policy:
        place, path = ctx.settings.place, notebook_path
        if thread_id is not None:
            thread = await own_thread(tx, by, thread_id)
            place, path = thread["place"], thread["notebook_path"]
        layers = [Layer(name="server", rules=ctx.settings.rules)]
        layers += await _notebook_layer(tx, owner, place, path)
        grants = await _grants(ctx, tx, owner, thread_id, place, path)
        return Policy(layers=tuple(layers), grants=tuple(grants), max_mode=ctx.settings.max_mode)

    return await ctx.database.read(body)


async def permissions(ctx: Context, by: Person) -> dict[str, Any]:
    """Return all that a person has allowed, and the administrator's limits: layers, maxMode, grants, notebooks' rules."""
    owner = owner_of(by)

    async def body(tx: Tx) -> tuple[list[Row], list[Grant]]:
        place = ctx.settings.place
        rules = await tx.all("all_rules", owner=owner, place=place, most=MAX_PAGE)
        return rules, await _grants(ctx, tx, owner, None, place, None)

    rows, grants = await ctx.database.read(body)
    rules = [(row["notebook_path"], msgspec.json.decode(row["rules"], type=Rules)) for row in rows]
    agents = [{"name": name, "rules": rules} for name, rules in ctx.settings.agent_rules.items()]
    return {
        "layers": [{"name": "server", "rules": ctx.settings.rules}, *agents],
        "maxMode": ctx.settings.max_mode,
        "grants": grants,
        "notebooks": [{"notebookPath": path, "rules": own} for path, own in rules if own != Rules()],
    }


async def put_policy(ctx: Context, by: Caller, *, notebook_path: str, rules: Rules) -> Policy:
    """Replace a notebook's own rules, which can only tighten the server's."""
    owner = await allow_change(ctx, by, "policy", decides=True)
    if not notebook_path:
        raise InvalidField("must name the notebook that the rules belong to", field="notebookPath")
    await check_place(ctx, by, "policy", notebook_path=notebook_path)

    async def body(tx: Tx) -> None:
        here = {"place": ctx.settings.place, "notebook_path": notebook_path}
        await tx.run("put_rules", owner=owner, **here, rules=json_of(rules))
        detail = {"notebookPath": notebook_path, "rules": msgspec.to_builtins(rules)}
        await record(ctx, tx, by, "policy", owner, detail=detail)

    await ctx.database.write(body)
    return await policy(ctx, by, notebook_path=notebook_path)


async def add_grant(
    ctx: Context, tx: Tx, by: Caller, thread: Row, interrupt: Interrupt, decision: Decision
) -> None:
    """Add a standing approval that came with a decision.

    Raises:
        InvalidField: the question is about no tool, the grant does not fit the tool, or the grant is for the
            notebook of a thread that has none.
    """
    if interrupt.tool_name is None:
        raise InvalidField("must be left out: the question is about no tool", field="resume.payload.grant")
    assert decision.grant is not None, "the caller has looked"
    scope, covers = GRANTS[decision.grant]
    if covers == "simple" and interrupt.tool_name not in CODE_TOOLS:
        message = (
            f"must be call, thread_all or notebook_all for {interrupt.tool_name}: the others are for code"
        )
        raise InvalidField(message, field="resume.payload.grant")
    if scope == "notebook" and thread["notebook_path"] is None:
        raise InvalidField("must not be for the notebook: this thread has none", field="resume.payload.grant")
    lifetime = ctx.settings.grant_seconds
    grant_id = new_id("grant")
    await tx.run(
        "add_grant",
        grant_id=grant_id,
        owner=thread["owner"],
        tool=_literal(interrupt.tool_name),
        scope=scope,
        covers=covers,
        digest=call_digest(interrupt.tool_name, decision.edited_args or interrupt.args, interrupt.binds)
        if covers == "call"
        else None,
        thread_id=thread["thread_id"] if scope == "thread" else None,
        notebook_path=thread["notebook_path"] if scope == "notebook" else None,
        place=thread["place"],
        by=by.name,
        now=ctx.now(),
        expires_at=None if lifetime is None else ctx.now() + lifetime,
    )
    detail = {"grantId": grant_id, "tool": interrupt.tool_name, "scope": scope, "covers": covers}
    await record(ctx, tx, by, "granted", thread["owner"], thread["thread_id"], detail=detail)


def _literal(tool: str) -> str:
    """Return a glob that matches this tool only, because a worker's tool name must not widen a grant."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in tool)


async def interrupts(ctx: Context, by: Caller, *, thread_id: str | None = None) -> list[Interrupt]:
    """Return the caller's open questions, over all threads or one."""
    owner, now = owner_of(by), ctx.now()

    async def body(tx: Tx) -> list[Row]:
        if thread_id is not None:
            await own_thread(tx, by, thread_id)
        return await tx.all("open_interrupts_of_owner", owner=owner, thread_id=thread_id, **scope_of(by))

    rows = await ctx.database.read(body)
    return [interrupt_of(row) for row in rows if row["expires_at"] is None or row["expires_at"] > now]


async def revoke_grant(ctx: Context, by: Caller, grant_id: str) -> None:
    """Revoke a grant."""
    owner = await allow_change(ctx, by, "revoke", decides=True)

    async def body(tx: Tx) -> None:
        row = await tx.one("revoke_grant", grant_id=grant_id, owner=owner)
        if row is None:
            raise NotFound("There is no such grant.")
        detail = {"grantId": grant_id, "tool": row["tool"], "scope": row["scope"]}
        await record(ctx, tx, by, "revoked", owner, row["thread_id"], detail=detail)
        tx.wake(owner_topic(owner))

    await ctx.database.write(body)


async def audit(ctx: Context, by: Caller, query: AuditQuery = AuditQuery()) -> list[dict[str, Any]]:
    """Return ``{number, at, by, via, remote, action, threadId, runId, detail}``, newest first."""
    owner = owner_of(by)
    if not 1 <= query.limit <= MAX_PAGE:
        raise InvalidField(f"must be 1 to {MAX_PAGE}", field="limit")

    async def body(tx: Tx) -> list[Row]:
        bound = NO_LIMIT if query.before is None else query.before
        return await tx.all(
            "audit", owner=owner, thread_id=query.thread_id, before=bound, limit=query.limit, **scope_of(by)
        )

    return [_audit_of(row) for row in await ctx.database.read(body)]


def _audit_of(row: Row) -> dict[str, Any]:
    return {
        "number": row["number"],
        "at": iso(row["at"]),
        "by": row["who"],
        "via": row["via"],
        "remote": row["remote"],
        "action": row["action"],
        "threadId": row["thread_id"],
        "runId": row["run_id"],
        "detail": json.loads(row["detail"]),
    }
