"""How deep JSON may nest: what is deeper is refused at the door, for all that folds or copies it recurses."""

from __future__ import annotations

import re

MAX_DEPTH = 100

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


def too_deep(data: bytes) -> bool:
    """Whether JSON text nests deeper than MAX_DEPTH. Cheap where there are few brackets, as there are mostly."""
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
