"""Markdown at a terminal, block by block as it streams. It needs rich (`lobu_jupyter[terminal]`).

A block ends with a blank line outside of a code fence. Text is never drawn twice, so that scrolling back shows
what came. HTML is shown as text, and a link with its address.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from rich.console import Console
from rich.markdown import Markdown

from .printing import plain

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


class MarkdownScreen:
    """A terminal's part that draws one message at a time."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, emoji=False)
        self._lines: list[str] = []
        self._rest = ""  # a line that has not ended
        self._fence = ""

    def feed(self, text: str) -> None:
        """Take more text, and draw the blocks that it completes."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._take(line)

    def close(self) -> None:
        """Draw what is left of the message."""
        self._lines.append(self._rest)
        self._rest = self._fence = ""
        self._draw()

    def _take(self, line: str) -> None:
        mark = _FENCE.match(line)
        if mark and not self._fence:
            self._fence = mark[1]
        elif mark and mark[1].startswith(self._fence) and not line.strip().strip(self._fence[0]):
            self._fence = ""
        self._lines.append(line)
        if not line.strip() and not self._fence:
            self._draw()

    def _draw(self) -> None:
        text, self._lines = "\n".join(self._lines), []
        if text.strip():
            self._console.print(_drawn(plain(text)))
            self._console.print()


def _drawn(text: str) -> Markdown:
    drawn = Markdown("", hyperlinks=False)
    drawn.parsed = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).parse(text)
    for token in drawn.parsed:  # an entity as &#8238; becomes its character only here
        for part in (token, *(token.children or ())):
            part.content = plain(part.content)
    return drawn
