"""The code that the demo agent proposes for a request, and its explanation of the code's output."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from .words import DemoRequest, DemoTable, Group, literal

if TYPE_CHECKING:
    from collections.abc import Iterable

_LINE = re.compile(r"^(highest|lowest|rows|groups|fastest|slowest|from|to): (.+)$", re.MULTILINE)
_WORD = {"sum": "total", "mean": "average", "median": "median", "max": "maximum", "min": "minimum"}
MAX_QUOTED_LINES = 15


def code_for(request: DemoRequest, taken: Iterable[str]) -> str | None:
    """Return Python for a request, None if the table lacks what it needs. `taken`: names not to overwrite."""
    name = _free("result", set(taken))
    makers = {
        "plot": _plot,
        "top": _top,
        "grow": _grow,
        "count": _count,
        "aggregate": _aggregate,
        "missing": _missing,
        "correlate": _correlate,
        "describe": _describe,
    }
    make = makers.get(request.kind)
    return None if make is None else make(request, name)


FIX = """\
import sys

error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
if error is None:
    print("No cell has failed in this kernel since it started.")
else:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    print(f"{type(error).__name__}: {error}")
    print(f"line {trace.tb_lineno} of {trace.tb_frame.f_code.co_name}" if trace else "no traceback")"""


def title_of(request: DemoRequest) -> str:
    """Return the request in a few words: ``"total revenue by month"``."""
    measure = request.measure.name if request.measure else "rows"
    what = {
        "count": "number of rows",
        "missing": "number of missing values",
        "correlate": "correlation of the numeric columns",
        "grow": f"growth of {measure}",
    }.get(request.kind, f"{_WORD[request.aggregate]} {measure}")
    by = " and ".join(_label(group) for group in request.groups)
    return f"{what} by {by}" if by else what


def goal_of(request: DemoRequest) -> str:
    """Return the purpose of the code for a request: ``"To total revenue by month"``."""
    title = title_of(request)
    verbs = {
        "plot": "plot",
        "missing": "get the",
        "count": "get the",
        "correlate": "get the",
        "grow": "compare the",
    }
    verb = verbs.get(request.kind)
    if verb is None:
        verb = (
            "" if request.aggregate in ("sum", "mean") else "find the"
        )  # "total" and "average" are verbs too
    return f"To {verb} {title}".replace("  ", " ")


def explain(output: str) -> str:
    """Return a run's output in words, from the lines that our code prints, else the output itself."""
    facts = dict(_LINE.findall(output))
    said: list[str] = []
    if "from" in facts and "to" in facts:
        said.append(f"Compared from {facts['from']} to {facts['to']}.")
    for high, low in (("highest", "lowest"), ("fastest", "slowest")):
        if high in facts:
            less = f", the {low} {facts[low]}" if low in facts else ""
            said.append(f"The {high} is {facts[high]}{less}.")
    if "rows" in facts:
        said.append(f"There are {facts['rows']}.")
    if said:
        return " ".join(said)
    lines = output.strip().splitlines()
    quoted = "\n".join(lines[:MAX_QUOTED_LINES])
    more = f"\n… and {len(lines) - MAX_QUOTED_LINES} more lines" if len(lines) > MAX_QUOTED_LINES else ""
    return f"The output:\n\n```\n{quoted}\n```{more}"


def examples(table: DemoTable) -> list[str]:
    """Return prompts that would work on this table."""
    numbers, groups, times = table.numbers(), table.groups(), table.times()
    found = [f"describe {table.name}", f"how many rows does {table.name} have?"]
    if numbers and times:
        found.append(f"plot {numbers[0].name} by {'month' if times[0].is_datetime else times[0].name}")
    if numbers and groups:
        found.append(f"average {numbers[0].name} by {groups[0].name}")
        found.append(f"top 5 {_plural(groups[-1].name)} by {numbers[0].name}")
    return found


def _plural(name: str) -> str:
    return name if name.endswith("s") or not name.isalpha() else f"{name}s"


# -- one function per kind ------------------------------------------------------------------------


def _plot(request: DemoRequest, name: str) -> str | None:
    measure, table = request.measure, request.table
    if measure is None:
        return None
    if request.chart == "hist":
        return _show(f'{table.name}[{measure.key}].plot(kind="hist", bins=20, title={literal(measure.name)})')
    if request.chart == "scatter" and len(table.numbers()) > 1:
        other = next(c for c in table.numbers() if c != measure)
        title = literal(f"{measure.name} and {other.name}")
        return _show(f'{table.name}.plot(kind="scatter", x={other.key}, y={measure.key}, title={title})')
    request = _with_groups(request)
    if len(request.groups) == 0:
        return _show(f"{table.name}[{measure.key}].plot(title={literal(measure.name)})")
    title = literal(title_of(request))
    kind = request.chart or ("line" if request.groups[0].column.is_time else "bar")
    marker = ', marker="o"' if kind == "line" else ""
    wide = ".unstack()" if len(request.groups) > 1 else ""
    labels = f"plt.xlabel({literal(_label(request.groups[0]))})\nplt.ylabel({literal(measure.name)})"
    if kind == "pie":
        labels = 'plt.ylabel("")'
    return (
        "import matplotlib.pyplot as plt\n"
        + _imports(request)
        + f"\n{name} = {_grouped(request)}\n"
        + f'{name}{wide}.plot(kind="{kind}"{marker}, figsize=(8, 4), title={title})\n'
        + f"{labels}\nplt.tight_layout()\nplt.show()\n"
        + _extremes(name)
    )


def _show(plot: str) -> str:
    return f"import matplotlib.pyplot as plt\n\n{plot}\nplt.tight_layout()\nplt.show()"


def _top(request: DemoRequest, name: str) -> str | None:
    measure, ascending = request.measure, f"ascending={request.ascending}"
    if measure is None:
        return None
    if not request.groups and request.table.groups():
        request = _grouping(request, Group(request.table.groups()[-1]))
    if not request.groups:
        sort = f".sort_values({measure.key}, {ascending})"
        return f"{request.table.name}{sort}.head({request.count})"
    sort = f".sort_values({ascending}).head({request.count})"
    code = f"{_imports(request)}{name} = {_grouped(request)}{sort}\n"
    return f"{code}print({name}.to_string())\n{_extremes(name)}"


def _grow(request: DemoRequest, name: str) -> str | None:
    times = request.table.times()
    groups = [g for g in request.groups if not g.column.is_time] or [
        Group(c) for c in request.table.groups()[:1]
    ]
    if request.measure is None or not times or not groups:
        return None
    is_date = times[0].is_datetime or "date" in times[0].name.lower()
    time = Group(times[0], "M" if is_date else None)
    both = _grouping(request, time, groups[0])
    return (
        _imports(both)
        + f"{name} = {_grouped(both)}.unstack()\n"
        + f"{name} = ({name}.iloc[-1] / {name}.iloc[0] - 1).sort_values(ascending=False) * 100\n"
        + f'print({name}.round(1).astype(str).add(" %").to_string())\n'
        + f'print(f"fastest: {{{name}.idxmax()}} ({{{name}.max():+.1f}} %)")\n'
        + f'print(f"slowest: {{{name}.idxmin()}} ({{{name}.min():+.1f}} %)")'
    )


def _count(request: DemoRequest, name: str) -> str:
    table = request.table.name
    if request.groups and len(request.groups) == 1 and request.groups[0].period is None:
        column = request.groups[0].column
        return (
            f"print({table}[{column.key}].value_counts().to_string())\n"
            f'print(f"rows: {{len({table}):,}} rows,", {table}[{column.key}].nunique(), '
            f"{literal(f'different {column.name}')})"
        )
    return f'print(f"rows: {{len({table}):,}} rows")'


def _aggregate(request: DemoRequest, name: str) -> str | None:
    if request.measure is None:
        return None
    if not request.groups:
        return f"{request.table.name}[{request.measure.key}].{request.aggregate}()"
    return f"{_imports(request)}{name} = {_grouped(request)}\nprint({name}.to_string())\n{_extremes(name)}"


def _missing(request: DemoRequest, name: str) -> str:
    return f"print({request.table.name}.isna().sum().to_string())"


def _correlate(request: DemoRequest, name: str) -> str:
    return f"{request.table.name}.corr(numeric_only=True).round(3)"


def _describe(request: DemoRequest, name: str) -> str:
    return f'{request.table.name}.describe(include="all")'


# -- pieces ---------------------------------------------------------------------------------------


def _with_groups(request: DemoRequest) -> DemoRequest:
    if request.groups:
        return request
    times, others = request.table.times(), request.table.groups()
    if times:
        return _grouping(request, Group(times[0], "M" if times[0].is_datetime else None))
    return _grouping(request, Group(others[0])) if others else request


def _grouping(request: DemoRequest, *groups: Group) -> DemoRequest:
    return replace(request, groups=groups)


def _grouped(request: DemoRequest) -> str:
    keys = [_key(request.table, group) for group in request.groups]
    by = keys[0] if len(keys) == 1 else f"[{', '.join(keys)}]"
    sort = "" if _is_sorted_by_name(request) else ", sort=False"
    measure = request.measure.key if request.measure else ""
    return f"{request.table.name}.groupby({by}{sort})[{measure}].{request.aggregate}()"


def _is_sorted_by_name(request: DemoRequest) -> bool:
    """Return False for month names, which keep the data's order. Dates, numbers and all else can be sorted."""
    group = request.groups[0]
    if group.period or group.column.is_number or not group.column.is_time:
        return True
    return bool(re.search(r"\b\d{4}-\d{2}\b", request.table.head))


def _key(table: DemoTable, group: Group) -> str:
    if group.period is None:
        return group.column.key
    column = f"{table.name}[{group.column.key}]"
    dates = column if group.column.is_datetime else f"pd.to_datetime({column})"
    return f'{dates}.dt.to_period("{group.period}")'


def _imports(request: DemoRequest) -> str:
    needs = any(g.period and not g.column.is_datetime for g in request.groups)
    return "import pandas as pd\n" if needs else ""


def _extremes(name: str) -> str:
    return (
        f'print(f"highest: {{{name}.idxmax()}} ({{{name}.max():,.2f}})")\n'
        f'print(f"lowest: {{{name}.idxmin()}} ({{{name}.min():,.2f}})")'
    )


def _label(group: Group) -> str:
    names = {"D": "day", "W": "week", "M": "month", "Q": "quarter", "Y": "year"}
    return names[group.period] if group.period else group.column.name


def _free(name: str, taken: set[str]) -> str:
    number = 1
    found = name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found
