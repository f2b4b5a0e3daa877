"""The text/plain and text/html of a transcript: self-contained, escaped, bounded, no script.

They are the fallbacks of a cell output, for nbconvert, GitHub and front ends without our renderer.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from .blocks import Block, BlockPart, blocks_of

if TYPE_CHECKING:
    from lobu_jupyter.model.fold import State

MOST_BYTES = 256 * 1024
"""Bytes of each form."""

_CUT = "[The rest of the transcript is too long to be kept in this cell.]"
_BUSY = {"queued": "is about to start …", "running": "works …"}
_STAYS = {"queued": "has not started yet", "running": "is still working"}
_SEE_MORE = "%lobu wait"
_SANS = "font-family:system-ui,sans-serif;line-height:1.45"
_MONO = "font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_PRE = f"margin:4px 0;padding:6px 8px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:0.92em;{_MONO}"
_STYLES = {
    "prompt": "font-weight:600;white-space:pre-wrap",
    "said": "white-space:pre-wrap",
    "thought": "white-space:pre-wrap;opacity:0.65;font-style:italic",
    "call": "border-left:3px solid #8b8b8b;padding-left:8px",
    "question": "border:1px solid #b7791f;border-radius:4px;padding:6px 8px",
    "error": "border-left:3px solid #c53030;padding-left:8px;color:#c53030",
    "notice": "opacity:0.75",
}
_MARKS = {"prompt": "> ", "said": "", "thought": "~ ", "error": "✗ ", "notice": "· "}


def text_of(state: State, status: str, *, live: bool = True) -> str:
    """Return the transcript as plain text. Unless ``live``, it says how to see what comes."""
    pieces = [_text(block) for block in blocks_of(state)]
    if status in _BUSY:
        busy = _BUSY[status].removesuffix(" …")
        pieces.append(f"… {busy}" if live else f"… {_STAYS[status]}. See the result: {_SEE_MORE}")
    return "\n".join(_bounded(pieces, _CUT)) or "…"


def html_of(state: State, status: str, *, live: bool = True) -> str:
    """Return the transcript as self-contained HTML. Unless ``live``, it says how to see what comes."""
    pieces = [_html(block) for block in blocks_of(state)]
    if status in _BUSY:
        busy = _BUSY[status] if live else f"{_STAYS[status]}. See the result: <code>{_SEE_MORE}</code>"
        pieces.append(f'<div style="opacity:0.65">{busy}</div>')
    body = "".join(_bounded(pieces, f"<div>{_CUT}</div>"))
    return f'<div class="lobu-run" style="{_SANS}">{body}</div>'


def _bounded(pieces: list[str], cut: str) -> list[str]:
    """Return the first piece, and as many of the last ones as fit."""
    sizes = [len(piece.encode()) + 1 for piece in pieces]
    if sum(sizes) <= MOST_BYTES:
        return pieces
    left, kept = MOST_BYTES - len(cut) - 200 - sizes[0], list[str]()
    for piece, size in zip(reversed(pieces[1:]), reversed(sizes[1:]), strict=True):
        left -= size
        if left < 0:
            break
        kept.append(piece)
    return [pieces[0], cut, *reversed(kept)]


def _text(block: Block) -> str:
    if block.kind == "call":
        return "\n".join([f"▸ {block.head}", *(_text_part(part) for part in block.parts)])
    if block.kind == "question":
        answer = f"  Answer with {block.text}"
        return "\n".join([f"? {block.head}", *(_text_part(part) for part in block.parts), answer])
    head = f"{block.head}: " if block.head else ""
    return _MARKS[block.kind] + head + block.text


def _text_part(part: BlockPart) -> str:
    text = "[image]" if part.kind == "image" else part.text.rstrip("\n")
    bar = "    " if part.kind == "code" else "  | "
    return "\n".join(bar + line for line in text.split("\n"))


def _html(block: Block) -> str:
    head = f"<div><b>{escape(block.head)}</b></div>" if block.head else ""
    parts = "".join(_html_part(part) for part in block.parts)
    text = escape(block.text)
    if block.kind == "question":
        text = f'<div>Answer with <code style="white-space:pre-wrap">{text}</code></div>'
    elif text:
        text = f"<div>{_marked(text) if block.kind == 'said' else _lines(text)}</div>"
    return f'<div style="margin:6px 0;{_STYLES[block.kind]}">{head}{parts}{text}</div>'


def _lines(text: str) -> str:
    """Write line breaks as tags, which stay if styles are stripped, as on GitHub."""
    return text.replace("\n", "<br>")


def _marked(text: str) -> str:
    """Render the commonest markdown of an answer. The rest reads well as it is."""
    text = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", text)
    return _lines(re.sub(r"\*\*(\S(?:[^*\n]*\S)?)\*\*", r"<b>\1</b>", text))


def _html_part(part: BlockPart) -> str:
    if part.kind == "image":
        return f'<img alt="output" style="max-width:100%" src="{part.text}"/>'
    shade = "background:rgba(128,128,128,0.12);" if part.kind == "code" else ""
    return f'<pre style="{shade}{_PRE}">{escape(part.text)}</pre>'
