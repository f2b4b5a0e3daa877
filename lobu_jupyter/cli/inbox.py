"""`lobu inbox`: what needs your approval. At a terminal it asks about each thread in turn."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from lobu_jupyter.model.errors import Conflict
from lobu_jupyter.model.interrupts import event_of_interrupt
from lobu_jupyter.model.visible import visible_line

from .connect import reach
from .names import distance, short_id, thread_of
from .printing import as_json, put, put_card, put_line, put_table, short
from .prompts import LeftOpen
from .question import decide
from .table import ListColumn

if TYPE_CHECKING:
    from lobu_jupyter.client.http import Client
    from lobu_jupyter.model.interrupts import Interrupt

_COLUMNS = (
    ListColumn("thread", "id"),
    ListColumn("question", "id"),
    ListColumn("asked"),
    ListColumn("tool"),
    ListColumn("decisions"),
    ListColumn("expires", "time"),
)


@click.command("inbox")
@click.option("--thread", "thread_id", help="Of this thread only.")
@click.option("--list", "only_list", is_flag=True, help="List, and ask nothing.")
@as_json
@click.pass_context
def inbox_command(ctx: click.Context, thread_id: str | None, only_list: bool, as_json: bool) -> None:
    """Show what needs your approval, and decide it."""
    with reach(ctx).client() as client:
        waiting = client.policy.interrupts(thread_id=thread_id and thread_of(client, thread_id))
        if waiting and sys.stdin.isatty() and not (only_list or as_json):
            _ask(client, waiting)
            return
    put(waiting, as_json, lambda: _list(waiting))


def _list(waiting: list[Interrupt]) -> None:
    rows = [
        (i.thread_id, i.id, short(i.message), i.tool_name or "", ", ".join(i.decisions), i.expires_at or "")
        for i in waiting
    ]
    put_table(_COLUMNS, rows, "All caught up.")
    for interrupt in waiting:
        put_line(f"\n{visible_line(interrupt.thread_id)} {visible_line(interrupt.id)}")
        put_card(event_of_interrupt(interrupt), err=False)


def _ask(client: Client, waiting: list[Interrupt]) -> None:
    """Ask about each thread. Its questions are decided together, so that skipping one skips them all."""
    threads = list(dict.fromkeys(i.thread_id for i in waiting))
    for number, thread_id in enumerate(threads, 1):
        questions = [i for i in waiting if i.thread_id == thread_id]
        put_line(f"\n{number} of {len(threads)}  ", err=True, nl=False, dim=True)
        put_line(_heading(client, questions), err=True)
        try:
            started = decide(client, thread_id, [event_of_interrupt(i) for i in questions], may_skip=True)
        except LeftOpen:
            click.echo("Skipped.", err=True)
        except Conflict as error:
            put_line(error.message, err=True)
        else:
            put_line(f"Decided. Resuming as {short_id(started.run_id)}…", err=True)


def _heading(client: Client, questions: list[Interrupt]) -> str:
    thread = client.threads.get(questions[0].thread_id)
    ends = min((i.expires_at for i in questions if i.expires_at), default="")
    parts = [
        short(thread.name or thread.title) or short_id(thread.thread_id),
        visible_line(thread.notebook_path or ""),
        f"expires {distance(ends)}" if ends else "",
    ]
    return " · ".join(part for part in parts if part)
