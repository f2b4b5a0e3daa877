"""`lobu export`: a thread as a notebook that runs, as JSON, or as a recording."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .connect import reach
from .names import thread_of
from .printing import put_json, put_line


@click.command("export")
@click.argument("thread")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="A new file; default: print it."
)
@click.option("--json", "as_json", is_flag=True, help="The folded state as JSON, not a notebook.")
@click.option("--recording", is_flag=True, help="A recording for lobu test, not a notebook.")
@click.pass_context
def export_command(
    ctx: click.Context, thread: str, output: Path | None, as_json: bool, recording: bool
) -> None:
    """THREAD as a notebook: the code that ran, as decided, as runnable cells."""
    if as_json and recording:
        raise click.UsageError("Give --json or --recording, not both.")
    if output is not None and output.exists():
        raise click.UsageError(f"{output} exists; give a new name.")
    form = "recording" if recording else "json" if as_json else "notebook"
    with reach(ctx).client() as client:
        document = client.runs.export(thread_of(client, thread), form)
    if output is None:
        put_json(document)
    else:
        output.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        put_line(f"Wrote {output}.")
