"""Values that the fold keeps of events: what a context is called, and an activity's content after a patch."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

_MOST_CONTEXT, _LONGEST_DESCRIPTION = 20, 200
_INDEX = re.compile(r"0|[1-9]\d{0,5}", re.ASCII)


def descriptions(context: Any) -> list[str]:
    """Return what the entries of an AG-UI context are called, the first of many, shortened."""
    entries: list[Any] = context if isinstance(context, list) else []
    named = [entry.get("description") for entry in entries[:_MOST_CONTEXT] if isinstance(entry, dict)]
    return [name[:_LONGEST_DESCRIPTION] for name in named if isinstance(name, str) and name]


def patched(content: Any, patch: list[Any]) -> Any:
    """Return the content after an RFC 6902 patch of ``replace``, None if it does not fit."""
    changed = deepcopy(content)
    return changed if all(_replaced(changed, step) for step in patch) else None


def _replaced(content: Any, step: Any) -> bool:
    """Replace one value in place. Return False if the content has none there."""
    if not isinstance(step, dict) or step.get("op") != "replace" or "value" not in step:  # pyright: ignore[reportUnknownMemberType]
        return False
    path: Any = step.get("path")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not isinstance(path, str) or not path.startswith("/"):
        return False
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
    holder = content
    for part in way:
        if (key := _key(holder, part)) is None:
            return False
        holder = holder[key]
    if (key := _key(holder, last)) is None:
        return False
    holder[key] = deepcopy(step["value"])
    return True


def _key(holder: Any, part: str) -> Any:
    """Return the index or name of a part that the content has, None if it has none of this name."""
    if isinstance(holder, list) and _INDEX.fullmatch(part):
        return int(part) if int(part) < len(holder) else None  # pyright: ignore[reportUnknownArgumentType]
    return part if isinstance(holder, dict) and part in holder else None
