"""A call's outputs: streamed to the person in events of bounded size, and told to the model in few words.

The person sees all of it up to a cap, then a line that says that it was cut, and by how much. The
model gets head and tail of the text, the results' plain form, errors without colour, and figures.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.events import custom, encode
from lobu_jupyter.model.text import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lobu_jupyter.model.ports import Output

    from .base import Emit

PIECE_BYTES = 48 * 1024
"""An event's payload, as encoded: below the wire's 64 kB with room for the envelope."""
FIGURES = "The figures of the last call:"
"""What stands before a call's images, which a model gets as if the person had sent them."""
DEFAULT_CAP = 10 * 1024 * 1024
MAX_IMAGES, MAX_IMAGE_BYTES = 4, 1_500_000
_DROPPED = re.compile(r"\n\[(\d+) more characters of output were not kept\]\n")
"""What the kernel's executor says last where it kept less than was printed."""
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


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
    """Text that UTF-8 can carry: a lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def size_of(count: int) -> str:
    """Bytes in words: ``"10.0 MB"``."""
    if count < 1024:
        return f"{count} bytes"
    return f"{count / 1024:.1f} kB" if count < 1024**2 else f"{count / 1024**2:.1f} MB"


class HeadTail:
    """A text that keeps its first and last characters, whatever comes between."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._head = self._tail = ""
        self._left_out = 0

    def add(self, text: str) -> None:
        room = self._each - len(self._head)
        self._head += text[:room]
        tail = self._tail + text[room:]
        self._tail = tail[-self._each :]
        self._left_out += len(tail) - len(self._tail)

    def __str__(self) -> str:
        if not self._left_out:
            return self._head + self._tail
        return f"{self._head}\n[… {self._left_out} characters left out …]\n{self._tail}"


class Outputs:
    """The outputs of one call. ``take`` them as they come, ``finish`` once, then read ``text`` and ``images``.

    ``keep`` gets each of them, too, as it came.
    """

    def __init__(
        self,
        emit: Emit,
        call_id: str,
        cap: int = DEFAULT_CAP,
        keep: Callable[[Output], None] | None = None,
    ) -> None:
        self._keep = keep
        self.images: list[tuple[str, bytes]] = []
        self.failed = False
        self._emit, self._call_id, self._cap = emit, call_id, cap
        self._text = HeadTail(6000)
        self._index = -1
        self._stream: str | None = None  # name of the stream that the last index holds
        self._shown = self._hidden = 0

    @property
    def text(self) -> str:
        """What the model is told, at most some 12 000 characters."""
        return str(self._text).strip("\n")

    async def take(self, output: Output) -> None:
        """Show an nbformat output and note it for the model."""
        if self._keep is not None:
            self._keep(output)
        kind = output.get("output_type")
        if kind == "stream":
            text = clean(_joined(output.get("text", "")))
            if dropped := _DROPPED.fullmatch(text):
                self._hidden += int(dropped[1])
                return
            self._text.add(_ANSI.sub("", text))
            await self._show_stream(str(output.get("name", "stdout")), text)
        elif kind == "error":
            self.failed = True
            self._text.add("\n" + error_text(output))
            await self._show_whole(_bounded_error(output))
        else:
            self._note_data(output.get("data") or {})
            await self._show_data(output)

    async def finish(self) -> None:
        """Say how much was not shown, if anything."""
        if self._hidden:
            self._text.add(f"\n[{size_of(self._hidden)} more were cut]\n")
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

    async def _show_data(self, output: Output) -> None:
        data: dict[str, Any] = {mime: _clean_value(v) for mime, v in (output.get("data") or {}).items()}
        size = len(encode(data))
        if self._shown + size > self._cap:
            self._hidden += size
            await self._say(f"\n[an output of {size_of(size)} is not shown: the call's limit is reached]\n")
            return
        self._shown += size
        kept = {k: v for k, v in output.items() if k in ("output_type", "metadata", "execution_count")}
        if len(encode(kept)) > 4096:
            kept.pop("metadata", None)
        kept.setdefault("metadata", {})
        self._begin()
        if size <= PIECE_BYTES:
            await self._send({**kept, "data": data})
            return
        for mime, value in data.items():
            await self._send_parts(kept, mime, value)

    async def _send_parts(self, kept: Output, mime: str, value: Any) -> None:
        if isinstance(value, str):
            for piece in pieces(value):
                await self._send({**kept, "data": {mime: piece}})
        elif len(encode({"": value})) <= PIECE_BYTES:
            await self._send({**kept, "data": {mime: value}})
        else:
            note = f"[{mime} of {size_of(len(encode({'': value})))} is too large to show]"
            await self._send({**kept, "data": {"text/plain": "\n" + note}})

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

    async def _send(self, output: Output) -> None:
        value = {"toolCallId": self._call_id, "index": self._index, "output": output}
        await self._emit(custom("lobu.output", value))

    # -- to the model -------------------------------------------------------------------------

    def _note_data(self, data: dict[str, Any]) -> None:
        image = next((mime for mime in ("image/png", "image/jpeg") if mime in data), None)
        if image is not None:
            self._text.add(f"\n[a figure, {image}, is shown to the person]\n")
            self._keep_image(image, _joined(data[image]))
        elif "text/plain" in data:
            self._text.add("\n" + shorten(clean(_joined(data["text/plain"])), 4000) + "\n")
        elif data:
            self._text.add(f"\n[an output of type {', '.join(data)} is shown to the person]\n")

    def _keep_image(self, mime: str, encoded: str) -> None:
        if len(self.images) < MAX_IMAGES and len(encoded) <= MAX_IMAGE_BYTES:
            try:
                self.images.append((mime, base64.b64decode(encoded)))
            except binascii.Error:
                self._text.add("[the figure cannot be decoded]\n")


def error_text(error: dict[str, Any]) -> str:
    """An nbformat error for the model: the end of its traceback, without colour, then its last line."""
    trace = _ANSI.sub("", clean("\n".join(map(str, error.get("traceback") or []))))
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


def _joined(value: Any) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType]


def _clean_value(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):  # pyright: ignore[reportUnknownVariableType]
        return clean("".join(value))  # pyright: ignore[reportUnknownArgumentType]
    return clean(value) if isinstance(value, str) else value
