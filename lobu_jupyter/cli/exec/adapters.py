"""Adapters that turn a command's output into AG-UI events: one per format, chosen by the first line.

An adapter is fed line by line. It keeps the data of the run's end: ``error`` (the agent's own failure),
``usage`` (AG-UI's TokenUsage) and ``session`` (the agent's own id of this conversation). A line that it
does not understand becomes a RAW event. Nothing is dropped.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from lobu_jupyter.model import events as ev
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.runs import ErrorCode
from lobu_jupyter.model.usage import usages_of

if TYPE_CHECKING:
    from lobu_jupyter.model.events import Event

FORMATS = ("auto", "agui", "claude", "codex", "text")
MOST_RESULT = 60_000
"""Bytes of a result that an event holds. The rest is cut visibly."""


class AgentFailure(Exception):
    """A failure of the agent. ``code`` is that of the run's RUN_ERROR."""

    def __init__(self, message: str, code: str = ErrorCode.PROVIDER_ERROR) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Adapter(Protocol):
    """A converter of lines into events."""

    error: AgentFailure | None
    usage: list[dict[str, Any]]

    def feed(self, line: str) -> list[Event]:
        """Return the events of one line, which has no line end."""
        ...

    def close(self) -> list[Event]:
        """Return the events that remain after the last line."""
        ...


class TextAdapter:
    """An adapter of plain text: all lines are one message."""

    def __init__(self) -> None:
        self.error: AgentFailure | None = None
        self.usage: list[dict[str, Any]] = []
        self._message: str | None = None

    def feed(self, line: str) -> list[Event]:
        begin: list[Event] = []
        if self._message is None:
            if not line.strip():
                return []
            self._message = new_id("msg")
            begin = [{"type": "TEXT_MESSAGE_START", "messageId": self._message, "role": "assistant"}]
        return [
            *begin,
            {"type": "TEXT_MESSAGE_CONTENT", "messageId": self._message, "delta": line + "\n"},
        ]

    def close(self) -> list[Event]:
        if self._message is None:
            return []
        return [{"type": "TEXT_MESSAGE_END", "messageId": self._message}]


class Agui:
    """An adapter of AG-UI events. RUN_STARTED and the end are read but not sent: the run has its own."""

    def __init__(self) -> None:
        self.error: AgentFailure | None = None
        self.usage: list[dict[str, Any]] = []

    def feed(self, line: str) -> list[Event]:
        event = as_object(line)
        if event is None or not isinstance(event.get("type"), str):
            return raw(line)
        kind = event["type"]
        if kind == "RUN_ERROR":
            if self.error is None:
                self.error = AgentFailure(
                    str(event.get("message") or "The agent failed."),
                    str(event.get("code") or ErrorCode.INTERNAL),
                )
            self.usage = usages_of(event) or self.usage
            return []
        if kind == "RUN_FINISHED":
            self._finished(event)
            return []
        return [] if kind == "RUN_STARTED" else [event]

    def close(self) -> list[Event]:
        return []

    def _finished(self, event: Event) -> None:
        self.usage = usages_of(event) or self.usage
        outcome: dict[str, Any] = event.get("outcome") or {}
        if outcome.get("type", "success") == "interrupt" and self.error is None:
            why = "The command asks for a decision, but a command cannot be resumed; use the worker protocol."
            self.error = AgentFailure(why, ErrorCode.INTERNAL)


def adapter_of(format: str, first: str) -> Adapter:
    """Return the adapter of a format. ``auto`` reads the first line."""
    from .claude import Claude
    from .codex import Codex

    makers: dict[str, type[TextAdapter] | type[Agui] | type[Claude] | type[Codex]]
    makers = {"agui": Agui, "claude": Claude, "codex": Codex, "text": TextAdapter}
    return makers[_guess(first) if format == "auto" else format]()


def _guess(line: str) -> str:
    found = as_object(line)
    kind = found.get("type") if found is not None else None
    if not isinstance(kind, str):
        return "text"
    if kind in ev.TYPES:
        return "agui"
    if kind in ("thread.started", "turn.started") or kind.startswith("item."):
        return "codex"
    if kind in ("system", "assistant", "user", "stream_event", "result"):
        return "claude"
    return "agui"


# -- shared by adapters -----------------------------------------------------------------------------


def as_object(line: str) -> dict[str, Any] | None:
    """Return the JSON object of a line, or None."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None  # pyright: ignore[reportUnknownVariableType]


def raw(line: str) -> list[Event]:
    """Return a RAW event for a line that is not understood, nothing for an empty one."""
    return [{"type": "RAW", "event": cut(line), "source": "stdout"}] if line.strip() else []


def said(text: str, message_id: str | None = None) -> list[Event]:
    """Return the events of a whole message of the agent."""
    name = message_id or new_id("msg")
    return [
        {"type": "TEXT_MESSAGE_START", "messageId": name, "role": "assistant"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": name, "delta": text},
        {"type": "TEXT_MESSAGE_END", "messageId": name},
    ]


def thought(text: str) -> list[Event]:
    """Return the events of a whole reasoning span."""
    name = new_id("think")
    return [
        {"type": "REASONING_START", "messageId": name},
        {"type": "REASONING_MESSAGE_START", "messageId": name, "role": "reasoning"},
        {"type": "REASONING_MESSAGE_CONTENT", "messageId": name, "delta": text},
        {"type": "REASONING_MESSAGE_END", "messageId": name},
        {"type": "REASONING_END", "messageId": name},
    ]


def called(call_id: str, name: str, args: Any) -> list[Event]:
    """Return the events of a call with its arguments (JSON)."""
    return [
        {"type": "TOOL_CALL_START", "toolCallId": call_id, "toolCallName": name},
        {"type": "TOOL_CALL_ARGS", "toolCallId": call_id, "delta": json.dumps(args, ensure_ascii=False)},
        {"type": "TOOL_CALL_END", "toolCallId": call_id},
    ]


def returned(call_id: str, text: str) -> Event:
    """Return the event of a call's result."""
    return ev.tool_result(call_id, cut(text), new_id("msg"))


def session(agent: str, session_id: str) -> Event:
    """Return the event that keeps the agent's own id of the conversation, when it is first seen."""
    message = f"{agent} session {session_id}"
    return ev.custom("lobu.session", {"agent": agent, "sessionId": session_id, "message": message})


def cut(text: str) -> str:
    """Return `text`, or as much of it as an event holds with a note of the cut."""
    data = text.encode()
    if len(data) <= MOST_RESULT:
        return text
    return data[: MOST_RESULT // 2].decode(errors="ignore") + f"\n[… cut: {len(data)} bytes in all]"
