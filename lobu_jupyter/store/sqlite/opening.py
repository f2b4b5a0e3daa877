"""Opening a store file: a new one is created, an older one upgraded, any other refused.

A file that is corrupt, locked, newer or not a lobu store is never replaced and never written.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from typing import TYPE_CHECKING

from lobu_jupyter.model.errors import StoreTooNew, StoreUnavailable
from lobu_jupyter.store.copying import MARK

from .scripts import statements

if TYPE_CHECKING:
    from pathlib import Path

    from lobu_jupyter.store.queries import Scripts

APPLICATION_ID = 0x6C6F6275  # "lobu"
_CHECKED_WHOLE = 32 * 1024 * 1024  # bytes up to which a file is checked page by page


def connect(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """Return a connection in autocommit mode, as the reader and the writer both use it."""
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


def prepare(connection: sqlite3.Connection, path: Path, scripts: Scripts, busy_seconds: float) -> None:
    """Create or upgrade the schema and switch to WAL.

    Raises:
        StoreTooNew: a newer lobu_jupyter wrote the file.
        StoreUnavailable: the file is corrupt, locked or not a lobu store.
    """
    try:
        _check(connection, path, scripts)
        _use_wal(connection, busy_seconds)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            _bring_up(connection, scripts)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise unavailable(error, path) from error


def is_unfinished(connection: sqlite3.Connection) -> bool:
    """Return whether the file is a copy that is not finished."""
    found = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", [MARK]).fetchone()
    return found[0] > 0


async def find_version(path: Path) -> int | None:
    """Return the version of the file, which is not changed, or None if it does not exist or is empty."""
    return await asyncio.to_thread(_find_version, path)


def _find_version(path: Path) -> int | None:
    path = path.expanduser()
    if not path.exists():
        return None
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            version = _pragma(connection, "user_version")
            if version and _pragma(connection, "application_id") != APPLICATION_ID:
                raise StoreUnavailable(f"{path} is a database of another program, not a lobu store.")
            return version or None
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise unavailable(error, path) from error


def _check(connection: sqlite3.Connection, path: Path, scripts: Scripts) -> None:
    version = _pragma(connection, "user_version")
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and _pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreUnavailable(
            f"{path} is a database of another program, not a lobu store. Set LobuApp.store_path to another file."
        )
    if version > scripts.version:
        raise StoreTooNew(
            f"The lobu store {path} was written by a newer lobu_jupyter (version {version}, this one knows "
            f"{scripts.version}). Upgrade lobu_jupyter, or set LobuApp.store_path to another file."
        )
    if path.stat().st_size <= _CHECKED_WHOLE:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)


def _use_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Switch to WAL, with retries: the busy timeout does not cover two processes that both switch."""
    until = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _bring_up(connection: sqlite3.Connection, scripts: Scripts) -> None:
    found = _pragma(connection, "user_version")  # read again: another server may have been first
    if found == 0:
        _execute(connection, scripts.schema)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    else:
        for version, script in scripts.steps.items():
            if version > found:
                _execute(connection, script)
    if found != scripts.version:
        connection.execute(f"PRAGMA user_version = {scripts.version}")


def _execute(connection: sqlite3.Connection, script: str) -> None:
    for statement in statements(script):
        connection.execute(statement)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def unavailable(error: sqlite3.Error, path: Path) -> StoreUnavailable:
    """Return the error that a user sees for an error of SQLite: the path, the cause, what to do."""
    text = str(error)
    if "locked" in text:
        hint = "another program holds it; close that, or set LobuApp.store_path to another file."
    elif "full" in text:
        hint = "make room on the disk; nothing of this request was written."
    elif "not a database" in text or "malformed" in text or isinstance(error, sqlite3.DatabaseError):
        hint = "restore it from a backup, or move it away to start a new one."
    else:
        hint = "`lobu doctor` says more."
    return StoreUnavailable(f"The lobu store {path} cannot be used ({text}): {hint}")
