"""`lobu exec -- COMMAND …`: any program as an agent."""

from __future__ import annotations

import asyncio
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lobu_jupyter.agents.models.keys import KEY_OF
from lobu_jupyter.cli.connect import reach, thread_id_of
from lobu_jupyter.cli.printing import as_json, put_json, put_line
from lobu_jupyter.cli.screen import Screen
from lobu_jupyter.model.environment import is_credential
from lobu_jupyter.model.errors import LobuError
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.requests import StartRun

from .adapters import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobu_jupyter.cli.connect import Reached
    from lobu_jupyter.client.http import Client
    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.runs import Started
    from lobu_jupyter.worker.gateway_link import Link

    from .execution import CommandOutcome


@dataclass(frozen=True)
class _Begun:
    """A run, and the registration of the worker that is to run it."""

    started: Started
    worker: dict[str, str]


@click.command("exec")
@click.option("--thread", help="The thread: its id, or a name that finds it again. Default: a new one.")
@click.option("--prompt", help="What the thread shows as asked. Default: the command line.")
@click.option(
    "--format", type=click.Choice(FORMATS), default="auto", show_default=True, help="What it prints."
)
@click.option(
    "--env",
    "variables",
    multiple=True,
    metavar="NAME",
    envvar="LOBU_EXEC_ENV",
    help="A variable that COMMAND gets from your environment beside PATH, HOME and the like, as its model's key.",
)
@as_json
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def exec_command(
    ctx: click.Context,
    thread: str | None,
    prompt: str | None,
    format: str,
    variables: tuple[str, ...],
    as_json: bool,
    command: tuple[str, ...],
) -> int:
    """Run COMMAND; what it prints is shown, and becomes a run that everybody can follow.

    COMMAND prints AG-UI events, Claude Code's stream-json or Codex's --json as JSON lines, or plain text.
    """
    _check(variables)
    reached = reach(ctx)
    with reached.client() as client:
        begun = _begin(reached, client, thread, prompt or shlex.join(command), Path(command[0]).name)
        if not as_json:
            put_line(f"thread {begun.started.thread_id}  run {begun.started.run_id}", err=True)
            _tell_withheld(variables)
        show = Screen(quiet=as_json, markdown=False).show
        outcome = asyncio.run(_execute(reached, begun, command, format, variables, show))
    if as_json:
        put_json(_report(begun, outcome))
    if outcome.message:
        put_line(f"Error: {outcome.message}", err=True)
    return outcome.code


def _check(variables: tuple[str, ...]) -> None:
    """Refuse to pass on a person's credential."""
    for name in variables:
        if is_credential(name):
            raise click.UsageError(
                f"--env {name}: it is your credential, and whoever holds it decides as you."
            )


def _tell_withheld(variables: tuple[str, ...]) -> None:
    """Print the models' keys that the command does not get."""
    withheld = sorted(name for name in set(KEY_OF.values()) - set(variables) if os.environ.get(name))
    if withheld:
        put_line(f"not passed on: {', '.join(withheld)} (--env NAME passes one on)", err=True)


def _begin(reached: Reached, client: Client, thread: str | None, prompt: str, name: str) -> _Begun:
    """Register a worker with its own agent, and start a run for it. Without a run the worker leaves."""
    agent = new_id(name)
    thread_id = thread_id_of(client, thread)
    worker = client.workers.register("exec", [{"name": agent, "description": prompt[:200], "hidden": True}])
    try:
        return _Begun(client.runs.start(thread_id, StartRun(prompt=prompt, agent=agent)), worker)
    except BaseException:
        asyncio.run(_leave(reached, worker))
        raise


async def _leave(reached: Reached, worker: dict[str, str]) -> None:
    """Unregister the worker. A server that is away notices its absence by itself."""
    link = _link(reached, worker, patience=2.0)
    try:
        await link.leave()
    except LobuError:
        return
    finally:
        await link.close()


def _link(reached: Reached, worker: dict[str, str], patience: float) -> Link:
    from lobu_jupyter.worker.gateway_link import Link

    url = reached.url.rstrip("/") + "/lobu/api/"
    link = Link(url, None, verify=reached.verify, patience=patience, one_run=True)
    link.become(worker)
    return link


async def _execute(
    reached: Reached,
    begun: _Begun,
    command: tuple[str, ...],
    format: str,
    variables: tuple[str, ...],
    show: Callable[[Event], object],
) -> CommandOutcome:
    from .execution import PATIENCE, Execution

    link = _link(reached, begun.worker, PATIENCE)
    try:
        started = begun.started
        return await Execution(
            link, started.thread_id, started.run_id, command, format, variables, show
        ).run()
    finally:
        await link.close()


def _report(begun: _Begun, outcome: CommandOutcome) -> dict[str, object]:
    wire: dict[str, object] = {
        "runId": begun.started.run_id,
        "threadId": begun.started.thread_id,
        "exitCode": outcome.code,
    }
    return {**wire, "error": outcome.message} if outcome.message else wire
