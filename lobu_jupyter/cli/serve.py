"""`lobu serve`: the extension in a Jupyter server of its own, as `jupyter lobu` runs it."""

from __future__ import annotations

import os
import sys

import click


@click.command("serve", context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.option("--json", "as_json", is_flag=True, help="Log as JSON lines.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def serve_command(arguments: tuple[str, ...], as_json: bool) -> None:
    """A Jupyter server with lobu_jupyter alone. ARGUMENTS are Jupyter's, as in --ServerApp.port=8888."""
    command = [sys.executable, "-m", "lobu_jupyter.server", "--no-browser", *arguments]
    if as_json:
        command.append("--Application.log_format=%(message)s")
    os.execv(sys.executable, command)  # signals and the exit code are the server's own
