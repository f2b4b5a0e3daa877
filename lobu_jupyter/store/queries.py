"""The named queries, and the scripts that create and upgrade a store.

A query is ``-- name --``, a sentence in a comment, and one statement with named parameters. queries.sql has those that
all databases understand. A database's own queries.sql has the rest, under the same names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["sqlite", "postgres"]

_HERE = files("lobu_jupyter.store")


@dataclass(frozen=True, slots=True)
class Scripts:
    """The scripts that create and upgrade a store: the newest schema whole, and a step to each version.

    Args:
        contracts: the steps after which servers of a version before them cannot use the store any more.
    """

    schema: str
    steps: Mapping[int, str]
    version: int
    contracts: frozenset[int] = frozenset()

    @property
    def oldest(self) -> int:
        """Return the oldest version whose servers can use the newest schema."""
        return max(self.contracts, default=0)


def parse(text: str) -> dict[str, str]:
    """Return the statements of a file like queries.sql, by name."""
    parts = re.split(r"^-- (\w+) --$", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def own_queries(kind: Kind) -> dict[str, str]:
    """Return the queries that only this database understands."""
    return parse((_HERE / kind / "queries.sql").read_text("utf-8"))


def load_queries(kind: Kind) -> dict[str, str]:
    """Return all queries of a database: those for all, and its own."""
    return {**parse((_HERE / "queries.sql").read_text("utf-8")), **own_queries(kind)}


def load_scripts(kind: Kind) -> Scripts:
    """Return the schema of a database, and its migrations by the version that each leads to, in order."""
    found = [item for item in (_HERE / kind / "migrations").iterdir() if item.name.endswith(".sql")]
    steps = {int(item.name[:4]): item.read_text("utf-8") for item in sorted(found, key=lambda i: i.name)}
    schema = (_HERE / kind / "schema.sql").read_text("utf-8")
    told = re.match(r"-- The store, version (\d+)\.", schema)
    assert told is not None, "a schema begins with its version"
    contracts = frozenset(version for version, text in steps.items() if text.startswith("-- Contract: "))
    return Scripts(schema, steps, int(told[1]), contracts)
