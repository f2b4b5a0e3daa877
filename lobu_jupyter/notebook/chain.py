"""A run and the runs that resume it, folded from the thread's journal.

A run that asks ends with an interrupt, and the decision starts another run with the first as parent.
To the person that is one run, and a chain follows it through. Entries of the thread's other runs are
skipped. A chain does no I/O. It is fed in journal order, and a repeated entry changes nothing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.events import Event, decode
from lobu_jupyter.model.fold import Fold, Item, State

if TYPE_CHECKING:
    from lobu_jupyter.model.runs import Entry

_ENDS = ("RUN_FINISHED", "RUN_ERROR")
_BETWEEN_RUNS = ("lobu.closed", "lobu.kernel")


class Chain:
    """A run and its resumptions. Safe for threads."""

    def __init__(self, run_id: str, cursor: int) -> None:
        self.run_ids = [run_id]
        self.cursor = cursor
        self.taken = 0  # events of this chain so far
        self._fold = Fold()
        self._mine = False
        self._lock = threading.RLock()

    @property
    def run_id(self) -> str:
        """The run that was started last."""
        return self.run_ids[-1]

    def feed(self, entry: Entry) -> Event | None:
        """Read the next entry of the journal. Returns its event if it is new and of this chain."""
        with self._lock:
            if entry.seq <= self.cursor:
                return None
            self.cursor = entry.seq
            event = decode(entry.body)
            if not self._takes(event):
                return None
            self._fold.apply(entry.seq, event)
            self.taken += 1
            if event["type"] in _ENDS:
                self._mine = False
            return event

    def resumed(self, run_id: str) -> None:
        """Add `run_id`, which a decision started and whose events are still to come."""
        with self._lock:
            if run_id not in self.run_ids:
                self.run_ids.append(run_id)

    def state(self) -> State:
        """Return the folded state of the chain's runs (:mod:`lobu_jupyter.model.fold`)."""
        with self._lock:
            return self._fold.state()

    @property
    def status(self) -> str:
        """The status: queued, running, interrupted, succeeded, cancelled, failed or expired."""
        with self._lock:
            runs = self._fold.state()["runs"]
            if not runs:
                return "queued"
            if runs[-1]["runId"] != self.run_id:
                return "running"  # decided: the next run's start is on its way
            status: str = runs[-1]["status"]
            if status == "interrupted" and not self.interrupts:
                return self._closed_as()
            return status

    @property
    def ended(self) -> bool:
        """True once no more events can come."""
        return self.status in ("succeeded", "cancelled", "failed", "expired")

    @property
    def interrupts(self) -> list[dict[str, Any]]:
        """The open questions, as the journal has them."""
        with self._lock:
            return list(self._fold.state()["interrupts"])

    @property
    def error(self) -> dict[str, str] | None:
        """``{"code", "message"}`` of a run that failed."""
        with self._lock:
            runs = self._fold.state()["runs"]
            return runs[-1].get("error") if runs else None

    @property
    def cut(self) -> str | None:
        """The reason why the answer is not complete, or None."""
        with self._lock:
            runs = self._fold.state()["runs"]
            return runs[-1].get("cut") if runs else None

    @property
    def text(self) -> str:
        """The agent's text, without that of its sub-agents."""
        return "\n\n".join(
            item["content"].strip()
            for item in self._items("message")
            if _said(item) and item["content"].strip()
        )

    def _items(self, kind: str) -> list[Item]:
        with self._lock:
            return [item for item in self._fold.state()["items"] if item["kind"] == kind]

    def _takes(self, event: Event) -> bool:
        if event["type"] == "RUN_STARTED":
            self._mine = event["runId"] in self.run_ids or event.get("parentRunId") in self.run_ids
            if self._mine:
                self.resumed(event["runId"])
            return self._mine
        if event["type"] == "CUSTOM" and event["name"] == "lobu.still_running":
            return event["value"]["runId"] in self.run_ids
        if event["type"] == "CUSTOM" and event["name"] in _BETWEEN_RUNS and not self._mine:
            return bool(self.interrupts)
        return self._mine

    def _closed_as(self) -> str:
        why = [i["value"].get("why") for i in self._items("notice") if i["name"] == "lobu.closed"]
        last = why[-1] if why else ""
        if last == "worker_died":
            return "running"  # a run that says so comes next
        return "expired" if last == "expired" else "cancelled"


def _said(item: Item) -> bool:
    return item["role"] == "assistant" and isinstance(item["content"], str) and not item.get("subagentRunId")
