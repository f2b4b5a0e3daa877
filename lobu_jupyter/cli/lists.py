"""The commands `lobu runs`, `threads`, `agents` and `inbox`."""

from __future__ import annotations

from typing import Any

import click

from lobu_jupyter.model.interrupts import event_of_interrupt
from lobu_jupyter.model.requests import RunsQuery, ThreadsQuery
from lobu_jupyter.model.runs import RunStatus
from lobu_jupyter.model.visible import visible_line

from .connect import reach
from .printing import as_json, put, put_card, put_table, short

_limit = click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)


@click.command("runs")
@click.option("--thread", "thread_id", help="Of this thread only.")
@click.option("--status", type=click.Choice([status.value for status in RunStatus]), help="Of this status.")
@_limit
@as_json
@click.pass_context
def runs_command(
    ctx: click.Context, thread_id: str | None, status: str | None, limit: int, as_json: bool
) -> None:
    """Runs, newest first."""
    with reach(ctx).client() as client:
        runs = client.runs.list(
            RunsQuery(thread_id=thread_id, status=RunStatus(status) if status else None, limit=limit)
        )
    rows = [
        (
            r.run_id,
            r.thread_id,
            r.status.value,
            r.agent,
            r.created_at[:19],
            short(r.error.message if r.error else ""),
        )
        for r in runs
    ]
    columns = ("run", "thread", "status", "agent", "started", "error")
    put(runs, as_json, lambda: put_table(columns, rows, "No runs."))


@click.command("threads")
@click.option("--search", help="With this text in title or notebook.")
@click.option("--archived", is_flag=True, help="Those that were archived.")
@_limit
@as_json
@click.pass_context
def threads_command(
    ctx: click.Context, search: str | None, archived: bool, limit: int, as_json: bool
) -> None:
    """Threads, newest first."""
    with reach(ctx).client() as client:
        threads = client.threads.list(ThreadsQuery(search=search, archived=archived, limit=limit))
    rows = [
        (t.thread_id, t.status.value, short(t.name or t.title), t.notebook_path or "", t.updated_at[:19])
        for t in threads
    ]
    columns = ("thread", "status", "title", "notebook", "updated")
    put(threads, as_json, lambda: put_table(columns, rows, "No threads."))


@click.command("agents")
@as_json
@click.pass_context
def agents_command(ctx: click.Context, as_json: bool) -> None:
    """The agents that can be chosen, and their state: ready, not installed (and how), needs login."""
    with reach(ctx).client() as client:
        agents = client.workers.agents()
    rows = [(_name(a), str(a.get("state", "ready")), short(_about(a), 240)) for a in agents]
    columns = ("agent", "state", "what it is")
    put(agents, as_json, lambda: put_table(columns, rows, "None: no worker has registered."))


def _name(agent: dict[str, Any]) -> str:
    return f"{agent['name']} (default)" if agent.get("default") else str(agent["name"])


def _about(agent: dict[str, Any]) -> str:
    return " ".join(str(agent[member]) for member in ("description", "hint") if agent.get(member))


@click.command("inbox")
@click.option("--thread", "thread_id", help="Of this thread only.")
@as_json
@click.pass_context
def inbox_command(ctx: click.Context, thread_id: str | None, as_json: bool) -> None:
    """Show what needs your approval."""
    with reach(ctx).client() as client:
        waiting = client.policy.interrupts(thread_id=thread_id)
    rows = [
        (
            i.thread_id,
            i.id,
            short(i.message),
            i.tool_name or "",
            ", ".join(i.decisions),
            (i.expires_at or "")[:19],
        )
        for i in waiting
    ]
    columns = ("thread", "interrupt", "question", "tool", "decisions", "until")

    def show() -> None:
        put_table(columns, rows, "All caught up.")
        for interrupt in waiting:
            click.echo(f"\n{visible_line(interrupt.thread_id)} {visible_line(interrupt.id)}")
            put_card(event_of_interrupt(interrupt), err=False)

    put(waiting, as_json, show)
