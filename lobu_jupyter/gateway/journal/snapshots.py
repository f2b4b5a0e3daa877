"""The snapshots: folds of journals, made in an OS thread, cached so that only new events are folded."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from lobu_jupyter.gateway.access import own_thread
from lobu_jupyter.model.events import decode, encode
from lobu_jupyter.model.fold import Fold, State

from .journal import ALL, read_page

if TYPE_CHECKING:
    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.runs import Entry
    from lobu_jupyter.store.bodies import Body
    from lobu_jupyter.store.database import Database
    from lobu_jupyter.store.tx import Tx

MAX_KEPT = 16  # threads whose fold is kept
PAGE_EVENTS = 2000
PAGE_BYTES = 4 * 1024 * 1024


async def snapshot(ctx: Context, by: Caller, thread_id: str) -> State:
    """Return the thread's folded state and its cursor (:mod:`lobu_jupyter.model.fold`)."""

    async def body(tx: Tx) -> None:
        await own_thread(tx, by, thread_id)

    await ctx.database.read(body)
    return await ctx.snapshots.state(thread_id)


class Snapshots:
    """A cache of folds, of the threads that were read last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[str, tuple[threading.Lock, Fold]] = OrderedDict()

    async def state(self, thread_id: str, until: int | None = None) -> State:
        """Return the state after the event `until`, or after the last one, as the caller's own copy."""
        lock, fold = self._kept.get(thread_id) or (threading.Lock(), Fold())
        if until is None or fold.cursor <= until:
            self._keep(thread_id, lock, fold)
            state = await self._advance(thread_id, lock, fold, until)
            if until is None or state["cursor"] <= until:
                return state
        # A past state, or another call has folded further meanwhile: fold anew, without caching.
        return await self._advance(thread_id, threading.Lock(), Fold(), until)

    async def _advance(self, thread_id: str, lock: threading.Lock, fold: Fold, until: int | None) -> State:
        cursor = fold.cursor
        while True:
            page, cursor = await self._database.read(_page(thread_id, cursor, until))
            copy = await asyncio.to_thread(_apply, lock, fold, page)
            if copy is not None:
                return copy

    def _keep(self, thread_id: str, lock: threading.Lock, fold: Fold) -> None:
        self._kept[thread_id] = (lock, fold)
        self._kept.move_to_end(thread_id)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)


def _page(thread_id: str, cursor: int, until: int | None) -> Body[tuple[list[Entry], int]]:
    async def body(tx: Tx) -> tuple[list[Entry], int]:
        bound = ALL if until is None else until
        return await read_page(tx, thread_id, cursor, bound, max_events=PAGE_EVENTS, max_bytes=PAGE_BYTES)

    return body


def _apply(lock: threading.Lock, fold: Fold, page: list[Entry]) -> State | None:
    """Fold a page. Returns a copy of the state for the last, empty page, else None."""
    with lock:
        for entry in page:
            fold.apply(entry.seq, decode(entry.body))
        return None if page else _copy(fold.state())


def _copy(state: State) -> State:
    """Return a deep copy, made item by item, so that the event loop's thread runs in between."""
    return {
        name: [decode(encode(part)) for part in member]
        if isinstance(member, list)
        else decode(encode({"it": member}))["it"]
        for name, member in state.items()
    }
