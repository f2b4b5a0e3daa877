"""A table for a terminal: short ids, times as distances, and lines no wider than the terminal."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import click

from lobu_jupyter.model.visible import visible_line

from .names import distance, short_id

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = "  "
LEAST = 8
"""Cells that are left of a column when the terminal is narrow."""
_COLORS = {
    "running": "blue", "waiting": "yellow", "interrupted": "yellow", "succeeded": "green", "failed": "red",
    "ready": "green",
}  # fmt: skip


@dataclass(frozen=True)
class ListColumn:
    """A column of a table. At a terminal ids are shortened and times are distances from now."""

    name: str
    kind: Literal["text", "id", "time", "status"] = "text"


def drawn(columns: Sequence[ListColumn], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return a heading and the rows, cut to `width` cells. Columns that are empty in each row are left out."""
    texts = [[_text(column, cell) for column, cell in zip(columns, row, strict=True)] for row in rows]
    used = [n for n in range(len(columns)) if any(row[n] for row in texts)]
    lines = [[columns[n].name.upper() for n in used], *([row[n] for n in used] for row in texts)]
    widths = [max(_cells(line[i]) for line in lines) for i in range(len(used))]
    _narrow(widths, [i for i, n in enumerate(used) if columns[n].kind == "text"], width)
    found: list[str] = []
    for row, line in enumerate(lines):
        cut = [_fit(text, size) for text, size in zip(line, widths, strict=True)]
        found.append(
            GAP.join(
                click.style(text, bold=True) if row == 0 else _styled(columns[n], text)
                for n, text in zip(used, cut, strict=True)
            )
        )
    return found


def _text(column: ListColumn, value: str) -> str:
    text = visible_line(value)
    return {"id": short_id, "time": distance}.get(column.kind, str)(text)


def _styled(column: ListColumn, text: str) -> str:
    if column.kind == "status":
        return click.style(text, fg=_COLORS.get(text.strip()))
    if column.kind == "id":
        return click.style(text, fg="cyan")
    return click.style(text, dim=True) if column.kind == "time" else text


def _narrow(widths: list[int], which: list[int], most: int) -> None:
    """Take cells from the widest of the columns `which` until all fit, or those are at their least."""
    while which and sum(widths) + len(GAP) * (len(widths) - 1) > most:
        widest = max(which, key=lambda i: widths[i])
        if widths[widest] <= LEAST:
            return
        widths[widest] -= 1


def _fit(text: str, size: int) -> str:
    """Return `text` in exactly `size` cells."""
    if _cells(text) > size:
        while _cells(text) > size - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (size - _cells(text))


def _cells(text: str) -> int:
    """Return how many cells of a terminal `text` takes: two for a wide character, none for a mark on another."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
