"""The command `lobu`. Each subcommand is imported when it is used, so that all of them start fast.

Exit codes: 0 is success, 1 a failure (of an agent or a server, or a time-out), 2 wrong usage, 130 and 143 an
interrupt.
"""

from __future__ import annotations

import io
import sys
from importlib import import_module

import click

_COMMANDS = {
    "chat": ("chat", "Ask an agent; without a prompt, a conversation."),
    "exec": ("exec.command", "Run a command as an agent: what it prints becomes a run."),
    "runs": ("lists", "Runs, newest first."),
    "threads": ("lists", "Threads, newest first."),
    "agents": ("lists", "The agents that can be chosen, and their state."),
    "inbox": ("inbox", "Show what needs your approval, and decide it."),
    "approve": ("decide", "Let the calls run that a thread waits with."),
    "reject": ("decide", "Refuse the calls, or the questions, that a thread waits with."),
    "answer": ("decide", "Answer the questions that a thread waits with."),
    "cancel": ("decide", "Cancel a run."),
    "undo": ("undo", "Take back what runs changed in cells and files."),
    "grants": ("grants", "What you approved for good; take it back."),
    "budget": ("budget", "What agents have used, and your own limits."),
    "export": ("export", "A thread as a notebook or as JSON."),
    "test": ("testing.command", "Execute notebooks against recordings of their models."),
    "store": ("store", "Check, upgrade or copy a store, without a server."),
    "serve": ("serve", "A Jupyter server with lobu_jupyter alone."),
    "doctor": ("doctor", "Check what works, and say why something does not."),
    "completion": ("completion", "The script that completes words in your shell."),
}


class _Lazy(click.Group):
    """A group that knows its commands' names and imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"{__package__}.{_COMMANDS[cmd_name][0]}")
        return getattr(module, f"{cmd_name}_command")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", envvar="LOBU_URL", help="The Jupyter server; default: a running one of yours.")
@click.option("--token", envvar="LOBU_TOKEN", help="Your token there.")
@click.version_option(package_name="lobu_jupyter", prog_name="lobu")
def lobu(url: str | None, token: str | None) -> None:
    """Agents in notebooks whose runs survive reload, restart and doubt: from a terminal."""


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run a command line, by default this process's. Returns the exit code."""
    try:
        code = lobu.main(arguments, prog_name="lobu", standalone_mode=False)
    except click.Abort:
        click.echo("Interrupted.", err=True)
        return 130
    except click.ClickException as error:
        from .printing import put_line

        shown = io.StringIO()
        error.show(shown)
        put_line(shown.getvalue(), err=True, nl=False)
        return error.exit_code
    except BrokenPipeError:  # the reader closed the pipe
        sys.stderr.close()
        return 1
    except Exception as error:  # noqa: BLE001 -- a person at a terminal gets one line, whatever a server answered
        from .failures import line_of_failure
        from .printing import put_line

        put_line(f"Error: {line_of_failure(error)}", err=True)
        return 1
    return code if isinstance(code, int) else 0
