"""`lobu store`: check, upgrade and copy a store. It needs no server, and changes nothing behind a living one's back."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
from jupyter_core.paths import jupyter_data_dir

from lobu_jupyter.gateway.stores import check_store, copy_store, upgrade_store

from .printing import as_json, put, put_line

if TYPE_CHECKING:
    from collections.abc import Coroutine


def password_file(name: str, what: str) -> Any:
    """Return an option that names a file with the password of a store."""
    return click.option(
        f"--{name}",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False),
        help=f"Holds the password of {what}.",
    )


@click.group("store")
def store_command() -> None:
    """Check, upgrade or copy a store, without a server."""


@store_command.command("check")
@click.argument("store", required=False)
@password_file("password-file", "STORE")
@as_json
def check_command(store: str | None, password_file: str | None, as_json: bool) -> int:
    """Read all of STORE and say what does not fit together. Changes nothing, and may run beside servers.

    A STORE is a file, or postgresql://user@host:5432/database. Default: LOBU_STORE, else the file in Jupyter's data
    directory. The exit code is 1 if something is wrong.
    """
    found = _do(check_store(_where(store, password_file), _say))

    def lines() -> None:
        put_line(f"{found['threads']} threads, {found['runs']} runs, {found['servers']} servers use it")
        for problem in found["problems"]:
            put_line(problem)
        put_line(f"{len(found['problems'])} problems" if found["problems"] else "all fits together")

    put(found, as_json, lines)
    return 1 if found["problems"] else 0


@store_command.command("upgrade")
@click.argument("store", required=False)
@password_file("password-file", "STORE")
@as_json
def upgrade_command(store: str | None, password_file: str | None, as_json: bool) -> None:
    """Bring STORE to the version that this lobu_jupyter needs. A server does the same when it starts."""
    found = _do(upgrade_store(_where(store, password_file)))
    before, version = found["before"], found["version"]
    told = f"version {version} already" if before == version else f"version {before} before, {version} now"
    put(found, as_json, lambda: put_line(f"{found['store']}: {told}"))


@store_command.command("copy")
@click.argument("source")
@click.argument("target")
@password_file("source-password-file", "SOURCE")
@password_file("target-password-file", "TARGET")
@as_json
def copy_command(
    source: str,
    target: str,
    source_password_file: str | None,
    target_password_file: str | None,
    as_json: bool,
) -> None:
    """Copy all of SOURCE to TARGET, a new store: from a file to PostgreSQL, or back.

    Stop all servers of SOURCE first. Both are compared at the end, row by row and thread by thread. If the copy is
    stopped, run the same command again. No server opens TARGET before it is whole.
    """
    found = _do(copy_store(_where(source, source_password_file), _where(target, target_password_file), _say))
    put(found, as_json, lambda: put_line(f"{found['threads']} threads are in {found['target']} now"))


def _where(store: str | None, secret: str | None) -> str | Path:
    where = store or os.environ.get("LOBU_STORE") or str(Path(jupyter_data_dir()) / "lobu" / "lobu.sqlite")
    if not where.startswith(("postgresql://", "postgres://")):
        return Path(where).expanduser()
    if secret is None:
        return where
    password = Path(secret).read_text("utf-8").rstrip("\r\n")
    return f"{where}{'&' if '?' in where else '?'}password={quote(password, safe='')}"


def _do(work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    return asyncio.run(work)


def _say(step: str) -> None:
    put_line(step, err=True)
