"""The pages of the journal, and a cache of the last ones, so that a second reader does not read the store.

The journal only grows, so a page never changes. A page that was not full is valid until an event comes
after it. Then a fuller page replaces it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import Struct

from lobu_jupyter.model.runs import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_KEPT_BYTES = 4 * 1024 * 1024


class Chunk(list[Entry]):
    """A list of entries that several readers may share, with their encoded bytes."""

    __slots__ = ("_encoded",)

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        super().__init__(entries)
        self._encoded: dict[Callable[[list[Entry]], bytes], bytes] = {}

    def encoded(self, encode: Callable[[list[Entry]], bytes]) -> bytes:
        """Return ``encode(self)``, computed once."""
        if encode not in self._encoded:
            self._encoded[encode] = encode(self)
        return self._encoded[encode]


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a page: the events after `position`, of the run ``only`` if it is set."""

    thread_id: str
    position: int
    only: str | None


class _KeptChunk(Struct, frozen=True):
    page: Chunk
    last: int  # the seq where it ends
    full: bool
    size: int


class Chunks:
    """A cache of the pages that were read last, bounded in bytes of events. Use it on one event loop only."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Place, _KeptChunk] = OrderedDict()
        self._bytes = 0

    def after(self, place: Place, until: int) -> tuple[Chunk, int] | None:
        """Return the page at a place and the seq where it ends, if valid for a journal up to `until`."""
        kept = self._kept.get(place)
        if kept is None or kept.last > until or not (kept.full or kept.last == until):
            return None
        self._kept.move_to_end(place)
        return kept.page, kept.last

    def keep(self, place: Place, page: Chunk, last: int, *, full: bool) -> None:
        """Cache a page. ``full``: it was cut because more did not fit."""
        size = sum(len(entry.body) for entry in page)
        self._forget(place)
        self._kept[place] = _KeptChunk(page, last, full, size)
        self._bytes += size
        while self._bytes > MAX_KEPT_BYTES:
            self._forget(next(iter(self._kept)))

    def drop(self, thread_id: str) -> None:
        """Drop the pages of a thread whose journal is gone."""
        for place in [place for place in self._kept if place.thread_id == thread_id]:
            self._forget(place)

    def _forget(self, place: Place) -> None:
        kept = self._kept.pop(place, None)
        self._bytes -= kept.size if kept is not None else 0
