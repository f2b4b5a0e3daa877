"""The tails of followed journals: what was committed last, so that a hundred readers need not read it again.

A tail is filled after the commit, with the bytes that were journaled, and it ends where the journal
did then; so it is a copy of the journal, never ahead of it. It holds batches of workers only: whatever
else happens to a thread sends its readers to the store, as does a tail that does not reach back to them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lobu_jupyter.model.runs import Entry

from .pages import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_EVENTS = 500
MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Piece:
    """One batch as journaled."""

    run_id: str
    page: Page
    size: int

    @property
    def first(self) -> int:
        return self.page[0].seq

    @property
    def last(self) -> int:
        return self.page[-1].seq


class Tails:
    """The tail of each thread that somebody follows, bounded like one page. Only for one event loop."""

    def __init__(self) -> None:
        self._tails: dict[str, deque[_Piece]] = {}

    def extend(self, thread_id: str, run_id: str, first: int, bodies: Sequence[bytes]) -> None:
        """A batch that was just committed; one that does not join on begins a new tail."""
        page = Page([Entry(first + i, body) for i, body in enumerate(bodies)])
        piece = _Piece(run_id, page, sum(map(len, bodies)))
        tail = self._tails.get(thread_id)
        if tail is None or tail[-1].last != first - 1:
            tail = self._tails[thread_id] = deque()
        tail.append(piece)
        while len(tail) > 1 and not _fits(tail):
            tail.popleft()

    def after(self, thread_id: str, position: int, only: str | None) -> tuple[Page, int] | None:
        """What follows `position` (of the run `only`), and where that ends; None: the store knows."""
        tail = self._tails.get(thread_id)
        if tail is None or position < tail[0].first - 1:
            return None
        last = max(position, tail[-1].last)
        pieces = [piece for piece in tail if piece.last > position and only in (None, piece.run_id)]
        if len(pieces) == 1 and pieces[0].first > position:
            return pieces[0].page, last
        return Page([entry for piece in pieces for entry in piece.page if entry.seq > position]), last

    def drop(self, thread_id: str) -> None:
        """Nobody follows the thread any more."""
        self._tails.pop(thread_id, None)


def _fits(tail: deque[_Piece]) -> bool:
    events = sum(len(piece.page) for piece in tail)
    return events <= MAX_EVENTS and sum(piece.size for piece in tail) <= MAX_BYTES
