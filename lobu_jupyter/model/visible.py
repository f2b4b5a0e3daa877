"""Text as a person must see it before deciding: each character that does not show is an escape.

A bidirectional control reorders what is read, a zero-width character hides, a terminal obeys a control
sequence. So all of these are written as Python writes them: ``\\x1b``, ``\\u202e``, ``\\U000e0041``.

labextension/src/core/text/visible.ts does the same. Both pass the vectors of tests/vectors/visible.json.
"""

from __future__ import annotations

import json
import re
from typing import Any
from unicodedata import category

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# Letters, marks and symbols that are drawn as nothing, and spaces that look like a plain one.
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U00016fe4\U0001d159"
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_EMOJI_STYLE = "\ufe0e\ufe0f"


def visible(text: str) -> str:
    """Return `text` with each hidden character as an escape. Line feeds and tabs stay."""
    if text.isascii():
        return _CONTROL.sub(lambda found: escape(found[0]), text)
    before, shown = "", list[str]()
    for char in text:
        shown.append(escape(char) if _hides(char, before) else char)
        before = char
    return "".join(shown)


def visible_line(text: str) -> str:
    """Return `text` on one line: line feeds and tabs are escapes, too."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def visible_json(value: Any, indent: int | None = 2) -> str:
    """Return JSON text without a hidden character: JSON has escapes of its own, so nothing is lost."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    if text.isascii():
        return text.replace("\x7f", "\\u007f")  # the one hidden character that JSON may hold as it is
    return "".join(
        f"\\u{ord(c):04x}" if c == "\x7f" else json.dumps(c)[1:-1] if _hides(c, "") else c for c in text
    )


def hidden(text: str) -> dict[str, int]:
    """Return how often each hidden character occurs, by its escape."""
    counts: dict[str, int] = {}
    before = ""
    for char in text:
        if _hides(char, before):
            counts[escape(char)] = counts.get(escape(char), 0) + 1
        before = char
    return counts


def escape(char: str) -> str:
    """Return the escape of one character, as Python writes it."""
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _hides(char: str, before: str) -> bool:
    if " " <= char <= "~" or char in "\n\t":
        return False
    if category(char) in _HIDDEN_CATEGORIES or char in _BLANK:
        return True
    if "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
        # A variation selector is drawn only as the style of a symbol.
        return not (
            char in _EMOJI_STYLE and before != "" and category(before) == "So" and before not in _BLANK
        )
    return False
