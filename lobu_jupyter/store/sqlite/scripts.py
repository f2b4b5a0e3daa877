"""SQLite's queries, and the scripts that create and upgrade a file."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from lobu_jupyter.store.queries import load_queries, load_scripts

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERIES = load_queries("sqlite")
SCRIPTS = load_scripts("sqlite")


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script one by one, so that it can run inside an open transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
