"""The tool calls of MCP clients: each is a run of its own on a thread of its notebook, under the person's policy.

So a call is journaled, asked about on every surface and decided like an agent's. It outlives the client's connection:
the same call, made again before its result was delivered, joins the first one, and `get_result` asks by the call's id.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections import OrderedDict
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.model.errors import LobuError, NotFound
from lobu_jupyter.model.events import decode
from lobu_jupyter.model.outside_call import CALL_AGENT, OutsideCall
from lobu_jupyter.model.requests import NewThread, StartRun

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lobu_jupyter.gateway import Gateway
    from lobu_jupyter.model.callers import Person
    from lobu_jupyter.model.events import Event

    Note = Callable[[str], Awaitable[None]]

MOST_OPEN = 1000
MAX_IMAGES = 4
MAX_IMAGE = 1_500_000  # characters of base64
WAITS = "Needs approval in JupyterLab. If this call times out, make it again, or ask get_result for"
NO_RESULT = "The call ended without a result."


@dataclass(frozen=True)
class OutsideResult:
    """The result of a call. ``images``: base64 PNGs that its code drew."""

    text: str
    images: tuple[str, ...] = ()
    failed: bool = False


@dataclass(frozen=True)
class _OutsideRun:
    """A run that makes a call, and the journal's cursor before it."""

    thread_id: str
    run_id: str
    cursor: int


@dataclass
class OutsideCalls:
    """The calls of this server's MCP clients. ``_open``: those whose result nobody has, by person, thread and call."""

    _open: OrderedDict[tuple[str, str, str], _OutsideRun] = field(
        default_factory=OrderedDict[tuple[str, str, str], _OutsideRun]
    )

    async def call(
        self, gateway: Gateway, by: Person, place: NewThread, call: OutsideCall, note: Note
    ) -> OutsideResult:
        """Make a call, or join the same one that is still open, and return its result.

        ``note`` gets a sentence when the call waits for a person.

        Raises:
            LobuError: the call was not accepted.
        """
        thread = await gateway.threads.create(by, place)
        digest = hashlib.sha256(msgspec.json.encode(call, order="sorted")).hexdigest()
        key = (by.name, thread.thread_id, digest)
        begun = self._open.get(key) or await _waiting(gateway, by, thread.thread_id, call)
        if begun is None:
            started = await gateway.runs.start(
                by,
                thread.thread_id,
                StartRun(
                    prompt=f"{call.name}, for an MCP client",
                    agent=CALL_AGENT,
                    context=[call.context()],
                    if_running="queue",
                ),
            )
            begun = _OutsideRun(thread.thread_id, started.run_id, started.cursor)
        self._open[key] = begun
        while len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)
        outcome = await _result(gateway, by, begun, note)
        self._open.pop(key, None)  # not reached if the client has gone: then nobody has the result
        return outcome

    async def result(self, gateway: Gateway, by: Person, run_id: str, note: Note) -> OutsideResult:
        """Return the result of an earlier call, by its run's id. Waits for it.

        Raises:
            NotFound: it is no such call of this person.
        """
        run = await gateway.runs.get(by, run_id)
        if run.agent != CALL_AGENT:
            raise NotFound("This is no call of an MCP client.")
        begun = _OutsideRun(run.thread_id, run.run_id, max(run.start_cursor - 1, 0))
        outcome = await _result(gateway, by, begun, note)
        for key, one in list(self._open.items()):
            if one.run_id == run_id:
                del self._open[key]
        return outcome


def place_of(notebook: str, kernel_id: str | None) -> NewThread:
    """Return the thread of a notebook's MCP clients, which is found again by its name."""
    return NewThread(
        name=f"mcp:{notebook}",
        title=f"MCP clients in {posixpath.basename(notebook)}",
        notebook_path=notebook,
        kernel_id=kernel_id,
        reuse=True,
    )


async def _waiting(gateway: Gateway, by: Person, thread_id: str, call: OutsideCall) -> _OutsideRun | None:
    """Return the run whose open question is this very call."""
    for one in await gateway.policy.interrupts(by, thread_id=thread_id):
        if (one.tool_name, one.args) == (call.name, call.args):
            run = await gateway.runs.get(by, one.run_id)
            return _OutsideRun(thread_id, run.run_id, max(run.start_cursor - 1, 0))
    return None


async def _result(gateway: Gateway, by: Person, begun: _OutsideRun, note: Note) -> OutsideResult:
    reading = _Reading(begun.run_id)
    pages = gateway.runs.follow(by, begun.thread_id, begun.cursor)
    async with aclosing(pages):
        async for entries in pages:
            for entry in entries:
                if (outcome := reading.feed(decode(entry.body))) is not None:
                    return outcome
            if reading.waits:
                await note(f"{WAITS} {begun.run_id}.")
    raise LobuError(NO_RESULT)


class _Reading:
    """The events of a run, and of the runs that resume it, up to the call's result."""

    def __init__(self, run_id: str) -> None:
        self._runs = {run_id}
        self._is_ours = False
        self._text = ""
        self._images: list[str] = []
        self.waits = False

    def feed(self, event: Event) -> OutsideResult | None:
        """Take the next event. Return the outcome after the last one."""
        kind = event["type"]
        if kind == "RUN_STARTED":
            self._is_ours = event["runId"] in self._runs or event.get("parentRunId") in self._runs
            if self._is_ours:
                self._runs.add(event["runId"])
                self.waits = False
        elif kind == "CUSTOM" and event["name"] == "lobu.closed" and self.waits:
            return OutsideResult(str(event["value"].get("message") or NO_RESULT), failed=True)
        elif self._is_ours:
            return self._feed_ours(kind, event)
        return None

    def _feed_ours(self, kind: str, event: Event) -> OutsideResult | None:
        if kind == "TOOL_CALL_RESULT":
            self._text = str(event["content"])
        elif kind == "CUSTOM" and event["name"] == "lobu.output":
            self._take_image(event["value"].get("output") or {})
        elif kind == "RUN_ERROR":
            self._is_ours = False
            return OutsideResult(str(event["message"]), failed=True)
        elif kind == "RUN_FINISHED":
            self._is_ours = False
            return self._end(event.get("outcome") or {"type": "success"})
        return None

    def _end(self, outcome: dict[str, Any]) -> OutsideResult | None:
        if outcome["type"] == "interrupt":
            self.waits = True
            return None
        if outcome["type"] == "cancelled":
            return OutsideResult("The call was cancelled.", failed=True)
        return OutsideResult(
            self._text or NO_RESULT, tuple(self._images[-MAX_IMAGES:]), failed=not self._text
        )

    def _take_image(self, output: dict[str, Any]) -> None:
        image = (output.get("data") or {}).get("image/png")
        if isinstance(image, str) and len(image) <= MAX_IMAGE:
            self._images.append(image.replace("\n", ""))
