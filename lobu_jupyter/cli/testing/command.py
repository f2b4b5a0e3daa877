"""`lobu test`: execute notebooks against their recordings, with no key and no network."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import click

from lobu_jupyter.cli.printing import put_line

from .runner import notebooks_in, record, recording_for, replay

INSTALL = "lobu test needs nbclient: pip install 'lobu_jupyter[test]'"


@click.command("test")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--record", "records", is_flag=True, help="Ask the real models, and write the recordings.")
@click.option("--note", default="", help="How the recordings were made, for whoever reads them.")
@click.option("--timeout", default=600.0, show_default=True, help="Seconds for each cell.")
def test_command(paths: tuple[Path, ...], records: bool, note: str, timeout: float) -> int:
    """Execute the notebooks of PATHS; of folders, those with a recording beside them (NAME.recording.json).

    The recording answers in place of every model, and recorded decisions are made again. A request that differs fails
    and shows how.
    """
    if find_spec("nbclient") is None:
        raise click.UsageError(INSTALL)
    notebooks = notebooks_in(paths or (Path(),))
    if not notebooks:
        raise click.UsageError(
            "There is no notebook with a recording here. Make one: lobu test --record NOTEBOOK"
        )
    failed = 0
    for notebook in notebooks:
        outcome = record(notebook, timeout, note) if records else replay(notebook, timeout)
        failed += bool(outcome.failures)
        for failure in outcome.failures:
            put_line(f"FAILED {failure.told(str(notebook))}", fg="red")
        if outcome.failures:
            continue
        done = f"wrote {recording_for(notebook).name}" if records else f"{outcome.answered} requests replayed"
        put_line(f"ok {notebook} ({done})")
    put_line(f"{len(notebooks) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
