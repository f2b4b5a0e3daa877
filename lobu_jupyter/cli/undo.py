"""`lobu undo`: take back what a thread's runs changed in cells and files."""

from __future__ import annotations

import click
from msgspec import structs

from lobu_jupyter.model.errors import NotFound
from lobu_jupyter.model.requests import RunsQuery, UndoRequest
from lobu_jupyter.model.undo_words import restores, undo_lines

from .connect import reach
from .printing import as_json, put_json, put_line


@click.command("undo")
@click.argument("thread")
@click.option(
    "--to", "run_id", metavar="RUN", help="What this run and later ones changed; default: the last run."
)
@click.option("--again", "undo_id", metavar="UNDO", help="Make again what this undo took back.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_context
def undo_command(
    ctx: click.Context, thread: str, run_id: str | None, undo_id: str | None, yes: bool, as_json: bool
) -> None:
    """Take back what runs of THREAD changed in cells and files, after a preview. Variables stay as they are."""
    with reach(ctx).client() as client:
        if run_id is None and undo_id is None:
            runs = client.runs.list(RunsQuery(thread_id=thread, limit=1))
            if not runs:
                raise NotFound("No runs on this thread yet.")
            run_id = runs[0].run_id
        wish = UndoRequest(run_id=run_id, undo_id=undo_id)
        preview = client.threads.undo(thread, wish)
        put_line("\n".join(undo_lines(preview)), err=as_json)
        if not restores(preview):
            return
        if not yes:
            click.confirm("Restore?", abort=True, err=True)
        done = client.threads.undo(thread, structs.replace(wish, digest=preview["digest"]))
    if as_json:
        put_json(done)
    else:
        put_line(f"{done['message']} To undo this: lobu undo {thread} --again {done['undoId']}")
