"""The demo agent's parser of prompts: it compares words with the columns of a table, by rules."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

MEASURES = (
    "revenue",
    "sales",
    "amount",
    "turnover",
    "total",
    "profit",
    "price",
    "value",
    "units",
    "quantity",
    "count",
)
PERIODS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
_TIME_NAMES = ("date", "time", "timestamp", *PERIODS)

_KINDS: tuple[tuple[str, str], ...] = (
    ("fix", r"\b(fix|error|exception|traceback|went wrong)\b"),
    ("missing", r"\b(missing|nulls?|nans?|empty)\b"),
    ("correlate", r"\bcorrelat"),
    ("grow", r"\b(grew|grow|grown|growth|growing|fastest|declin\w*)\b"),
    ("top", r"\b(top|best|largest|highest|biggest|most|bottom|worst|lowest|smallest|least)\b"),
    ("plot", r"\b(plot|chart|graph|draw|visuali[sz]e|histogram|scatter|pie|bars?|lines?)\b"),
    ("count", r"\b(how many|number of|count)\b"),
    ("aggregate", r"\b(average|mean|avg|median|typical|total|sum|maximum|minimum|max|min)\b"),
    ("columns", r"\bcolumns?\b"),
    (
        "describe",
        r"\b(describe|summari[sz]e|summary|overview|explain|what is|tell me|info|look at|show|head)\b",
    ),
)
_AGGREGATES: tuple[tuple[str, str], ...] = (
    ("mean", r"\b(average|mean|avg|typical)\b"),
    ("median", r"\bmedian\b"),
    ("max", r"\bmax(imum)?\b"),
    ("min", r"\bmin(imum)?\b"),
)
_CHARTS: tuple[tuple[str, str], ...] = (
    ("hist", r"\b(histogram|distribution)\b"),
    ("scatter", r"\bscatter\b"),
    ("pie", r"\bpie\b"),
    ("bar", r"\bbars?\b"),
    ("line", r"\blines?\b"),
)
_HELP = re.compile(r"\b(what can you|who are you|help|hello|hi|hey)\b")


@dataclass(frozen=True)
class Column:
    """A column in the form of ``describe_variable``. ``label``: its label as Python, if that is not a string."""

    name: str
    dtype: str
    label: str | None = None

    @property
    def key(self) -> str:
        """Return the label as it stands in code."""
        return literal(self.name) if self.label is None else self.label

    @property
    def is_number(self) -> bool:
        return self.dtype.lower().startswith(("int", "uint", "float", "decimal"))

    @property
    def is_datetime(self) -> bool:
        return self.dtype.startswith(("datetime", "period"))

    @property
    def is_time(self) -> bool:
        return self.is_datetime or any(part in _TIME_NAMES for part in words(self.name))


@dataclass(frozen=True)
class DemoTable:
    """A DataFrame of the person."""

    name: str
    columns: tuple[Column, ...]
    head: str = ""

    def numbers(self) -> list[Column]:
        """Return the numeric columns that measure something, the likeliest first."""
        found = [
            c for c in self.columns if c.is_number and not c.is_time and not c.name.lower().endswith("id")
        ]
        return sorted(found, key=_rank)

    def times(self) -> list[Column]:
        return sorted((c for c in self.columns if c.is_time), key=lambda c: not c.is_datetime)

    def groups(self) -> list[Column]:
        return [c for c in self.columns if not c.is_number and not c.is_time]


@dataclass(frozen=True)
class Group:
    """A column to group by, with a period of time if it is a date."""

    column: Column
    period: str | None = None


@dataclass(frozen=True)
class DemoRequest:
    """The person's request, as far as the rules understand it."""

    kind: str
    table: DemoTable
    measure: Column | None = None
    groups: tuple[Group, ...] = field(default=())
    aggregate: str = "sum"
    chart: str | None = None
    count: int = 5
    ascending: bool = False


def literal(text: str) -> str:
    """Return a text as a Python literal in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def kind_of(prompt: str) -> str | None:
    """Return the first kind of request whose words occur, ``help`` for a greeting, None if there is none."""
    text = prompt.lower()
    found = next((kind for kind, pattern in _KINDS if re.search(pattern, text)), None)
    if found in (None, "describe") and _HELP.search(text):
        return "help"
    return found


def words(text: str) -> list[str]:
    """Return lower-case words without their plural's s."""
    return [w[:-1] if len(w) > 3 and w.endswith("s") else w for w in re.findall(r"[a-z0-9]+", text.lower())]


def table_of(description: dict[str, Any]) -> DemoTable | None:
    """Return the table in a result of ``describe_variable``, None if it is no table."""
    columns: list[dict[str, Any]] | None = description.get("columns")
    if not columns:
        return None
    usable = [c for c in columns if c.get("label") != ""]
    made = tuple(Column(str(c["name"]), str(c["dtype"]), c.get("label")) for c in usable)
    return DemoTable(str(description["name"]), made, str(description.get("head", "")))


def understand(prompt: str, table: DemoTable) -> DemoRequest | None:
    """Return the request in `prompt` about `table`, or None."""
    kind = kind_of(prompt)
    if kind is None or kind == "help":
        return None
    text = prompt.lower()
    named = _columns_in(text, table)
    groups = _groups(text, table, named)
    taken = {group.column for group in groups}
    measures = [c for c in named if c.is_number and c not in taken] or table.numbers()
    return DemoRequest(
        kind=kind,
        table=table,
        measure=measures[0] if measures else None,
        groups=groups,
        aggregate=_first(_AGGREGATES, text) or "sum",
        chart=_first(_CHARTS, text),
        count=int(match[1]) if (match := re.search(r"\b(\d{1,3})\b", text)) else 5,
        ascending=bool(re.search(r"\b(bottom|worst|lowest|smallest|least)\b", text)),
    )


def _rank(column: Column) -> int:
    parts = words(column.name)
    return next((n for n, name in enumerate(MEASURES) if words(name)[0] in parts), len(MEASURES))


def _first(patterns: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((name for name, pattern in patterns if re.search(pattern, text)), None)


def _columns_in(text: str, table: DemoTable) -> list[Column]:
    said = words(text)
    return [c for c in table.columns if c.name.lower() in text.split() or set(words(c.name)) <= set(said)]


def _groups(text: str, table: DemoTable, named: list[Column]) -> tuple[Group, ...]:
    """Return columns and periods after "by", "per", "over", "each", else the named columns that are no numbers."""
    found: list[Group] = []
    match = re.search(r"\b(?:by|per|over|for each|each|across)\b(.*)", text)
    for word in words(match[1]) if match else []:
        group = _group(word, table)
        if group is not None and group not in found:
            found.append(group)
    if not found:
        found = [_as_group(c, None) for c in named if c.is_time or not c.is_number]
    return tuple(found[:2])


def _group(word: str, table: DemoTable) -> Group | None:
    for column in table.columns:
        if words(column.name) == [word]:
            return _as_group(column, None)
    times = [c for c in table.times() if not c.is_number]
    if word in PERIODS and times:
        return Group(times[0], PERIODS[word])
    return None


def _as_group(column: Column, period: str | None) -> Group:
    return Group(column, period or ("M" if column.is_datetime or "date" in words(column.name) else None))
