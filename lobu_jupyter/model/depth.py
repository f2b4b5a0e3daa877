"""The limit on nested JSON. Deeper JSON is refused on arrival, because folding and copying are recursive."""

from __future__ import annotations

import re

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
