"""The tails of followed journals: the last commits in memory, so that a hundred readers share them.

A tail is filled after the commit, with the bytes that were journaled, and it ends where the journal did
then. So it is a copy of the journal, never ahead of it. It holds workers' batches only. Any other event of a
thread sends its readers to the store, and so does a tail that does not reach back to their position.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from msgspec import Struct

from lobu_jupyter.model.runs import Entry

from .chunks import Chunk

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BATCHES = 32  # of one thread: thousands over all would make each full garbage collection a stall
MAX_EVENTS = 2000
MAX_BYTES = 256 * 1024


class _Piece(Struct, frozen=True, gc=False):
    """A batch as journaled: the seqs `first` to `last` of its thread."""

    run_id: str
    page: Chunk
    first: int
    last: int
    size: int


class _Tail:
    """The last batches of one thread, without gaps, and their size in bytes."""

    def __init__(self) -> None:
        self.pieces: deque[_Piece] = deque()
        self._bytes = 0

    def add(self, piece: _Piece) -> None:
        self.pieces.append(piece)
        self._bytes += piece.size
        while len(self.pieces) > 1 and self._is_full():
            self._bytes -= self.pieces.popleft().size

    def _is_full(self) -> bool:
        events = self.last - self.first + 1
        return len(self.pieces) > MAX_BATCHES or events > MAX_EVENTS or self._bytes > MAX_BYTES

    @property
    def first(self) -> int:
        return self.pieces[0].first

    @property
    def last(self) -> int:
        return self.pieces[-1].last

    def after(self, position: int) -> list[_Piece]:
        """Return the batches that reach beyond `position`."""
        found: list[_Piece] = []
        for piece in reversed(self.pieces):
            if piece.last <= position:
                break
            found.append(piece)
        return found[::-1]


class Tails:
    """The tail of each followed thread, bounded like one page. Use it on one event loop only."""

    def __init__(self) -> None:
        self._tails: dict[str, _Tail] = {}

    def extend(self, thread_id: str, run_id: str, first: int, bodies: Sequence[bytes]) -> None:
        """Append a batch that was just committed. After a gap, begin a new tail."""
        page = Chunk([Entry(first + i, body) for i, body in enumerate(bodies)])
        tail = self._tails.get(thread_id)
        if tail is None or tail.last != first - 1:
            tail = self._tails[thread_id] = _Tail()
        tail.add(_Piece(run_id, page, first, first + len(bodies) - 1, sum(map(len, bodies))))

    def after(self, thread_id: str, position: int, only: str | None) -> tuple[Chunk, int] | None:
        """Return the events after `position` (of the run `only`) and the tail's end, or None if it begins later."""
        tail = self._tails.get(thread_id)
        if tail is None or position < tail.first - 1:
            return None
        newest = tail.pieces[-1]
        if position == newest.first - 1 and only in (None, newest.run_id):
            return newest.page, newest.last  # the usual case
        pieces = [piece for piece in tail.after(position) if only in (None, piece.run_id)]
        entries = [entry for piece in pieces for entry in piece.page if entry.seq > position]
        return Chunk(entries), max(position, newest.last)

    def drop(self, thread_id: str) -> None:
        """Drop the tail of a thread that nobody follows any more."""
        self._tails.pop(thread_id, None)
