"""`lobu doctor`: what works, what does not, and why. Names of keys, never their values."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import click

from ..model.errors import LobuError
from .reaching import reach
from .showing import as_json, plain, put

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGES = ("lobu_jupyter", "jupyter_server", "jupyterlab", "pydantic-ai-slim")


@click.command("doctor")
@as_json
@click.pass_context
def doctor_command(ctx: click.Context, as_json: bool) -> int:
    """What works, what does not, and why; exit code 1 if something does not."""
    found = dict(_findings(ctx))
    width = max(len(name) for name in found)

    def lines() -> None:
        for name, value in found.items():
            click.echo(f"{name.ljust(width)}  {plain(str(value))}")

    put(found, as_json, lines)
    return 1 if "problem" in found else 0


def _findings(ctx: click.Context) -> Iterator[tuple[str, str]]:
    yield "python", f"{platform.python_version()}, {sys.executable}"
    yield "versions", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    try:
        reached = reach(ctx)
        yield "server", f"{reached.url} ({reached.how})"
        with reached.client(patience=2.0) as client:
            for name, value in client.health().items():
                yield name, _told(value)
            agents = client.agents()
    except LobuError as error:
        yield "problem", f"{error.message} [{error.code}]"
        return
    yield "agents", ", ".join(_agent(agent) for agent in agents) or "none yet: a worker tells when it starts"


def _agent(agent: dict[str, Any]) -> str:
    state = agent.get("state", "ready")
    return str(agent["name"]) if state == "ready" else f"{agent['name']} ({state}: {agent.get('hint', '')})"


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(member)}" for name, member in value.items())
    if isinstance(value, list):
        return ", ".join(_told(member) for member in value) or "none"
    return str(value)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
