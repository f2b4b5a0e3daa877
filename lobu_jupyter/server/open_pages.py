"""The open pages of each person: sockets that can show a question and take its decision."""

from __future__ import annotations

from collections import Counter


class OpenPages:
    """A count of open page sockets by person."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def opened(self, name: str) -> None:
        self._open[name] += 1

    def closed(self, name: str) -> None:
        self._open[name] -= 1
        if self._open[name] <= 0:
            del self._open[name]

    def count(self, name: str) -> int:
        """Return the number of this person's open page sockets."""
        return self._open[name]
