"""The owner of the cell that a kernel runs right now, by this server's own knowledge.

A kernel may act for its person only while a cell of that person runs and no agent code does. The kernel's
word counts for neither. A person's cell is an execute request without a reply that this server itself
forwarded from a page of that person. Agent code is a call that a worker reported before sending it. The
kernel's iopub can only take attendance away. Cells run one after the other, so the first request without a
reply is the running one, and a reply answers all requests before it.

A click in a chat widget of a page that is not ours (VS Code, Colab, Voila) comes over the widget's comm, as a message that
this server forwards too. It counts as a cell until the kernel has handled it, and for :data:`CLICK_SECONDS` at most.

The kernel that this server is embedded in has no pages here. Only there its own iopub counts as evidence,
because it started this server and holds its credential.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

AGENT = "lobu-"
ANYBODY = "*"  # the owner of every cell in the kernel that this server is embedded in
CLICK_SECONDS = 15.0
COMM = "comm_msg"
_CLICKS = "clicks"  # their lane
MOST_REQUESTS = 4096  # without a reply, per kernel. Further ones are not recorded


@dataclass(frozen=True)
class Attendance:
    """A kernel's rights for its person now.

    ``works``: start, cancel, create. ``decides``: also approve, grant and set policy. A cell whose page is
    gone, or that ran agent code while it waited, works but does not decide.
    """

    works: bool = False
    decides: bool = False


@dataclass
class _CellRequest:
    person: str  # "" for a silent request, which is no cell
    session: str
    lane: str  # the subshell, "" for the main shell
    number: int
    lent: bool = False  # agent code ran inside it


@dataclass
class _AgentCall:
    worker_id: str
    number: int
    inside: frozenset[str] = frozenset()  # the cells that run it
    idle: bool = False  # the kernel reports that it has ended
    orphaned: bool = False  # no worker will report its end


class Cells:
    """The execute requests and agents' calls of one kernel. An ``embedded`` one has no pages here."""

    def __init__(self, *, embedded: bool = False) -> None:
        self.embedded = embedded
        self._requests: dict[str, _CellRequest] = {}  # without a reply, by msg_id, in order
        self._pages: dict[tuple[str, str], int] = {}  # connections by person and session
        self._calls: dict[str, _AgentCall] = {}  # agents' calls under way, by the msg_id of the request
        self._foreign: set[str] = set()  # requests that the kernel reports as running and no page sent
        self._count = 0  # of requests and calls, in order of arrival
        self._changed = asyncio.Event()

    def attendance(self, person: str) -> Attendance:
        """Return the kernel's rights for `person` now."""
        running = self._running()
        works = self._works(running, person) and not self._calls and not self._foreign
        return Attendance(works, works and all(self._present(r) and not r.lent for r in running.values()))

    def visited(self, person: str) -> bool:
        """Return whether a cell of another person runs now."""
        return any(request.person not in (person, ANYBODY, "") for request in self._running().values())

    async def wait(self, person: str, seconds: float, longer: float) -> Attendance:
        """Return :meth:`attendance` once the kernel may work: a cell's call can overtake its news.

        Waits `seconds` for the cell, and `longer` if only an agent's ending call is in the way.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not (found := self.attendance(person)).works:
            patience = longer if self._works(self._running(), person) else seconds
            self._changed.clear()
            try:
                async with asyncio.timeout_at(began + patience):
                    await self._changed.wait()
            except TimeoutError:
                return self.attendance(person)
        return found

    # -- this server's own observations -------------------------------------------------------------

    def opened(self, person: str, session: str) -> None:
        """Add a connection of a page of `person`."""
        self._pages[person, session] = self._pages.get((person, session), 0) + 1

    def closed(self, person: str, session: str) -> None:
        """Remove the connection of a page. Its cell still runs, but may not decide."""
        left = self._pages.pop((person, session), 0) - 1
        if left > 0:
            self._pages[person, session] = left

    def forwarded(self, msg_id: str, person: str, session: str, lane: str = "") -> None:
        """Add an execute request that a page sends to the kernel."""
        if msg_id not in self._requests and len(self._requests) < MOST_REQUESTS:
            self._requests[msg_id] = _CellRequest(person, session, lane, self._number())
            self._changed.set()

    def clicked(self, msg_id: str, person: str, session: str) -> None:
        """Add a message in which a page calls the gateway over a widget's comm."""
        self.forwarded(msg_id, person, session, _CLICKS)
        asyncio.get_running_loop().call_later(CLICK_SECONDS, self.answered, msg_id)

    def answered(self, msg_id: str) -> None:
        """Remove a request that has its reply, and all earlier ones in its lane."""
        request = self._requests.get(msg_id)
        if request is None:
            return
        for earlier in [m for m, r in self._requests.items() if r.lane == request.lane]:
            del self._requests[earlier]
            if earlier == msg_id:
                break
        for call_id, call in list(self._calls.items()):
            if call.orphaned and (call.number < request.number or msg_id in call.inside):
                del self._calls[call_id]
        self._changed.set()

    def clear(self) -> None:
        """Remove all requests and calls of a kernel that died or restarted."""
        self._requests.clear()
        self._calls.clear()
        self._foreign.clear()
        self._changed.set()

    def lost(self) -> None:
        """Remove the requests of a kernel that is said to have ended by what it may have written itself.

        Agents' calls stay until their workers report the end, so that no kernel talks itself free of them.
        """
        self._requests.clear()
        self._foreign.clear()
        self._changed.set()

    # -- reports of workers --------------------------------------------------------------------------

    def call_begins(self, call_id: str, worker_id: str, *, inside_cell: bool = False) -> None:
        """Add agent code that a worker is about to send. ``inside_cell``: a waiting cell runs it itself."""
        running = self._running() if inside_cell else {}
        self._calls.setdefault(call_id, _AgentCall(worker_id, self._number(), frozenset(running)))
        for request in running.values():
            request.lent = True

    def call_ends(self, call_id: str, worker_id: str, *, stopped: bool = True) -> bool:
        """End a call. Not ``stopped``: its worker has given it up while its code may still run.

        Returns True if its code is now known to run on.
        """
        call = self._calls.get(call_id)
        if call is None or call.worker_id != worker_id:
            return False
        was_orphaned, call.orphaned = call.orphaned, True
        if stopped or call.idle:
            del self._calls[call_id]
            self._changed.set()
            return False
        return not was_orphaned

    def workers(self) -> set[str]:
        """Return the workers that have a call under way."""
        return {call.worker_id for call in self._calls.values() if not call.orphaned}

    def worker_gone(self, worker_id: str) -> None:
        """Orphan the calls of a worker that is gone. They end when the kernel reports their end."""
        for call_id in [c for c, call in self._calls.items() if call.worker_id == worker_id]:
            self.call_ends(call_id, worker_id, stopped=False)

    # -- reports of the kernel, on iopub -------------------------------------------------------------

    def reported(self, state: Any, parent: dict[str, Any]) -> None:
        """Note the state that the kernel reports for the request `parent`, of any kind."""
        kind, session, msg_id = (str(parent.get(name, "")) for name in ("msg_type", "session", "msg_id"))
        if kind not in ("execute_request", COMM):
            return
        if state == "idle":
            self.idle(msg_id)
        elif state == "busy" and kind != COMM:
            self.busy(session, msg_id)
        elif state == "busy" and self.embedded and not session.startswith(AGENT):
            self.clicked(msg_id, ANYBODY, session)

    def busy(self, session: str, msg_id: str) -> None:
        """Note that an execute request begins. If a page sent it, no foreign request runs any more."""
        if self.embedded and not session.startswith(AGENT):
            self.forwarded(msg_id, ANYBODY, session)
        if msg_id in self._requests:
            self._foreign.clear()
        else:
            self._foreign.add(msg_id)
        self._changed.set()

    def idle(self, msg_id: str) -> None:
        """Note that an execute request has ended."""
        self._foreign.discard(msg_id)
        self.answered(msg_id)
        call = self._calls.get(msg_id)
        if call is not None:
            call.idle = True
            if call.orphaned:
                del self._calls[msg_id]
        self._changed.set()

    # -- inside --------------------------------------------------------------------------------------

    def _number(self) -> int:
        self._count += 1
        return self._count

    def _running(self) -> dict[str, _CellRequest]:
        """Return the first request of each lane, by its msg_id."""
        lanes: dict[str, str] = {}
        for msg_id, request in self._requests.items():
            lanes.setdefault(request.lane, msg_id)
        return {msg_id: self._requests[msg_id] for msg_id in lanes.values()}

    def _works(self, running: dict[str, _CellRequest], person: str) -> bool:
        return bool(running) and all(request.person in (person, ANYBODY) for request in running.values())

    def _present(self, request: _CellRequest) -> bool:
        return self.embedded or (request.person, request.session) in self._pages
