"""The slices of running runs: cached between batches, rebuilt from the journal if another server wrote."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from lobu_jupyter.gateway.rows import interrupt_of, json_of
from lobu_jupyter.model.events import MAX_EVENT_BYTES, parse
from lobu_jupyter.model.interrupts import held_calls
from lobu_jupyter.model.slice import Slice
from lobu_jupyter.model.streamed import Streamed

from .journal import read_run

if TYPE_CHECKING:
    from lobu_jupyter.model.redaction import Redactor
    from lobu_jupyter.store.tx import Row, Tx

MAX_KEPT = 256


class Slices:
    """A cache of slices, each valid for one batch number of its run.

    A transaction takes a slice out and puts it back once it is durable, so a slice that a failed transaction
    has fed is never seen again.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._kept: dict[str, tuple[int, Slice]] = {}
        self._extended: dict[str, float] = {}  # when the ordinary road last saw to the run's lease
        self._lock = threading.Lock()  # taken in the store's thread, kept on the loop

    async def take(self, tx: Tx, lease: Row, batch: int) -> Slice:
        """Take the slice of a running run as of `batch`, its last one, or rebuild it."""
        with self._lock:
            kept = self._kept.pop(lease["run_id"], None)
        if kept is not None and kept[0] == batch:
            return kept[1]
        slice_ = await _rebuild(tx, lease)
        kept_open = json.loads(lease["chunk"]) if lease["chunk"] else {}
        if kept_open.get("chunk"):
            slice_.chunk = tuple(kept_open["chunk"])
        slice_.streamed = Streamed(self._redactor, kept_open.get("streamed"))
        return slice_

    def expects(self, run_id: str, batch: int) -> bool:
        """Return whether `batch` is the next one of a run whose last batch this server took."""
        kept = self._kept.get(run_id)
        return kept is not None and kept[0] == batch - 1

    def take_next(self, run_id: str, batch: int, since: float) -> Slice | None:
        """Take the slice that `batch` comes next for, if it is cached and the lease was extended after `since`."""
        with self._lock:
            kept = self._kept.get(run_id)
            if kept is None or kept[0] != batch - 1 or self._extended.get(run_id, 0.0) <= since:
                return None
            del self._kept[run_id]
            return kept[1]

    def keep(self, run_id: str, batch: int, slice_: Slice, extended: float | None = None) -> None:
        """Cache the slice as of `batch`. ``extended``: when the run's lease was extended, if that is known."""
        with self._lock:
            self._kept[run_id] = (batch, slice_)
            if extended is not None:
                self._extended[run_id] = extended
            if len(self._kept) > MAX_KEPT:
                oldest = next(iter(self._kept))
                del self._kept[oldest]
                self._extended.pop(oldest, None)

    def drop(self, run_id: str) -> None:
        with self._lock:
            self._kept.pop(run_id, None)
            self._extended.pop(run_id, None)


async def _rebuild(tx: Tx, lease: Row) -> Slice:
    run = await tx.one("run", run_id=lease["run_id"])
    assert run is not None, "a lease has its run"
    settled = await tx.all("resolved_interrupts", run_id=run["run_id"])
    slice_ = Slice(owed=[call for row in settled for call in held_calls(interrupt_of(row))])
    for entry in await read_run(tx, run):
        if len(entry.body) > MAX_EVENT_BYTES:
            continue  # of the gateway itself (a long prompt, a decision): opens and closes nothing
        where = f"journal[{entry.seq}]"
        event, body = parse(entry.body, where)
        slice_.feed(event, body, where)
    return slice_


def open_of(slice_: Slice) -> str | None:
    """Return the open chunk shorthand and the text that streams hold back, as JSON for the lease."""
    streamed = slice_.streamed.state() if slice_.streamed is not None else None
    if slice_.chunk is None and streamed is None:
        return None
    return json_of({"chunk": slice_.chunk, "streamed": streamed})
