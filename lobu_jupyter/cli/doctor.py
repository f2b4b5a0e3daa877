"""The command `lobu doctor`: what works, what does not, and why. It names keys, never their values."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

import click

from lobu_jupyter.client.findings import agents_of, told, versions_of
from lobu_jupyter.model.errors import LobuError

from .connect import reach
from .printing import as_json, put, put_line

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGES = ("lobu_jupyter", "jupyter_server", "jupyterlab", "pydantic-ai-slim")


@click.command("doctor")
@as_json
@click.pass_context
def doctor_command(ctx: click.Context, as_json: bool) -> int:
    """Check what works, and say why something does not. The exit code is 1 if something does not."""
    found = dict(_findings(ctx))
    width = max(len(name) for name in found)

    def lines() -> None:
        for name, value in found.items():
            put_line(f"{name.ljust(width)}  {value}")

    put(found, as_json, lines)
    return 1 if "problem" in found else 0


def _findings(ctx: click.Context) -> Iterator[tuple[str, str]]:
    yield "python", f"{platform.python_version()}, {sys.executable}"
    yield "versions", versions_of(_PACKAGES)
    try:
        reached = reach(ctx)
        yield "server", f"{reached.url} ({reached.how})"
        with reached.client(patience=2.0) as client:
            for name, value in client.health().items():
                yield name, told(value)
            agents = client.workers.agents()
    except LobuError as error:
        yield "problem", f"{error.message} [{error.code}]"
        return
    yield "agents", agents_of(agents) or "none: no worker has registered"
