"""A relay of a sub-agent's events. It adds the ``subagentRunId`` to each, and closes all that is left open.

Its events are checked as the gateway checks a run's, so that a faulty sub-agent fails alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobu_jupyter.model.cut import CUT
from lobu_jupyter.model.events import decode, encode, parse
from lobu_jupyter.model.slice import Slice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lobu_jupyter.model.events import Event

    from .base import Emit

_FOR_THE_HOST = ("lobu.sync", "lobu.notebook", "lobu.change", "lobu.spend")  # it resolves their futures


class Relay:
    """One segment of a sub-agent's work. ``owed``: calls that its last segment left without a result."""

    def __init__(self, run_id: str, owed: Iterable[str], emit: Emit) -> None:
        self.answer = ""
        self.cut = ""  # why the answer is not complete
        self._run_id, self._emit = run_id, emit
        self._slice = Slice(owed)

    async def start(self, name: str, call_id: str, description: str) -> None:
        begun = {"subagentRunId": self._run_id, "name": name, "parentToolCallId": call_id}
        await self._emit({"type": "SUBAGENT_STARTED", **begun, "description": description})

    async def take(self, event: Event) -> None:
        """Relay an event of the sub-agent.

        Raises:
                InvalidField: the event is no AG-UI event, or not allowed here.
        """
        if event["type"] in _FOR_THE_HOST:
            await self._emit(event)
            return
        known, body = parse(encode(event), "event")
        for piece in self._slice.feed(known, body, "event"):
            await self._out(decode(piece))

    async def finish(self) -> None:
        """End the sub-agent, and close all that it left open."""
        await self._close("The sub-agent ended without it.")
        await self._emit({"type": "SUBAGENT_FINISHED", "subagentRunId": self._run_id})

    async def suspend(self, interrupt_ids: list[str]) -> None:
        """Suspend the sub-agent, which waits for a person. ``interrupt_ids``: its own questions."""
        outcome = {"type": "suspended", "interruptIds": interrupt_ids}
        await self._emit({"type": "SUBAGENT_FINISHED", "subagentRunId": self._run_id, "outcome": outcome})

    async def fail(self, why: str) -> None:
        """Close and answer everything open, and end the sub-agent with an error."""
        await self._close(why)
        await self._emit({"type": "SUBAGENT_ERROR", "subagentRunId": self._run_id, "message": why})

    async def _close(self, why: str) -> None:
        for event in self._slice.close(why):
            await self._out(event)

    async def _out(self, event: Event) -> None:
        self._listen(event)
        if event["type"] == "SUBAGENT_STARTED":
            event.setdefault("parentSubagentRunId", self._run_id)
        elif event["type"] not in ("SUBAGENT_FINISHED", "SUBAGENT_ERROR"):
            event.setdefault("subagentRunId", self._run_id)
        await self._emit(event)

    def _listen(self, event: Event) -> None:
        """Keep the sub-agent's last message of its own, which is its answer."""
        if event.get("subagentRunId"):
            return
        if event["type"] == "TEXT_MESSAGE_START":
            self.answer = ""
        elif event["type"] == "TEXT_MESSAGE_CONTENT":
            self.answer += event["delta"]
        elif event["type"] == "CUSTOM" and event["name"] == CUT:
            self.cut = event["value"]["message"]
