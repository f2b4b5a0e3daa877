"""The limit on nested JSON. Deeper JSON is refused on arrival, because folding and copying are recursive."""

from __future__ import annotations

import re
from typing import Any

MAX_DEPTH = 100

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


def too_deep(data: bytes) -> bool:
    """Return whether JSON text nests deeper than MAX_DEPTH. Cheap in the usual case of few brackets."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for token in _TOKEN.finditer(data):
        first = data[token.start()]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif first in b"]}":
            depth -= 1
    return False


def shallow(value: Any, most: int = MAX_DEPTH // 2) -> Any:
    """Return JSON data with a text in place of each part that nests deeper than `most`."""
    if isinstance(value, dict | list) and most == 0:
        return "[nested too deep to show]"
    if isinstance(value, dict):
        return {name: shallow(part, most - 1) for name, part in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return [shallow(part, most - 1) for part in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]
