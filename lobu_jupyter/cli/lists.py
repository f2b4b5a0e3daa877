"""The commands `lobu runs`, `threads` and `agents`."""

from __future__ import annotations

from typing import Any

import click

from lobu_jupyter.model.requests import RunsQuery, ThreadsQuery
from lobu_jupyter.model.runs import RunStatus

from .connect import reach
from .names import thread_of
from .printing import as_json, put, put_table, short
from .table import ListColumn

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
            RunsQuery(
                thread_id=thread_id and thread_of(client, thread_id),
                status=RunStatus(status) if status else None,
                limit=limit,
            )
        )
    rows = [
        (
            r.run_id,
            r.thread_id,
            r.status.value,
            r.agent,
            r.created_at,
            short(r.error.message if r.error else ""),
        )
        for r in runs
    ]
    columns = (
        ListColumn("run", "id"),
        ListColumn("thread", "id"),
        ListColumn("status", "status"),
        ListColumn("agent"),
        ListColumn("started", "time"),
        ListColumn("error"),
    )
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
        (t.thread_id, t.status.value, short(t.name or t.title), t.notebook_path or "", t.updated_at)
        for t in threads
    ]
    columns = (
        ListColumn("thread", "id"),
        ListColumn("status", "status"),
        ListColumn("title"),
        ListColumn("notebook"),
        ListColumn("updated", "time"),
    )
    put(threads, as_json, lambda: put_table(columns, rows, "No threads."))


@click.command("agents")
@as_json
@click.pass_context
def agents_command(ctx: click.Context, as_json: bool) -> None:
    """The agents that can be chosen, and their state: ready, not installed (and how), needs login."""
    with reach(ctx).client() as client:
        agents = client.workers.agents()
    rows = [(_name(a), str(a.get("state", "ready")), short(_about(a), 240)) for a in agents]
    columns = (ListColumn("agent"), ListColumn("state", "status"), ListColumn("what it is"))
    put(agents, as_json, lambda: put_table(columns, rows, "None: no worker has registered."))


def _name(agent: dict[str, Any]) -> str:
    return f"{agent['name']} (default)" if agent.get("default") else str(agent["name"])


def _about(agent: dict[str, Any]) -> str:
    return " ".join(str(agent[member]) for member in ("description", "hint") if agent.get(member))
