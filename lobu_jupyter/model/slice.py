"""One run's slice of a journal, with its open ends, so that it ends as a valid AG-UI stream.

The gateway feeds every event of a run through a :class:`Slice` before it is journaled. The slice refuses
events that the strict AG-UI client would refuse (``verifyEvents`` of @ag-ui/client 1.0). It turns the chunk
shorthands into start, content and end. It can close all open ends when the gateway itself must end the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, cast

from . import events as ev
from .errors import InvalidField
from .ids import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .events import Event
    from .streamed import Streamed

_OPENS: dict[type, tuple[str, str]] = {
    ev.TextMessageStart: ("message", "message_id"),
    ev.ToolCallStart: ("call", "tool_call_id"),
    ev.ReasoningStart: ("span", "message_id"),
    ev.ReasoningMessageStart: ("reasoning", "message_id"),
}
_CONTINUES: dict[type, tuple[str, str]] = {
    ev.TextMessageContent: ("message", "message_id"),
    ev.ToolCallArgs: ("call", "tool_call_id"),
    ev.ReasoningMessageContent: ("reasoning", "message_id"),
}
_CLOSES: dict[type, tuple[str, str]] = {
    ev.TextMessageEnd: ("message", "message_id"),
    ev.ToolCallEnd: ("call", "tool_call_id"),
    ev.ReasoningEnd: ("span", "message_id"),
    ev.ReasoningMessageEnd: ("reasoning", "message_id"),
}
_CHUNKS: dict[type, tuple[str, str, str]] = {
    ev.TextMessageChunk: ("message", "TEXT_MESSAGE", "messageId"),
    ev.ToolCallChunk: ("call", "TOOL_CALL", "toolCallId"),
    ev.ReasoningMessageChunk: ("reasoning", "REASONING_MESSAGE", "messageId"),
}
_CLOSING_TYPE = {
    "message": ("TEXT_MESSAGE_END", "messageId"),
    "call": ("TOOL_CALL_END", "toolCallId"),
    "span": ("REASONING_END", "messageId"),
    "reasoning": ("REASONING_MESSAGE_END", "messageId"),
}

Key = tuple[str, str, str | None]  # kind, id or name, owning sub-agent of a step


class Slice:
    """The open ends of one run. ``owed``: calls of an earlier run that this one must answer."""

    def __init__(self, owed: Iterable[str] = ()) -> None:
        self.open: dict[Key, str | None] = {}  # in order of opening -> sub-agent that owns it
        self.unanswered: dict[str, str | None] = dict.fromkeys(owed)  # call -> sub-agent
        self.said = bytearray()  # the words of all messages, to search in, as UTF-8
        self.ended = False
        self._used: set[tuple[str, str]] = set()  # ids that were opened in this run
        self._answered: set[str] = set()
        self.streamed: Streamed | None = None  # redacts what the gateway journals (not in the journal)
        self.chunk: tuple[str, str, str] | None = (
            None  # kind, family, id of the open shorthand (not in the journal)
        )

    def feed(self, event: ev.Known, body: bytes, where: str) -> list[bytes]:
        """Check one event and return the bodies to journal for it (none for a repeated RUN_STARTED).

        Raises:
            InvalidField: the strict client would refuse it here. The slice may hold part of the batch by
                then. Discard it and feed a new one from the journal.
        """
        if self.ended:
            _refuse("the run has ended", where)
        cls = type(event)
        if cls in _CHUNKS:
            return self._feed_chunk(event, body, where)
        out = self._end_chunk()
        if cls in _OPENS:
            kind, attr = _OPENS[cls]
            self._begin(kind, getattr(event, attr), event.subagent_run_id, where)
        elif cls in _CONTINUES:
            kind, attr = _CONTINUES[cls]
            name = getattr(event, attr)
            self._need_own(kind, name, event.subagent_run_id, where)
            return [*out, *self._delta(kind, name, cast("str", event.delta), body)]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        elif cls in _CLOSES:
            kind, attr = _CLOSES[cls]
            name = getattr(event, attr)
            del self.open[self._need_own(kind, name, event.subagent_run_id, where)]
            out += self._end_stream(kind, name)
        elif isinstance(event, ev.ToolCallResult):
            self._answer(event.tool_call_id, where)
            out += self._end_stream("output", event.tool_call_id)
        elif isinstance(event, ev.Custom):
            if event.name == "lobu.output" and self.streamed is not None:
                return [*out, *self.streamed.output(event, body)]
        elif isinstance(event, ev.StepStarted | ev.StepFinished):
            self._step(event, where)
        elif isinstance(event, ev.SubagentStarted):
            parent = event.parent_subagent_run_id
            if parent is not None and ("subagent", parent) not in self._used:
                _refuse(f"subagent {parent!r} was not started in this run", f"{where}.parentSubagentRunId")
            self._begin("subagent", event.subagent_run_id, event.parent_subagent_run_id, where)
        elif isinstance(event, ev.SubagentFinished | ev.SubagentError):
            del self.open[self._need("subagent", event.subagent_run_id, where)]
        elif isinstance(event, ev.RunFinished):
            self._finish(event, where)
            out += self._end_streams()
        elif isinstance(event, ev.RunErrorEvent):
            self.ended = True
            out += [ev.encode(closing) for closing in self.close(event.message)]
        elif isinstance(event, ev.RunStarted):
            return out  # the gateway wrote it when the run began
        return [*out, body]

    def _step(self, event: ev.StepStarted | ev.StepFinished, where: str) -> None:
        key: Key = ("step", event.step_name, event.subagent_run_id)
        begins = isinstance(event, ev.StepStarted)
        if begins == (key in self.open):
            _refuse(f"step {event.step_name!r} is {'already' if begins else 'not'} open", f"{where}.stepName")
        if begins:
            self.open[key] = event.subagent_run_id
        else:
            del self.open[key]

    def close(self, why: str) -> list[Event]:
        """Return the events that close all open ends, newest first, and answer each owed call."""
        closing = [ev.decode(body) for body in [*self._end_chunk(), *self._end_streams()]]
        for kind, name, owner in reversed(list(self.open)):
            owner = self.open.pop((kind, name, owner))
            by = {} if owner is None else {"subagentRunId": owner}
            if kind == "step":
                closing.append({"type": "STEP_FINISHED", "stepName": name, **by})
            elif kind == "subagent":
                closing.append({"type": "SUBAGENT_ERROR", "subagentRunId": name, "message": why})
            else:
                type_, member = _CLOSING_TYPE[kind]
                closing.append({"type": type_, member: name, **by})
        for call, owner in self.unanswered.items():
            result = ev.tool_result(call, why, new_id("msg"))
            closing.append(result if owner is None else {**result, "subagentRunId": owner})
        self.unanswered.clear()
        return closing

    def _begin(self, kind: str, name: str, owner: str | None, where: str) -> None:
        if (kind, name) in self._used:
            _refuse(f"{kind} {name!r} was opened before in this run", where)
        self._used.add((kind, name))
        self.open[(kind, name, None)] = owner
        if kind == "call":
            self.unanswered[name] = owner

    def _need(self, kind: str, name: str, where: str) -> Key:
        key = (kind, name, None)
        if key not in self.open:
            _refuse(f"{kind} {name!r} is not open", where)
        return key

    def _need_own(self, kind: str, name: str, by: str | None, where: str) -> Key:
        """Return the key of an open end, which only its opener may continue."""
        key = self._need(kind, name, where)
        if by is not None and by != self.open[key]:
            _refuse(f"{kind} {name!r} is not of subagent {by!r}", f"{where}.subagentRunId")
        return key

    def _answer(self, call: str, where: str) -> None:
        if ("call", call, None) in self.open:
            _refuse(f"call {call!r} has a result before its end", f"{where}.toolCallId")
        if call in self._answered or call not in self.unanswered:
            _refuse(f"no call {call!r} awaits a result", f"{where}.toolCallId")
        del self.unanswered[call]
        self._answered.add(call)

    def _finish(self, event: ev.RunFinished, where: str) -> None:
        outcome = event.outcome or {"type": "success"}
        asked: set[str] = set()
        if outcome.get("type") == "interrupt":
            interrupts = outcome.get("interrupts")
            if not isinstance(interrupts, list) or not interrupts:
                _refuse("an interrupt outcome has interrupts", f"{where}.outcome.interrupts")
            asked = {call for i in interrupts for call in _calls_held_by(i)}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        if self.open:
            kind, name, _ = next(iter(self.open))
            _refuse(f"{kind} {name!r} is still open", where)
        left = self.unanswered.keys() - asked
        if left:
            _refuse(f"call {min(left)!r} has no result", where)
        self.ended = True

    def _feed_chunk(self, event: ev.Known, body: bytes, where: str) -> list[bytes]:
        kind, family, member = _CHUNKS[type(event)]
        fields = ev.decode(body)
        name: str | None = fields.get(member)
        by = {"subagentRunId": event.subagent_run_id} if event.subagent_run_id else {}
        out: list[bytes] = []
        if self.chunk is None or self.chunk[0] != kind or name not in (None, self.chunk[2]):
            out += self._end_chunk()
            if name is None:
                _refuse("the first chunk names what it opens", f"{where}.{member}")
            start = {k: v for k, v in fields.items() if k not in ("type", "delta")}
            if kind == "call" and "toolCallName" not in start:
                _refuse("the first chunk names the tool", f"{where}.toolCallName")
            self._begin(kind, name, event.subagent_run_id, where)
            self.chunk = (kind, family, name)
            if kind == "reasoning":
                start["role"] = "reasoning"
            out.append(ev.encode({"type": f"{family}_START", **start}))
        if fields.get("delta"):
            suffix = "ARGS" if kind == "call" else "CONTENT"
            name, delta = self.chunk[2], fields["delta"]
            event_ = {"type": f"{family}_{suffix}", member: name, "delta": delta, **by}
            out += self._delta(kind, name, delta, ev.encode(event_))
        return out

    def _delta(self, kind: str, name: str, delta: str, body: bytes) -> list[bytes]:
        """Return the bodies to journal now for a delta."""
        bodies = [body] if self.streamed is None else self.streamed.delta(kind, name, delta, body)
        if kind == "message":
            for told in bodies:
                self.said += (delta if told is body else ev.decode(told)["delta"]).encode()
        return bodies

    def _end_stream(self, kind: str, name: str) -> list[bytes]:
        """Return the bodies that a stream still holds back at its end."""
        return self._said(self.streamed.end(kind, name)) if self.streamed is not None else []

    def _end_streams(self) -> list[bytes]:
        return self._said(self.streamed.end_all()) if self.streamed is not None else []

    def _said(self, bodies: list[bytes]) -> list[bytes]:
        for event in map(ev.decode, bodies):
            if event["type"] == "TEXT_MESSAGE_CONTENT":
                self.said += event["delta"].encode()
        return bodies

    def _end_chunk(self) -> list[bytes]:
        if self.chunk is None:
            return []
        kind, family, name = self.chunk
        self.chunk = None
        if (kind, name, None) not in self.open:
            return []
        owner = self.open.pop((kind, name, None))
        by = {} if owner is None else {"subagentRunId": owner}
        held = self._end_stream(kind, name)
        return [*held, ev.encode({"type": f"{family}_END", _CLOSING_TYPE[kind][1]: name, **by})]


def _calls_held_by(interrupt: dict[str, Any]) -> list[str]:
    """Return the call that an interrupt asks about, and those in which the asking sub-agents run."""
    lobu: dict[str, Any] = (interrupt.get("metadata") or {}).get("lobu") or {}
    return [str(interrupt.get("toolCallId")), *(lobu.get("parentToolCallIds") or [])]


def _refuse(why: str, where: str) -> NoReturn:
    raise InvalidField(why, field=where)
