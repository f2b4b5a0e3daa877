"""`lobu grants`: what runs without asking, and how to take it back."""

from __future__ import annotations

import click
import msgspec

from lobu_jupyter.model.covering import words_of
from lobu_jupyter.model.policy import Grant

from .connect import reach
from .names import grant_of, thread_of
from .printing import as_json, put, put_json, put_line, put_table
from .table import ListColumn


@click.group("grants", invoke_without_command=True)
@click.option("--thread", "thread_id", help="Those that hold in this thread.")
@as_json
@click.pass_context
def grants_command(ctx: click.Context, thread_id: str | None, as_json: bool) -> None:
    """List what you approved for good, until you revoke it."""
    if ctx.invoked_subcommand is not None:
        return
    with reach(ctx).client() as client:
        view = client.policy.get(thread_id=thread_id and thread_of(client, thread_id))
    held = msgspec.convert(view.get("grants", []), list[Grant])
    rows = [
        (
            one.grant_id,
            one.tool,
            words_of(one),
            one.thread_id or one.notebook_path or "",
            one.created_at,
            one.expires_at or "revoked",
        )
        for one in held
    ]
    columns = (
        ListColumn("grant", "id"),
        ListColumn("tool"),
        ListColumn("runs without asking"),
        ListColumn("where", "id"),
        ListColumn("since", "time"),
        ListColumn("until", "time"),
    )
    put(held, as_json, lambda: put_table(columns, rows, "Nothing is granted: what asks, asks."))


@grants_command.command("revoke")
@click.argument("grant")
@as_json
@click.pass_context
def revoke_command(ctx: click.Context, grant: str, as_json: bool) -> None:
    """Take GRANT back. A run that has begun keeps it until it ends."""
    with reach(ctx).client() as client:
        grant = grant_of(client, grant)
        client.policy.revoke(grant)
    if as_json:
        put_json({"revoked": grant})
    else:
        put_line(f"{grant} is revoked; what it covered asks again, from the next run on.")
