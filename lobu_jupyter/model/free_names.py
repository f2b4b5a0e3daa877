"""The names that Python code takes from its kernel: it reads them, and defines them nowhere itself.

It is a hint for a person, not a proof: names in strings, in magics or behind ``eval`` are not seen.
"""

from __future__ import annotations

import ast
import builtins
import re

MOST_NAMES = 50
_KNOWN = frozenset(dir(builtins)) | {
    "__name__",
    "__file__",
    "display",
    "get_ipython",
    "In",
    "Out",
    "exit",
    "quit",
}
_MAGIC = re.compile(r"^\s*[%!?].*$", re.MULTILINE)


def free_names(code: str) -> list[str]:
    """Return the free names of a piece of code in the order of their first use, [] if it cannot be parsed."""
    try:
        tree = ast.parse(_MAGIC.sub("", code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    defined, used = set[str](), dict[str, None]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            used[node.id] = None
        else:
            defined |= _defined(node)
    return [name for name in used if name not in defined and name not in _KNOWN][:MOST_NAMES]


def _defined(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.arg):
        return {node.arg}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        return {node.name}
    return set()
