"""A small table for the output of a command: text and HTML."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any

from lobu_jupyter.model.text import clip
from lobu_jupyter.model.visible import visible, visible_line


@dataclass
class Table:
    """Rows under a heading. ``empty`` replaces a table without rows. ``below`` holds texts shown whole."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    empty: str = "Nothing."
    below: list[str] = field(default_factory=list[str])

    def __repr__(self) -> str:
        if not self.rows:
            return self.empty
        lines = [self.columns, *self._shown()]
        widths = [max(len(line[n]) for line in lines) for n in range(len(self.columns))]
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join(table + [f"\n{visible(text)}" for text in self.below])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._html()}

    def _html(self) -> str:
        if not self.rows:
            return f"<p>{escape(self.empty)}</p>"
        head = "".join(f'<th style="text-align:left">{escape(name)}</th>' for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in row) + "</tr>"
            for row in self._shown()
        )
        below = "".join(
            f'<pre style="white-space:pre-wrap;overflow-wrap:anywhere">{escape(visible(text))}</pre>'
            for text in self.below
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"

    def _shown(self) -> list[tuple[str, ...]]:
        return [tuple(visible_line(cell) for cell in row) for row in self.rows]


def short(text: str, most: int = 60) -> str:
    """Return the first line of `text`, cut."""
    return clip(text.strip().partition("\n")[0], most)
