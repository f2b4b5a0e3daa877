"""Delays between tries that double, with jitter, until patience ends."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Backoff:
    """Delays between tries. ``patience``: seconds from the first failure in a row to giving up."""

    def __init__(
        self,
        patience: float,
        *,
        first: float = 0.1,
        most: float = 5.0,
        now: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.patience = patience
        self._first = self._next = first
        self._most = most
        self._now = now
        self._jitter = jitter
        self._failing_since: float | None = None

    def succeeded(self) -> None:
        """Reset the delays, so that the next failure counts as a first one."""
        self._failing_since = None
        self._next = self._first

    def delay(self) -> float | None:
        """Return the seconds to wait before the next try, or None when patience has ended."""
        now = self._now()
        if self._failing_since is None:
            self._failing_since = now
        left = self._failing_since + self.patience - now
        if left <= 0:
            return None
        delay, self._next = self._next, min(2 * self._next, self._most)
        return min(delay * (0.5 + self._jitter() / 2), left)
