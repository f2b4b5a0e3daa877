"""A mapper from pydantic-ai's stream of a run to AG-UI events, one valid sequence.

Text, reasoning and tool calls are streamed at once. A message is opened by its first character, so that an empty one
never shows. Ids of calls are the provider's, unless one was used before on this thread. Then the call gets one of
ours (:attr:`EventMapper.names`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic_ai.messages import (
    AgentStreamEvent,
    FunctionToolResultEvent,
    ModelResponsePart,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
    ToolReturnPart,
)

from lobu_jupyter.agents.tools.answers import bounded
from lobu_jupyter.agents.tools.outputs import clean, pieces
from lobu_jupyter.model.events import Event, tool_result
from lobu_jupyter.model.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable

UNANSWERED = "This call did not run: the model's provider failed first."


@dataclass
class _Open:
    """A part of the response that is still streaming."""

    kind: str  # text, thinking, call
    id: str


class EventMapper:
    """A mapper of one run's stream to events. ``used``: ids of calls of earlier runs.

    ``fresh``: give every call an id of ours, as for a sub-agent, which does not know the ids around it.
    """

    def __init__(self, used: Iterable[str] = (), *, fresh: bool = False) -> None:
        self.names: dict[str, str] = {}  # the provider's id of a call -> ours, where they differ
        self._used = set(used)
        self._fresh = fresh
        self._open: dict[int, _Open] = {}
        self._kinds: dict[int, str] = {}  # of the response's text and thinking parts
        self._message = ""
        self._unanswered: list[str] = []

    def call_id(self, provider_id: str) -> str:
        """Return the AG-UI id of a call."""
        return self.names.get(provider_id, provider_id)

    def feed(self, event: AgentStreamEvent) -> list[Event]:
        """Return the events for one event of pydantic-ai."""
        if isinstance(event, PartStartEvent):
            return self._start(event.index, event.part)
        if isinstance(event, PartDeltaEvent):
            return self._delta(event)
        if isinstance(event, PartEndEvent):
            return self._end(event.index, event.part)
        if isinstance(event, FunctionToolResultEvent):
            return [self._result(event.part)]
        return []  # the other kinds repeat these

    def go_on(self, names: dict[str, str], used: Iterable[str], owed: Iterable[str]) -> None:
        """Take over from the interrupted run: its names, the ids it used, its calls without a result."""
        self.names.update(names)
        self._used.update(used, names.values())
        self._unanswered.extend(owed)

    def settle(self) -> list[Event]:
        """End everything open, because the response has ended."""
        return [event for index in reversed(list(self._open)) for event in self._close(index)]

    def close(self) -> list[Event]:
        """End everything open, and answer each call without a result, because the run fails."""
        events = self.settle()
        events += [tool_result(call, UNANSWERED, new_id("msg")) for call in self._unanswered]
        self._unanswered.clear()
        return events

    # -- parts ----------------------------------------------------------------------------------

    def _start(self, index: int, part: ModelResponsePart) -> list[Event]:
        if index == 0 or not self._message:
            self._message = new_id("msg")
            self._kinds.clear()
        events = self.settle()
        if isinstance(part, TextPart | ThinkingPart):
            self._kinds[index] = "text" if isinstance(part, TextPart) else "thinking"
            return events + self._say(index, part.content)
        if isinstance(part, ToolCallPart):
            self._kinds.pop(index, None)
            return events + self._start_call(index, part)
        return events

    def _begin(self, kind: str) -> _Open:
        """Return a new message. The response's first text takes the id that its calls name as their parent."""
        if kind == "text" and self._message not in self._used:
            self._used.add(self._message)
            return _Open(kind, self._message)
        return _Open(kind, new_id("msg"))

    def _start_call(self, index: int, part: ToolCallPart) -> list[Event]:
        call = part.tool_call_id
        if self._fresh or call in self._used:
            call = self.names[part.tool_call_id] = new_id("call")
        else:
            self.names.pop(part.tool_call_id, None)
        self._used.add(call)
        self._open[index] = _Open("call", call)
        self._unanswered.append(call)
        start = {"toolCallId": call, "toolCallName": part.tool_name, "parentMessageId": self._message}
        return [{"type": "TOOL_CALL_START", **start}, *self._say(index, _json(part.args))]

    def _delta(self, event: PartDeltaEvent) -> list[Event]:
        delta = event.delta
        if isinstance(delta, TextPartDelta | ThinkingPartDelta):
            return self._say(event.index, delta.content_delta)
        if isinstance(delta, ToolCallPartDelta):
            return self._say(event.index, _json(delta.args_delta))
        return []

    def _say(self, index: int, text: str | None) -> list[Event]:
        if not text:
            return []
        events: list[Event] = []
        part = self._open.get(index)
        if part is None:
            if index not in self._kinds:
                return []
            events = self.settle()
            part = self._open[index] = self._begin(self._kinds[index])
            events += _opening(part)
        type_, member = _CONTENT[part.kind]
        return events + [{"type": type_, member: part.id, "delta": piece} for piece in pieces(clean(text))]

    def _end(self, index: int, part: ModelResponsePart) -> list[Event]:
        if isinstance(part, TextPart | ThinkingPart | ToolCallPart):
            return self._close(index)
        # A kind of part without events of its own, such as a file, is kept and shown raw.
        return [{"type": "RAW", "event": {"part": part.part_kind}, "source": "pydantic-ai"}]

    def _close(self, index: int) -> list[Event]:
        part = self._open.pop(index, None)
        if part is None:
            return []
        if part.kind == "call":
            return [{"type": "TOOL_CALL_END", "toolCallId": part.id}]
        return _closing(part)

    def _result(self, part: ToolReturnPart) -> Event:
        call = self.call_id(part.tool_call_id)
        if call in self._unanswered:
            self._unanswered.remove(call)
        self._message = ""
        result = tool_result(call, bounded(part.model_response_str(wrap_if_error=False)), new_id("msg"))
        told: Any = part.metadata
        if part.outcome == "failed":
            told = {"ok": False}
        return {**result, "metadata": {"lobu": told}} if isinstance(told, dict) else result


def _json(args: str | dict[str, Any] | None) -> str | None:
    return msgspec.json.encode(args).decode() if isinstance(args, dict) else args


_CONTENT = {
    "text": ("TEXT_MESSAGE_CONTENT", "messageId"),
    "thinking": ("REASONING_MESSAGE_CONTENT", "messageId"),
    "call": ("TOOL_CALL_ARGS", "toolCallId"),
}


def _opening(part: _Open) -> list[Event]:
    if part.kind == "text":
        return [{"type": "TEXT_MESSAGE_START", "messageId": part.id, "role": "assistant"}]
    if part.kind == "thinking":
        return [
            {"type": "REASONING_START", "messageId": part.id},
            {"type": "REASONING_MESSAGE_START", "messageId": part.id, "role": "reasoning"},
        ]
    return []


def _closing(part: _Open) -> list[Event]:
    if part.kind == "text":
        return [{"type": "TEXT_MESSAGE_END", "messageId": part.id}]
    return [
        {"type": "REASONING_MESSAGE_END", "messageId": part.id},
        {"type": "REASONING_END", "messageId": part.id},
    ]
