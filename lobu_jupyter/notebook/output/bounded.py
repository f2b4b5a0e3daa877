"""A folded state small enough to be kept in a cell, so that a colleague without the thread can read it."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lobu_jupyter.model.fold import State

MOST_BYTES = 256 * 1024
_TEXT_STEPS = (64_000, 16_000, 4_000, 800)


def bounded(state: State, most: int = MOST_BYTES) -> State:
    """Return a copy of at most `most` bytes of JSON. First long texts are cut, then old items dropped."""
    if _size(state) <= most:
        return copy.deepcopy(state)
    small = state
    for step in _TEXT_STEPS:
        small = _cut(state, step)
        if _size(small) <= most:
            return small
    while _size(small) > most and len(small["items"]) > 1:
        drop = max(1, len(small["items"]) // 4)
        small["items"] = [
            {"kind": "notice", "name": "lobu.cut", "value": {"message": "Earlier items were cut."}},
            *small["items"][drop + 1 :],
        ]
    return small


def _size(state: State) -> int:
    return len(json.dumps(state, ensure_ascii=False, default=str).encode())


def _cut(value: Any, most: int, mime: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _cut(member, most, str(name)) for name, member in value.items()}
    if isinstance(value, list):
        return [_cut(member, most, mime) for member in value]
    if not isinstance(value, str) or len(value) <= most:
        return value
    if mime.startswith(("image/", "application/", "audio/", "video/")):
        return ""  # half an image is none
    return f"{value[: most // 2]}\n[… {len(value) - most} characters were cut …]\n{value[-most // 2 :]}"
