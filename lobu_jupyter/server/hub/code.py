"""Code as numbered lines of HTML. Hidden characters show, and Python is coloured where it parses as tokens."""

from __future__ import annotations

import builtins
import io
import keyword
import tokenize
from html import escape

from lobu_jupyter.model.card import diff_lines
from lobu_jupyter.model.visible import visible

_LITERALS = frozenset({"True", "False", "None"})
_BUILT_IN = frozenset(name for name in dir(builtins) if not name.startswith("_"))
_STRINGS = frozenset(
    getattr(tokenize, name)
    for name in ("STRING", "FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")
    if hasattr(tokenize, name)
)
_DIFF = {"+": "lobu-diff-added", "-": "lobu-diff-removed"}


def count_of(text: str) -> int:
    """Return the number of lines."""
    return len(text.removesuffix("\n").split("\n"))


def code_html(text: str, *, python: bool) -> str:
    """Return a `pre` with each line after its number. Nothing is left out."""
    shown = visible(text.removesuffix("\n"))
    kinds = _kinds(shown) if python else {}
    lines = shown.split("\n")
    rows = "".join(
        f'<span class="lobu-line" data-line="{number}">{_line(line, kinds.get(number, []))}\n</span>'
        for number, line in enumerate(lines, 1)
    )
    return f'<pre class="lobu-code lobu-digits-{len(str(len(lines)))}" tabindex="0"><code>{rows}</code></pre>'


def diff_html(diff: str) -> str:
    """Return a `pre` with each line of a unified diff."""
    rows = "".join(
        f'<div class="{_DIFF.get(line[:1], "")}">{escape(line) or " "}</div>' for line in diff_lines(diff)
    )
    return f'<pre class="lobu-code lobu-diff" tabindex="0">{rows}</pre>'


_Span = tuple[int, int, str]


def _line(line: str, spans: list[_Span]) -> str:
    out, at = list[str](), 0
    for start, end, kind in sorted(spans):
        if start < at:
            continue
        out += [escape(line[at:start]), f'<span class="hljs-{kind}">{escape(line[start:end])}</span>']
        at = end
    return "".join([*out, escape(line[at:])])


def _kinds(code: str) -> dict[int, list[_Span]]:
    """Return what each part of each line is, as far as the code has tokens."""
    found: dict[int, list[_Span]] = {}
    lines = code.split("\n")
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            kind = _kind(token)
            if kind is None:
                continue
            (first, start), (last, end) = token.start, token.end
            for number in range(first, min(last, len(lines)) + 1):
                begin = start if number == first else 0
                until = end if number == last else len(lines[number - 1])
                found.setdefault(number, []).append((begin, until, kind))
    except (tokenize.TokenError, SyntaxError):
        pass  # the rest has no colour
    return found


def _kind(token: tokenize.TokenInfo) -> str | None:
    if token.type == tokenize.COMMENT:
        return "comment"
    if token.type == tokenize.NUMBER:
        return "number"
    if token.type in _STRINGS:
        return "string"
    if token.type == tokenize.NAME:
        if token.string in _LITERALS:
            return "literal"
        if keyword.iskeyword(token.string):
            return "keyword"
        if token.string in _BUILT_IN:
            return "built_in"
    return None
