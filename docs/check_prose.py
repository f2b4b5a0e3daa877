"""Fail on docstrings that open with a bare clause, and list the semicolons where they are too many.

``python docs/check_prose.py``: part of ``make lint``. A docstring names its subject first ("A cache of …",
"Return the run"), so that its first words say what the thing is.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "lobu_jupyter"
BARE = re.compile(r"(What|Who|Whom|Whose|Whether|Where|Which|Those|How)\b")
SEMICOLONS = 0.11  # the share of docstrings with a semicolon in the best of the projects that we read


def docstrings(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each docstring of a package with its place, ``path:line``."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                text = ast.get_docstring(node)
                if text:
                    yield f"{path.relative_to(folder.parent)}:{getattr(node, 'lineno', 1)}", text


def complaints(folder: Path) -> list[str]:
    """Return one line for each docstring to rewrite; none if the prose is as agreed."""
    found = list(docstrings(folder))
    bare = [
        f"{place}: opens with a bare clause: {text.splitlines()[0]}"
        for place, text in found
        if BARE.match(text)
    ]
    split = [place for place, text in found if ";" in _without_code(text)]
    if len(split) > SEMICOLONS * len(found):
        share = f"{len(split)} of {len(found)} docstrings hold a semicolon, {SEMICOLONS:.0%} are allowed:"
        return [*bare, share, *(f"  {place}" for place in split)]
    return bare


def _without_code(text: str) -> str:
    return re.sub(r"``.*?``|`[^`]*`", "", text, flags=re.DOTALL)


if __name__ == "__main__":
    lines = complaints(Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE)
    print("\n".join(lines) or "prose: clean")
    sys.exit(bool(lines))
