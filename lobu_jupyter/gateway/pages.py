"""Pages of the journal, and those that were read lately: who attaches again, or beside another, reads no store.

Only full pages are kept: the journal goes on after them, so what they hold never changes.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lobu_jupyter.model.runs import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_KEPT_BYTES = 4 * 1024 * 1024


class Page(list[Entry]):
    """Entries that several readers may share; whoever encodes them keeps the bytes for the others."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        super().__init__(entries)
        self._encoded: dict[Callable[[list[Entry]], bytes], bytes] = {}

    def encoded(self, encode: Callable[[list[Entry]], bytes]) -> bytes:
        """``encode(self)``, made once."""
        if encode not in self._encoded:
            self._encoded[encode] = encode(self)
        return self._encoded[encode]


@dataclass(frozen=True, slots=True)
class Place:
    """What a reader asks for: the events after `position`; ``only``: of this run."""

    thread_id: str
    position: int
    only: str | None


class Pages:
    """The full pages that were asked for last, bounded in bytes of events. Only for one event loop."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Place, tuple[Page, int, int]] = OrderedDict()
        self._bytes = 0

    def after(self, place: Place) -> tuple[Page, int] | None:
        """The page at a place, and the seq where it ends."""
        kept = self._kept.get(place)
        if kept is None:
            return None
        self._kept.move_to_end(place)
        page, last, _ = kept
        return page, last

    def keep(self, place: Place, page: Page, last: int) -> None:
        """A page that was cut because it was full."""
        if place in self._kept:
            return
        size = sum(len(entry.body) for entry in page)
        self._kept[place] = (page, last, size)
        self._bytes += size
        while self._bytes > MAX_KEPT_BYTES:
            _, (_, _, size) = self._kept.popitem(last=False)
            self._bytes -= size

    def drop(self, thread_id: str) -> None:
        """The thread's journal is gone."""
        for place in [place for place in self._kept if place.thread_id == thread_id]:
            _, _, size = self._kept.pop(place)
            self._bytes -= size
