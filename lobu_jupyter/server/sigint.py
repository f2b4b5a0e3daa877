"""SIGINT for a server without a terminal.

Jupyter handles SIGINT only if its standard input is a terminal. Elsewhere (a container, a hub, a service
manager) Python's KeyboardInterrupt stops the event loop without any clean-up: runs stay open, and the threads
of the store keep the process alive.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


def stop_on_interrupt(stop: Callable[[], None]) -> Callable[[], None]:
    """Call `stop` on SIGINT if nothing else handles it. Returns a function that restores Python's handler."""
    if threading.current_thread() is not threading.main_thread():
        return _nothing
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return _nothing

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop()

    def restore() -> None:
        current: Any = signal.getsignal(signal.SIGINT)
        if current is handle:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, handle)
    return restore


def _nothing() -> None:
    """Restore nothing."""
