"""A model's view of a call's outputs: the screen at the call's end, bounded.

Each stream is a terminal of its own, over the whole call. Rows, results and figures are listed in the order of their
last change. ``clear_output`` clears, an updated display keeps its last content, and the last figures are kept.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from lobu_jupyter.model.mime_text import PIXELS, joined, text_of_data
from lobu_jupyter.model.terminal import TextScreen
from lobu_jupyter.model.text import shorten

from .figures import can_draw, pixels_of

MOST_TEXT = 12_000
"""The limit of characters of a call's outputs for a model."""
MOST_RESULT = 4_000
"""The limit of characters of one result."""
MAX_IMAGES, MAX_IMAGE_BYTES = 4, 1_500_000
"""The number of figures of one call that a model sees, the last ones, and the largest size of each as base64."""
_UNSEEN = ("image/svg+xml", "application/pdf")

_NAME = re.compile(r"<[^<>\n]*>")
"""The plain form of a figure, which says nothing to those who see it: ``<Figure size 640x480 with 1 Axes>``."""

Line = tuple[int, str]


class HeadTail:
    """The first and last lines of a long text, in at most twice ``each`` characters."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._head: list[Line] = []
        self._tail: deque[Line] = deque()
        self._head_size = self._tail_size = 0
        self._left_out, self._left_out_at = 0, 0

    def add(self, stamp: int, text: str) -> None:
        text = shorten(text, self._each)
        size = len(text) + 1
        if not self._tail and self._head_size + size <= self._each:
            self._head.append((stamp, text))
            self._head_size += size
            return
        self._tail.append((stamp, text))
        self._tail_size += size
        while self._tail_size > self._each and len(self._tail) > 1:
            at, gone = self._tail.popleft()
            self._tail_size -= len(gone) + 1
            self._left_out += len(gone) + 1
            self._left_out_at = at

    def lines(self) -> list[Line]:
        if not self._left_out:
            return [*self._head, *self._tail]
        note = (self._left_out_at, f"[… {self._left_out} characters left out …]")
        return [*self._head, note, *self._tail]


@dataclass
class _Shown:
    """A result or figure: its text and, for a figure, its pixels. ``drawing``: an SVG or PDF that can become pixels."""

    stamp: int
    text: str
    image: tuple[str, bytes] | None = None
    drawing: tuple[str, str] | None = None


@dataclass
class _Stream:
    gone: HeadTail
    screen: TextScreen = field(init=False)

    def __post_init__(self) -> None:
        self.screen = TextScreen(lambda text, stamp: self.gone.add(stamp, text), self._forget)

    def _forget(self) -> None:
        self.gone = HeadTail(MOST_TEXT // 2)

    def lines(self) -> list[Line]:
        rows = [(stamp, text) for text, stamp in self.screen.rows()]
        if not rows[-1][1]:
            rows.pop()  # the row after the last line end
        return [*self.gone.lines(), *rows]


class Seen:
    """The outputs of one call in the form that its model gets."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._shown: list[_Shown] = []
        self._displays: dict[str, _Shown] = {}
        self._stamp = 0

    @property
    def text(self) -> str:
        """Return the whole text, at most :data:`MOST_TEXT` characters, without control characters."""
        lines = [line for stream in self._streams.values() for line in stream.lines()]
        lines += self._results()
        lines.sort(key=lambda line: line[0])  # stable: the rows of one chunk keep their order
        return shorten("\n".join(text for _, text in lines).strip("\n"), MOST_TEXT)

    def _results(self) -> list[Line]:
        """Return the texts of results. The figures before the last ones have one note for all, as they are not seen."""
        figures = [shown for shown in self._shown if shown.image is not None]
        earlier = figures[:-MAX_IMAGES]
        hidden = {id(shown) for shown in earlier}
        lines = [(shown.stamp, shown.text) for shown in self._shown if shown.text and id(shown) not in hidden]
        if earlier:
            note = f"[{len(earlier)} earlier figures, that you cannot see: you see the last {MAX_IMAGES}]"
            rest = [(shown.stamp, text) for shown in earlier if (text := shown.text.partition("\n")[2])]
            lines += [(earlier[-1].stamp, note), *rest]
        return lines

    @property
    def images(self) -> list[tuple[str, bytes]]:
        """Return the last figures, in order: MIME type and bytes."""
        return [shown.image for shown in self._shown if shown.image is not None][-MAX_IMAGES:]

    async def draw(self) -> None:
        """Draw the SVG and PDF figures among the last ones, if the libraries are installed."""
        figures = [shown for shown in self._shown if shown.image is not None or shown.drawing is not None]
        for shown in figures[-MAX_IMAGES:]:
            if shown.drawing is not None and (pixels := await pixels_of(*shown.drawing)) is not None:
                mime = shown.drawing[0]
                shown.image, shown.drawing = ("image/png", pixels), None
                shown.text = shown.text.replace(_unseen(mime), f"[a figure, {mime}, {_WHERE[True]}]", 1)

    def stream(self, name: str, text: str) -> None:
        """Write to a stream's screen."""
        if name not in self._streams:
            self._streams[name] = _Stream(HeadTail(MOST_TEXT // 2))
        self._streams[name].screen.write(text, self._next())

    def say(self, text: str) -> None:
        """Add a text that belongs to no stream: an error, a note."""
        self._shown.append(_Shown(self._next(), text))

    def data(self, data: dict[str, Any], display_id: str | None = None, *, shown: bool = True) -> None:
        """Add a MIME bundle. One with the id of an earlier display replaces it. ``shown``: its card has it."""
        known = self._displays.get(display_id) if display_id is not None else None
        if known is None:
            known = _Shown(0, "")
            self._shown.append(known)
            if display_id is not None:
                self._displays[display_id] = known
        known.stamp = self._next()
        known.text, known.image = _described(data, shown=shown)
        known.drawing = None if known.image is not None else _drawing(data)

    def clear(self) -> None:
        """Discard all outputs so far."""
        self._streams.clear()
        self._shown.clear()
        self._displays.clear()

    def _next(self) -> int:
        self._stamp += 1
        return self._stamp


def _described(data: dict[str, Any], *, shown: bool) -> tuple[str, tuple[str, bytes] | None]:
    """Return a bundle's text and its figure."""
    text = shorten(text_of_data(data), MOST_RESULT)
    mime = next((mime for mime in PIXELS if mime in data), None)
    if mime is not None:
        note, image = _figure(mime, joined(data[mime]), shown=shown)
        if image is not None and _NAME.fullmatch(text):
            text = ""
        return "\n".join(filter(None, (note, text))), image
    unseen = next((mime for mime in _UNSEEN if mime in data), None)
    if unseen is not None:
        return "\n".join(filter(None, (_unseen(unseen), text))), None
    if not text and data:
        return f"[an output of type {', '.join(data)}, {_WHERE[shown]}]", None
    return text, None


def _unseen(mime: str) -> str:
    return f"[a figure, {mime}, that you cannot see]"


def _drawing(data: dict[str, Any]) -> tuple[str, str] | None:
    """Return the figure of a bundle without pixels that can be drawn."""
    for mime in _UNSEEN:
        if mime in data and can_draw(mime, source := joined(data[mime])):
            return mime, source
    return None


_WHERE = {True: "is on the call's card", False: "is too large for the call's card"}


def _figure(mime: str, encoded: str, *, shown: bool) -> tuple[str, tuple[str, bytes] | None]:
    encoded = "".join(encoded.split())
    if len(encoded) > MAX_IMAGE_BYTES:
        return f"[a figure, {mime}, is too large for you to see: {len(encoded) * 3 // 4000} kB]", None
    try:
        return f"[a figure, {mime}, {_WHERE[shown]}]", (mime, base64.b64decode(encoded, validate=True))
    except binascii.Error:
        return f"[a figure, {mime}, cannot be decoded]", None
