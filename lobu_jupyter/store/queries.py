"""The named queries of queries.sql, and the scripts that create and upgrade a store.

A query is ``-- name --``, a sentence in a comment, and one statement with named parameters.
"""

from __future__ import annotations

import re
import sqlite3
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = files("lobu_jupyter.store")


def parse(text: str) -> dict[str, str]:
    """Return the statements of a file like queries.sql, by name."""
    parts = re.split(r"^-- (\w+) --$", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


QUERIES = parse((_HERE / "queries.sql").read_text("utf-8"))
SCHEMA = (_HERE / "schema.sql").read_text("utf-8")


def migrations() -> dict[int, str]:
    """Return the script of each migration by the version that it leads to, in order."""
    found = (item for item in (_HERE / "migrations").iterdir() if item.name.endswith(".sql"))
    return {int(item.name[:4]): item.read_text("utf-8") for item in sorted(found, key=lambda i: i.name)}


MIGRATIONS = migrations()
VERSION = max([1, *MIGRATIONS])


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script one by one, so that it can run inside an open transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
