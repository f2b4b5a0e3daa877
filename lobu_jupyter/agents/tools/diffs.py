"""Diffs as the basis of a person's decision: unified text, whole. A diff too long to show is not asked about."""

from __future__ import annotations

import difflib
import re

NO_NEWLINE = "\\ No newline at end of file\n"


def unified(before: str, after: str, old: str, new: str) -> str:
    """Return the unified diff that turns `before`, named `old`, into `after`, named `new`."""
    lines = difflib.unified_diff(_lines(before), _lines(after), old, new)
    return "".join(line if line.endswith("\n") else f"{line}\n{NO_NEWLINE}" for line in lines)


def _lines(text: str) -> list[str]:
    """Return the lines of `text`. Only a line feed ends one. A carriage return is shown, not obeyed."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)
