"""`lobu completion`: the script by which a shell completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """The script for SHELL; as in: eval "$(lobu completion bash)"."""
    complete = get_completion_class(shell)
    assert complete is not None, "click knows the shells that are offered"
    click.echo(complete(ctx.find_root().command, {}, "lobu", "_LOBU_COMPLETE").source())
