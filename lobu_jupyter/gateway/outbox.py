"""The outbox: what webhooks are to be told, written in the transaction that makes it true.

A row is one event for one webhook. It is delivered by the server that holds the webhook's lease, at least once and under
one id, and removed then. Rows that are too old or too many are dropped, and counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from lobu_jupyter.model.client_tools import CLIENT_TOOL
from lobu_jupyter.model.clock import iso
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.runs import ErrorCode, RunStatus
from lobu_jupyter.model.text import shorten
from lobu_jupyter.model.webhooks import MAX_TITLE

from .rows import interrupt_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lobu_jupyter.model.interrupts import Decision, Interrupt, InterruptStatus
    from lobu_jupyter.model.runs import RunError
    from lobu_jupyter.model.webhooks import Hook, WebhookEvent
    from lobu_jupyter.store.tx import Row, Tx

    from .context import Context

LEASE_SECONDS = 60.0
MAX_AGE = 24 * 3600.0
MAX_ROWS = 10_000  # of one webhook
MAX_MESSAGE = 2000
MAX_ERROR = 300
BATCH = 20


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event that is to be delivered now."""

    number: int
    event_id: str
    body: bytes
    attempts: int


# -- writing


async def run_ended(ctx: Context, tx: Tx, run: Row, status: RunStatus, error: RunError | None) -> None:
    """Tell that a run has ended, and that it did so at a limit."""
    if not ctx.settings.webhooks:
        return
    told: dict[str, Any] = {"outcome": status.value}
    content: dict[str, Any] = {}
    if error is not None:
        told["errorCode"], content["message"] = error.code, shorten(error.message, MAX_MESSAGE)
    await _tell(ctx, tx, "run.ended", run, told, content)
    if error is not None and error.code == ErrorCode.BUDGET_EXCEEDED:
        await _tell(ctx, tx, "budget.exceeded", run, {}, content)


async def question_opened(ctx: Context, tx: Tx, run: Row, interrupts: Iterable[Interrupt]) -> None:
    """Tell that a run waits for a person."""
    if not ctx.settings.webhooks:
        return
    for interrupt in (one for one in interrupts if one.reason != CLIENT_TOOL):
        told = {"interruptId": interrupt.id, "reason": interrupt.reason, "expiresAt": interrupt.expires_at}
        content = {"message": shorten(interrupt.message, MAX_MESSAGE), "toolName": interrupt.tool_name}
        await _tell(ctx, tx, "question.opened", run, told, content)


async def question_decided(
    ctx: Context, tx: Tx, row: Row, status: InterruptStatus, decision: Decision | None = None
) -> None:
    """Tell that a question does not wait any more: decided, cancelled or expired."""
    if not ctx.settings.webhooks:
        return
    run = await tx.one("run", run_id=row["run_id"])
    if run is not None and interrupt_of(row).reason != CLIENT_TOOL:
        told = {"interruptId": row["interrupt_id"], "status": status.value}
        if decision is not None:
            told["decision"] = decision.kind
        await _tell(ctx, tx, "question.decided", run, told, {})


async def _tell(
    ctx: Context,
    tx: Tx,
    event: WebhookEvent,
    run: Row,
    told: Mapping[str, Any],
    content: Mapping[str, Any],
) -> None:
    wanted = [hook for hook in ctx.settings.webhooks if event in hook.events]
    if not wanted:
        return
    thread = await tx.one("thread", thread_id=run["thread_id"])
    path = thread["notebook_path"] if thread is not None else None
    about: dict[str, Any] = {
        "threadId": run["thread_id"],
        "runId": run["run_id"],
        "agent": run["agent"],
        "owner": run["owner"],
        "title": shorten(thread["title"], MAX_TITLE) if thread is not None else "",
        "link": link_of(ctx, path),
        **told,
    }
    for hook in wanted:
        data = {**about, **(content if hook.content else {})}
        data = {name: value for name, value in data.items() if value is not None}
        body = {"type": event, "timestamp": iso(ctx.now()), "data": ctx.settings.redactor.tree(data)}
        await tx.run(
            "add_webhook_event",
            event_id=new_id("msg"),
            pool=ctx.settings.pool,
            hook=hook.name,
            digest=hook.digest,
            body=msgspec.json.encode(body).decode(),
            now=ctx.now(),
        )
    tx.after(ctx.on_webhook_event)


def link_of(ctx: Context, notebook_path: str | None) -> str | None:
    """Return the address where a person finds a thread: its notebook, else JupyterLab. None without a public address."""
    base = ctx.settings.public_url
    if not base:
        return None
    return f"{base}lab/tree/{quote(notebook_path)}" if notebook_path else f"{base}lab"


# -- delivering


async def lease(ctx: Context, hook: Hook) -> bool:
    """Take or keep the lease of a webhook. Returns False if another server has it, or if the webhook is off."""
    names = {"pool": ctx.settings.pool, "hook": hook.name, "digest": hook.digest}

    async def body(tx: Tx) -> bool:
        await tx.run("add_webhook", **names)
        await tx.run("turn_webhook_on", **names)
        taken = await tx.run(
            "lease_webhook",
            pool=ctx.settings.pool,
            hook=hook.name,
            server_id=ctx.server_id,
            now=ctx.now(),
            until=ctx.now() + LEASE_SECONDS,
        )
        return taken == 1

    return await ctx.database.write(body)


async def let_go(ctx: Context, hook: Hook) -> None:
    """Give the lease back, so that another server need not wait for its end."""

    async def body(tx: Tx) -> None:
        await tx.run("release_webhook", pool=ctx.settings.pool, hook=hook.name, server_id=ctx.server_id)

    await ctx.database.write(body)


async def due(ctx: Context, hook: Hook) -> tuple[list[Delivery], float | None]:
    """Return the events to deliver now, and the seconds until the next one is due, None if none waits."""

    async def body(tx: Tx) -> tuple[list[Delivery], float | None]:
        names = {"pool": ctx.settings.pool, "hook": hook.name}
        rows = await tx.all("due_webhook_events", **names, now=ctx.now(), limit=BATCH)
        first = await tx.one("next_webhook_event", **names)
        found = [
            Delivery(
                number=row["number"],
                event_id=row["event_id"],
                body=row["body"].encode(),
                attempts=row["attempts"],
            )
            for row in rows
        ]
        return found, None if first is None else max(first["due_at"] - ctx.now(), 0.0)

    return await ctx.database.read(body)


async def delivered(ctx: Context, hook: Hook, delivery: Delivery) -> None:
    """Remove an event that the receiver has."""

    async def body(tx: Tx) -> None:
        if await tx.run("end_webhook_event", number=delivery.number):
            await tx.run("count_delivered", pool=ctx.settings.pool, hook=hook.name)

    await ctx.database.write(body)


async def failed(ctx: Context, hook: Hook, delivery: Delivery, why: str, delay: float) -> None:
    """Keep an event for a later attempt. ``why``: without the address, which is often a secret."""

    async def body(tx: Tx) -> None:
        await tx.run("delay_webhook_event", number=delivery.number, due_at=ctx.now() + delay)
        names = {"pool": ctx.settings.pool, "hook": hook.name}
        await tx.run("count_failed", **names, error=shorten(why, MAX_ERROR))

    await ctx.database.write(body)


async def turn_off(ctx: Context, hook: Hook, why: str) -> None:
    """Turn a webhook off whose receiver says that it is gone. Its events are dropped."""

    async def body(tx: Tx) -> None:
        names = {"pool": ctx.settings.pool, "hook": hook.name}
        await tx.run("turn_webhook_off", **names, error=why, now=ctx.now())
        await tx.run("drop_webhook_events", **names)

    await ctx.database.write(body)


async def trim(ctx: Context) -> None:
    """Drop and count the events that are too old, and the oldest of those that are too many."""

    async def body(tx: Tx) -> None:
        pool, until = ctx.settings.pool, ctx.now() - MAX_AGE
        for row in await tx.all("webhook_queues", pool=pool):
            names = {"pool": pool, "hook": row["hook"]}
            gone = await tx.run("drop_old_webhook_events", **names, until=until, most=MAX_ROWS)
            if gone:
                await tx.run("count_dropped", **names, dropped=gone)

    await ctx.database.write(body)


async def state(ctx: Context) -> list[dict[str, Any]]:
    """Return the configured webhooks as health shows them."""

    async def body(tx: Tx) -> list[dict[str, Any]]:
        waiting = {
            row["hook"]: row["waiting"] for row in await tx.all("webhook_queues", pool=ctx.settings.pool)
        }
        found: list[dict[str, Any]] = []
        for hook in ctx.settings.webhooks:
            row = await tx.one("webhook", pool=ctx.settings.pool, hook=hook.name)
            counts = {name: 0 if row is None else row[name] for name in ("delivered", "failed", "dropped")}
            found.append(
                {
                    "name": hook.name,
                    "host": hook.host,
                    "off": row is not None and row["digest"] == hook.digest and row["off_at"] is not None,
                    "waiting": waiting.get(hook.name, 0),
                    **counts,
                    "lastError": "" if row is None else row["error"],
                }
            )
        return found

    return await ctx.database.read(body) if ctx.settings.webhooks else []
