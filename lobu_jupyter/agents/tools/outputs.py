"""A call's outputs: streamed to the person in events of bounded size, and given to the model in short form.

The person sees all of it up to a cap, then a line that says that it was cut, and by how much. The model gets the
final state of the screen (:mod:`.seen`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.depth import shallow
from lobu_jupyter.model.events import custom, encode
from lobu_jupyter.model.mime_text import joined
from lobu_jupyter.model.terminal import screen_text
from lobu_jupyter.model.text import shorten

from .seen import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lobu_jupyter.model.ports import Output

    from .base import Emit

PIECE_BYTES = 48 * 1024
"""The size of an event's payload, as encoded: below the wire's 64 kB with room for the envelope."""
FIGURES = "The figures of the last call:"
"""The text before a call's images, which a model gets as if the person had sent them."""
DEFAULT_CAP = 10 * 1024 * 1024
_DROPPED = re.compile(r"\n\[(\d+) more characters of output were not kept\]\n")
"""The executor's last line if it kept less than was printed."""


def pieces(text: str, limit: int = PIECE_BYTES) -> Iterator[str]:
    """Cut `text` into parts whose JSON encoding has at most `limit` bytes."""
    start = 0
    while start < len(text):
        size = limit
        while len(encode({"": text[start : start + size]})) > limit:
            size //= 2
        yield text[start : start + size]
        start += size


def clean(text: str) -> str:
    """Return text that UTF-8 can carry. A lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def size_of(count: int) -> str:
    """Return a number of bytes in words: ``"10.0 MB"``."""
    if count < 1024:
        return f"{count} bytes"
    return f"{count / 1024:.1f} kB" if count < 1024**2 else f"{count / 1024**2:.1f} MB"


class Outputs:
    """The outputs of one call. ``take`` each one, ``finish`` once, then read ``text`` and ``images``.

    ``keep`` also gets each of them unchanged.

    An output is one of nbformat's, or an addition of a kernel's executor: ``{"output_type": "clear_output"}``, and
    ``display_id`` in a display that may be updated or that updates an earlier one.
    """

    def __init__(
        self,
        emit: Emit,
        call_id: str,
        cap: int = DEFAULT_CAP,
        keep: Callable[[Output], None] | None = None,
    ) -> None:
        self._keep = keep
        self.failed = False
        self._emit, self._call_id, self._cap = emit, call_id, cap
        self._seen = Seen()
        self._index = -1
        self._displays: dict[str, int] = {}  # index of each display that may be updated
        self._stream: str | None = None  # name of the stream at the last index
        self._shown = self._hidden = 0

    @property
    def text(self) -> str:
        """Return the text for the model, bounded (:class:`.seen.Seen`)."""
        return self._seen.text

    @property
    def images(self) -> list[tuple[str, bytes]]:
        """Return the figures for the model, bounded."""
        return self._seen.images

    async def take(self, output: Output) -> None:
        """Show an output and note it for the model."""
        if self._keep is not None:
            self._keep(output)
        kind = output.get("output_type")
        if kind == "stream":
            text = clean(joined(output.get("text", "")))
            if dropped := _DROPPED.fullmatch(text):
                self._hidden += int(dropped[1])
                return
            name = str(output.get("name", "stdout"))
            self._seen.stream(name, text)
            await self._show_stream(name, text)
        elif kind == "error":
            self.failed = True
            self._seen.say(error_text(output))
            await self._show_whole(_bounded_error(output))
        elif kind == "clear_output":
            await self._clear()
        else:
            data = {mime: _clean_value(shallow(value)) for mime, value in (output.get("data") or {}).items()}
            shown = await self._show_data(output, data)
            self._seen.data(data, output.get("display_id"), shown=shown)

    async def finish(self) -> None:
        """Report how much was not shown, if anything, and draw the figures that the model cannot see otherwise."""
        await self._seen.draw()
        if self._hidden:
            self._seen.say(f"[{size_of(self._hidden)} more were cut]")
            total = size_of(self._shown + self._hidden)
            await self._say(f"\n[{size_of(self._shown)} of {total} are shown; the rest was cut]\n")

    # -- to the person ------------------------------------------------------------------------

    async def _show_stream(self, name: str, text: str) -> None:
        room = max(self._cap - self._shown, 0)
        shown, size = text, len(text.encode())
        if size > room:
            shown = text.encode()[:room].decode("utf-8", "ignore")
        for piece in pieces(shown):
            await self._send_stream(name, piece)
        used = len(shown.encode())
        self._shown += used
        if size > used:
            if not self._hidden:
                await self._say(f"\n[output is cut here, after {size_of(self._shown)}]\n")
            self._hidden += size - used

    async def _show_data(self, output: Output, data: dict[str, Any]) -> bool:
        """Show a MIME bundle. Returns False if a part of it is too large."""
        size = len(encode(data))
        if self._shown + size > self._cap:
            self._hidden += size
            await self._say(f"\n[an output of {size_of(size)} is not shown: the call's limit is reached]\n")
            return False
        self._shown += size
        kept = {k: v for k, v in output.items() if k in ("output_type", "metadata", "execution_count")}
        if len(encode(kept)) > 4096:
            kept.pop("metadata", None)
        kept.setdefault("metadata", {})
        at = self._place(output.get("display_id"))
        parts = list(self._parts(kept, data, size))
        for number, part in enumerate(parts):
            await self._send(part, at, replace=at is not None and number == 0)
        return not any(_is_too_large(value) for value in data.values())

    def _place(self, display_id: str | None) -> int | None:
        """Return the index of the display that this one updates, or begin an output and return None."""
        at = None if display_id is None else self._displays.get(display_id)
        if at is None:
            self._begin()
            if display_id is not None:
                self._displays[display_id] = self._index
        return at

    def _parts(self, kept: Output, data: dict[str, Any], size: int) -> Iterator[Output]:
        if size <= PIECE_BYTES:
            yield {**kept, "data": data}
            return
        for mime, value in data.items():
            if isinstance(value, str):
                for piece in pieces(value):
                    yield {**kept, "data": {mime: piece}}
            elif not _is_too_large(value):
                yield {**kept, "data": {mime: value}}
            else:
                note = f"[{mime} of {size_of(len(encode({'': value})))} is too large to show]"
                yield {**kept, "data": {"text/plain": "\n" + note}}

    async def _clear(self) -> None:
        self._seen.clear()
        self._displays.clear()
        self._index, self._stream = -1, None
        await self._emit(custom("lobu.output", {"toolCallId": self._call_id, "clear": True}))

    async def _show_whole(self, output: Output) -> None:
        self._shown += len(encode(output))
        self._begin()
        await self._send(output)

    async def _say(self, text: str) -> None:
        await self._send_stream("stderr", text)

    async def _send_stream(self, name: str, text: str) -> None:
        if self._stream != name:
            self._begin()
            self._stream = name
        await self._send({"output_type": "stream", "name": name, "text": text})

    def _begin(self) -> None:
        self._index += 1
        self._stream = None

    async def _send(self, output: Output, at: int | None = None, *, replace: bool = False) -> None:
        index = self._index if at is None else at
        value = {"toolCallId": self._call_id, "index": index, "output": output, "replace": replace or None}
        await self._emit(
            custom("lobu.output", {name: part for name, part in value.items() if part is not None})
        )


def _is_too_large(value: Any) -> bool:
    """Return whether a value of a MIME bundle can be in no event. Texts come in pieces."""
    return not isinstance(value, str) and len(encode({"": value})) > PIECE_BYTES


def error_text(error: dict[str, Any]) -> str:
    """Return an nbformat error for the model: the end of its traceback, without colour, then its last line."""
    trace = screen_text(clean("\n".join(map(str, error.get("traceback") or []))))
    last = clean(f"{error.get('ename', 'Error')}: {error.get('evalue', '')}")
    body = "" if trace.rstrip().endswith(last) else f"\n{shorten(last, 2000)}"
    return trace[-2500:] + body


def _bounded_error(output: Output) -> Output:
    lines = [shorten(clean(str(line)), 8000) for line in output.get("traceback") or []]
    while len(encode({"": lines})) > PIECE_BYTES // 2 and len(lines) > 2:
        del lines[len(lines) // 2]
    return {
        "output_type": "error",
        "ename": shorten(clean(str(output.get("ename", ""))), 1000),
        "evalue": shorten(clean(str(output.get("evalue", ""))), 2000),
        "traceback": lines,
    }


def _clean_value(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):  # pyright: ignore[reportUnknownVariableType]
        return clean("".join(value))  # pyright: ignore[reportUnknownArgumentType]
    return clean(value) if isinstance(value, str) else value
