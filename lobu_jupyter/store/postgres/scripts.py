"""PostgreSQL's queries, with the schema's name and numbered parameters, and its scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from lobu_jupyter.store.queries import load_queries, load_scripts

SCRIPTS = load_scripts("postgres")
OURS = frozenset(["lobu_store", "lobu_copy"])  # the schema's version, and how far a copy has come
TABLES = OURS | frozenset(re.findall(r"^CREATE TABLE (\w+)", SCRIPTS.schema, flags=re.MULTILINE))

_PLACES = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE|TABLE)(\s+)({'|'.join(sorted(TABLES))})\b")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")


@dataclass(frozen=True, slots=True)
class Query:
    """A statement with ``$1`` for its first parameter, and the names of the parameters in order."""

    text: bytes
    names: tuple[str, ...]

    def values(self, params: dict[str, object]) -> list[object]:
        """Return the parameters in order."""
        return [params[name] for name in self.names]


def prepare(text: str, schema: str) -> Query:
    """Return a statement of queries.sql for this schema.

    The schema is in the statement and not in the session, because a session behind a pooler is anybody's.
    """
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    text = "\n".join(line for line in text.splitlines() if not line.startswith("--")).rstrip().rstrip(";")
    text = _PLACES.sub(rf'\1\2"{schema}".\3', text)
    numbered = _PARAMETER.sub(number, text)
    return Query(numbered.encode(), tuple(names))


@cache
def queries(schema: str) -> dict[str, Query]:
    """Return all queries for a schema, by name."""
    return {name: prepare(text, schema) for name, text in load_queries("postgres").items()}
