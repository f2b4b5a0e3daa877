"""Diffs that a person decides by: unified text, bounded."""

from __future__ import annotations

import difflib

from lobu_jupyter.agents.texts import lines_of
from lobu_jupyter.model.text import shorten

MAX_DIFF_CHARS = 24_000
NO_NEWLINE = "\\ No newline at end of file\n"


def unified(before: str, after: str, old: str, new: str) -> str:
    """The unified diff that turns `before`, named `old`, into `after`, named `new`."""
    lines = difflib.unified_diff(lines_of(before), lines_of(after), old, new)
    whole = "".join(line if line.endswith("\n") else f"{line}\n{NO_NEWLINE}" for line in lines)
    return shorten(whole, MAX_DIFF_CHARS)
