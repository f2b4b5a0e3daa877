"""Values that the fold keeps of events: what a context is called, and an activity's content after a patch."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

_MOST_CONTEXT, _LONGEST_DESCRIPTION = 20, 200
_INDEX = re.compile(r"0|[1-9]\d{0,5}", re.ASCII)


class _Misfit(Exception):
    """A patch that does not fit the content."""


def descriptions(context: Any) -> list[str]:
    """Return what the entries of an AG-UI context are called, the first of many, shortened."""
    entries: list[Any] = context if isinstance(context, list) else []
    named = [entry.get("description") for entry in entries[:_MOST_CONTEXT] if isinstance(entry, dict)]
    return [name[:_LONGEST_DESCRIPTION] for name in named if isinstance(name, str) and name]


def patched(content: Any, patch: list[Any]) -> Any:
    """Return the content after an RFC 6902 patch of add, replace and remove, None if it does not fit."""
    changed = deepcopy(content)
    try:
        for step in patch:
            _apply(changed, step)
    except _Misfit:
        return None
    return changed


def _apply(content: Any, step: Any) -> None:
    op, path = (step.get("op"), step.get("path")) if isinstance(step, dict) else (None, None)
    if op not in ("add", "replace", "remove") or not isinstance(path, str) or not path.startswith("/"):
        raise _Misfit
    if op != "remove" and "value" not in step:
        raise _Misfit
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
    holder = content
    for part in way:
        holder = holder[_key(holder, part, len(holder) - 1 if isinstance(holder, list) else 0)]
    _put(holder, last, op, step.get("value"))


def _put(holder: Any, last: str, op: str, value: Any) -> None:
    if isinstance(holder, list):
        inserted = op == "add"
        index = len(holder) if inserted and last == "-" else _key(holder, last, len(holder) - (not inserted))
        holder[index : index + (not inserted)] = [] if op == "remove" else [deepcopy(value)]
        return
    if not isinstance(holder, dict) or last == "__proto__" or (op != "add" and last not in holder):
        raise _Misfit
    if op == "remove":
        del holder[last]
    else:
        holder[last] = deepcopy(value)


def _key(holder: Any, part: str, most: int) -> Any:
    """Return the index or name of a part of the content."""
    if isinstance(holder, list) and _INDEX.fullmatch(part) and int(part) <= most:
        return int(part)
    if isinstance(holder, dict) and part in holder:
        return part
    raise _Misfit
