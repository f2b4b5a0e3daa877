"""The code that ran on a thread, read from the folded state, for an export to show and a rebuild to run.

Code for a rebuild is one text of pieces, each after a line ``# %% [n of m]``, so that a person can read and
edit it as a whole and each piece still runs on its own.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from .fold import Item, State

REBUILD_AGENT = "rebuild"
REBUILD_CONTEXT = "lobu.rebuild"
_MARK = re.compile(r"^# %% \[\d+ of \d+\]\n?", re.MULTILINE)
_REBUILT = re.compile(r"# %% \[1 of \d+\]\n")


def code_that_ran(item: Item) -> str | None:
    """Return the code of a run_code call, with the arguments as decided, or None if it did not run."""
    decided = (item.get("decision") or {}).get("decision") or {}
    if item["kind"] != "tool" or item["name"] != "run_code" or item["status"] != "done":
        return None
    if decided.get("kind") in ("reject", "respond") or (item.get("interruptId") and not decided):
        return None
    if "ok" not in item and not item["outputs"] and not decided:
        return None  # refused: it has a result, but nothing that shows that it ran
    try:
        args = decided.get("editedArgs") or json.loads(item["args"] or "{}")
    except json.JSONDecodeError:
        return None
    code = args.get("code") if isinstance(args, dict) else None
    return code if isinstance(code, str) else None


def code_that_succeeded(state: State, but_of: Collection[str] = ()) -> list[str]:
    """Return the code that ran to its end without an error, in order, including that of sub-agents.

    ``but_of``: runs to leave out. A call that ran all before it anew, as a card's *Rebuild* makes one, takes the place
    of all before it. Only calls whose worker reported their end count (``ok`` of the item).
    """
    tools = [i for i in state["items"] if i["kind"] == "tool" and i.get("ok") and i["runId"] not in but_of]
    pieces: list[str] = []
    for item in tools:
        if (code := code_that_ran(item)) is not None:
            pieces = split(code) if _REBUILT.match(code) else [*pieces, code]
    return pieces


def joined(pieces: list[str]) -> str:
    """Return the pieces as one text."""
    return "\n\n".join(f"# %% [{n} of {len(pieces)}]\n{piece.strip()}" for n, piece in enumerate(pieces, 1))


def split(text: str) -> list[str]:
    """Return the pieces of a text of :func:`joined`, also after a person has edited it."""
    return [piece.strip() for piece in _MARK.split(text) if piece.strip()]
