"""The cells that characters take on a terminal: wide ones take two, and marks join the character before them."""

from __future__ import annotations

import functools
import re
import unicodedata

JOINER = "\u200d"
_EMOJI_STYLE = "\ufe0f"
_NARROW = re.compile(
    "[\x00-\u02ff\u0370-\u0482\u048a-\u0590\u2010-\u2027\u2030-\u205e\u2070-\u20cf\u2100-\u2319\u2500-\u25fc\u2800-\u28ff]*\\Z"
)
"""Texts of which each character takes one cell, found without a look at each: Latin, Greek, Cyrillic, bars, frames."""


def is_narrow(text: str) -> bool:
    """Return whether a text is known to take one cell for each of its characters."""
    return text.isascii() or _NARROW.match(text) is not None


def cells_of(text: str) -> list[str]:
    """Return the cells of a text. A wide character has an empty cell after it, a mark is in the cell before it."""
    if is_narrow(text):
        return list(text)
    cells: list[str] = []
    for character in text:
        _add(cells, character)
    return cells


def _add(cells: list[str], character: str) -> None:
    at = len(cells) - 1
    while at >= 0 and cells[at] == "":
        at -= 1
    if at >= 0 and _joins(cells[at], character):
        cells[at] += character
        if (character == _EMOJI_STYLE or _is_flag(character)) and at == len(cells) - 1:
            cells.append("")
        return
    cells.append(character)
    if _width(character) == 2:
        cells.append("")


def _joins(before: str, character: str) -> bool:
    if _width(character) == 0 or before.endswith(JOINER):
        return True
    if "\U0001f3fb" <= character <= "\U0001f3ff":  # a tone of skin
        return _width(before[0]) == 2
    return _is_flag(character) and len(before) == 1 and _is_flag(before)


def _is_flag(character: str) -> bool:
    """Return whether a character is half of a flag."""
    return "\U0001f1e6" <= character <= "\U0001f1ff"


@functools.lru_cache(4096)
def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me") or "\u200b" <= character <= "\u200f":
        return 0
    if "\u1160" <= character <= "\u11ff" or "\u2060" <= character <= "\u2064":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
