"""The named queries of queries.sql, and the scripts that make and upgrade a store.

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
    """Name to statement, of a file in the form of queries.sql."""
    parts = re.split(r"^-- (\w+) --$", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


QUERIES = parse((_HERE / "queries.sql").read_text("utf-8"))
SCHEMA = (_HERE / "schema.sql").read_text("utf-8")


def migrations() -> dict[int, str]:
    """The version that each step leads to, and its script, in order."""
    found = (item for item in (_HERE / "migrations").iterdir() if item.name.endswith(".sql"))
    return {int(item.name[:4]): item.read_text("utf-8") for item in sorted(found, key=lambda i: i.name)}


MIGRATIONS = migrations()
VERSION = max([1, *MIGRATIONS])


def statements(script: str) -> Iterator[str]:
    """The statements of a script, so that it can run inside an open transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
