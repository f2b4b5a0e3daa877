"""Output at a bounded rate, for a kernel behind a gateway, which drops what comes faster.

A Jupyter server passes 1 MB and 1,000 messages a second on, over 3 seconds. So streams are written in pieces, and
whoever writes or displays waits until they fit. A gateway that is stalled gets more at once afterwards, so the rate is
well below its limit (worker/kernel/executor.py).
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

BURST_BYTES = 400_000
PIECE = 50_000  # characters of a stream's message
MESSAGE_BYTES = 1_100  # what a message counts at least, so that there are fewer than 1,000 a second
_STREAMS = ("stdout", "stderr")


class _Bucket:
    """A budget of bytes that fills at a rate."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._left, self._at = float(BURST_BYTES), time.monotonic()
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Wait until so many bytes may be sent."""
        with self._lock:
            now = time.monotonic()
            self._left = min(BURST_BYTES, self._left + (now - self._at) * self._rate) - size
            self._at = now
            wait = -self._left / self._rate
        if wait > 0:
            time.sleep(wait)


@contextmanager
def throttled(shell: Any, rate: int | None) -> Generator[None]:
    """Bound what the code prints and displays to `rate` bytes a second. None: unbounded."""
    if rate is None:
        yield
        return
    bucket = _Bucket(rate)
    streams = [getattr(sys, name) for name in _STREAMS]
    publisher = shell.display_pub

    def on_display(message: dict[str, Any]) -> dict[str, Any]:
        bucket.take(MESSAGE_BYTES + len(repr(message.get("content"))))
        return message

    hooked = hasattr(publisher, "register_hook")
    if hooked:
        publisher.register_hook(on_display)
    for stream in streams:
        _slow(stream, bucket)
    try:
        yield
    finally:
        for stream in streams:
            for name in ("write", "flush"):
                vars(stream).pop(name, None)
        if hooked:
            publisher.unregister_hook(on_display)


def _slow(stream: Any, bucket: _Bucket) -> None:
    """Replace the stream's methods on the object itself. Taking them off restores those of its class."""
    write: Callable[[str], int] = stream.write
    flush: Callable[[], None] = stream.flush

    def slow_write(text: str) -> int:
        if not hasattr(text, "encode"):
            return write(text)  # which says what is wrong with it
        for start in range(0, len(text), PIECE):
            piece = text[start : start + PIECE]
            bucket.take(len(piece.encode("utf-8", "replace")) + piece.count("\n"))
            write(piece)
        return len(text)

    def slow_flush() -> None:
        bucket.take(MESSAGE_BYTES)
        flush()

    stream.write, stream.flush = slow_write, slow_flush
