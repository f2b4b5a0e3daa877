"""AG-UI 1.0 events as the journal keeps them: JSON objects, checked once on arrival.

The classes here name, per event type, the fields that AG-UI requires (ag-ui-protocol 1.0,
``spec/1.0/schema.json``) and those that the rules read. Other fields are kept as they came, because the
journal keeps the bytes and not these objects.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from .bounds import MAX_BATCH_EVENTS, Checkpoint, Count, Id, Ordinal, explain
from .depth import MAX_DEPTH, too_deep
from .errors import InvalidField
from .text import encodable

PROTOCOL_VERSION = "1.0"
MAX_EVENT_BYTES = 64 * 1024 + 4096  # 64 kB of payload and its envelope

Event = dict[str, Any]
"""An AG-UI event as plain JSON."""


class _Event(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type"):
    subagent_run_id: str | None = None


class _Message(_Event, frozen=True, kw_only=True):
    message_id: str


class TextMessageStart(_Message, frozen=True, kw_only=True, tag="TEXT_MESSAGE_START"):
    role: Literal["developer", "system", "assistant", "user"] | None = None


class TextMessageContent(_Message, frozen=True, kw_only=True, tag="TEXT_MESSAGE_CONTENT"):
    delta: str


class TextMessageEnd(_Message, frozen=True, kw_only=True, tag="TEXT_MESSAGE_END"):
    pass


class TextMessageChunk(_Event, frozen=True, kw_only=True, tag="TEXT_MESSAGE_CHUNK"):
    message_id: str | None = None
    delta: str | None = None
    role: str | None = None


class ToolCallStart(_Event, frozen=True, kw_only=True, tag="TOOL_CALL_START"):
    tool_call_id: str
    tool_call_name: str


class ToolCallArgs(_Event, frozen=True, kw_only=True, tag="TOOL_CALL_ARGS"):
    tool_call_id: str
    delta: str


class ToolCallEnd(_Event, frozen=True, kw_only=True, tag="TOOL_CALL_END"):
    tool_call_id: str


class ToolCallChunk(_Event, frozen=True, kw_only=True, tag="TOOL_CALL_CHUNK"):
    tool_call_id: str | None = None
    tool_call_name: str | None = None
    parent_message_id: str | None = None
    delta: str | None = None


class ToolCallResult(_Message, frozen=True, kw_only=True, tag="TOOL_CALL_RESULT"):
    tool_call_id: str
    content: str | list[dict[str, Any]]


class StateSnapshot(_Event, frozen=True, kw_only=True, tag="STATE_SNAPSHOT"):
    snapshot: Any


class StateDelta(_Event, frozen=True, kw_only=True, tag="STATE_DELTA"):
    delta: list[dict[str, Any]]


class MessagesSnapshot(_Event, frozen=True, kw_only=True, tag="MESSAGES_SNAPSHOT"):
    messages: list[dict[str, Any]]


class ActivitySnapshot(_Message, frozen=True, kw_only=True, tag="ACTIVITY_SNAPSHOT"):
    activity_type: str
    content: dict[str, Any]


class ActivityDelta(_Message, frozen=True, kw_only=True, tag="ACTIVITY_DELTA"):
    activity_type: str
    patch: list[dict[str, Any]]


class RawEvent(_Event, frozen=True, kw_only=True, tag="RAW"):
    event: Any


class Custom(_Event, frozen=True, kw_only=True, tag="CUSTOM"):
    name: str
    value: Any


class RunStarted(_Event, frozen=True, kw_only=True, tag="RUN_STARTED"):
    thread_id: str
    run_id: str


class RunFinished(_Event, frozen=True, kw_only=True, tag="RUN_FINISHED"):
    outcome: dict[str, Any] | None = None
    result: Any = None
    usage: list[dict[str, Any]] | None = None


class RunErrorEvent(_Event, frozen=True, kw_only=True, tag="RUN_ERROR"):
    message: str
    code: str | None = None
    usage: list[dict[str, Any]] | None = None


class StepStarted(_Event, frozen=True, kw_only=True, tag="STEP_STARTED"):
    step_name: str


class StepFinished(_Event, frozen=True, kw_only=True, tag="STEP_FINISHED"):
    step_name: str


class ReasoningStart(_Message, frozen=True, kw_only=True, tag="REASONING_START"):
    pass


class ReasoningMessageStart(_Message, frozen=True, kw_only=True, tag="REASONING_MESSAGE_START"):
    pass


class ReasoningMessageContent(_Message, frozen=True, kw_only=True, tag="REASONING_MESSAGE_CONTENT"):
    delta: str


class ReasoningMessageEnd(_Message, frozen=True, kw_only=True, tag="REASONING_MESSAGE_END"):
    pass


class ReasoningMessageChunk(_Event, frozen=True, kw_only=True, tag="REASONING_MESSAGE_CHUNK"):
    message_id: str | None = None
    delta: str | None = None


class ReasoningEnd(_Message, frozen=True, kw_only=True, tag="REASONING_END"):
    pass


class ReasoningEncryptedValue(_Event, frozen=True, kw_only=True, tag="REASONING_ENCRYPTED_VALUE"):
    subtype: Literal["tool-call", "message"]
    entity_id: str
    encrypted_value: str


class _Subagent(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type"):
    subagent_run_id: str


class SubagentStarted(_Subagent, frozen=True, kw_only=True, tag="SUBAGENT_STARTED"):
    name: str
    parent_subagent_run_id: str | None = None


class SubagentFinished(_Subagent, frozen=True, kw_only=True, tag="SUBAGENT_FINISHED"):
    pass


class SubagentError(_Subagent, frozen=True, kw_only=True, tag="SUBAGENT_ERROR"):
    message: str


Known = (
    TextMessageStart
    | TextMessageContent
    | TextMessageEnd
    | TextMessageChunk
    | ToolCallStart
    | ToolCallArgs
    | ToolCallEnd
    | ToolCallChunk
    | ToolCallResult
    | StateSnapshot
    | StateDelta
    | MessagesSnapshot
    | ActivitySnapshot
    | ActivityDelta
    | RawEvent
    | Custom
    | RunStarted
    | RunFinished
    | RunErrorEvent
    | StepStarted
    | StepFinished
    | ReasoningStart
    | ReasoningMessageStart
    | ReasoningMessageContent
    | ReasoningMessageEnd
    | ReasoningMessageChunk
    | ReasoningEnd
    | ReasoningEncryptedValue
    | SubagentStarted
    | SubagentFinished
    | SubagentError
)

TYPES = frozenset(str(cls.__struct_config__.tag) for cls in Known.__args__)
"""The event types of AG-UI 1.0."""

_known: msgspec.json.Decoder[Known] = msgspec.json.Decoder(Known)
_object: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class Batch(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The body of ``POST workers/{w}/events``: all of it is journaled, or none.

    ``batch`` counts from 1 per run. The last acknowledged number may be repeated and counts once.
    ``checkpoint`` goes with a RUN_FINISHED whose outcome is an interrupt, and only there.
    """

    run_id: Id
    incarnation: Count
    batch: Ordinal
    events: Annotated[list[Raw], Meta(max_length=MAX_BATCH_EVENTS)]
    checkpoint: Checkpoint | None = None


def encode(event: Event) -> bytes:
    """Return an event's one encoding, compact UTF-8 JSON. A lone surrogate, without one, becomes U+FFFD."""
    try:
        return msgspec.json.encode(event)
    except UnicodeEncodeError:
        return msgspec.json.encode(encodable(event))


def decode(body: bytes | Raw) -> Event:
    """Return the JSON object behind journaled bytes."""
    return _object.decode(body)


def parse(body: bytes | Raw, where: str) -> tuple[Known, bytes]:
    """Check one event and return it with the bytes to journal.

    An event of an unknown type is wrapped in RAW. A null member is omitted.

    Raises:
        InvalidField: not an AG-UI event. ``field`` is `where` and the member, as in
            ``events[3].messageId``.
    """
    data = bytes(body)
    if len(data) > MAX_EVENT_BYTES:
        raise InvalidField(f"must have at most {MAX_EVENT_BYTES} bytes, not {len(data)}", field=where)
    if too_deep(data):
        raise InvalidField(f"must nest at most {MAX_DEPTH} deep", field=where)
    try:
        if b"null" in data:
            data = encode({k: v for k, v in decode(data).items() if v is not None or k in _NULLABLE})
        return _known.decode(data), data
    except msgspec.ValidationError as error:
        return _unknown(data, where, error)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidField(f"must be JSON: {error}", field=where) from error


_NULLABLE = frozenset({"value", "event", "snapshot", "result"})  # a null here is data


def _unknown(data: bytes, where: str, error: msgspec.ValidationError) -> tuple[Known, bytes]:
    try:
        event = decode(data)
    except msgspec.DecodeError as bad:
        raise InvalidField(f"must be a JSON object: {bad}", field=where) from bad
    kind = event.get("type")
    if not isinstance(kind, str):
        raise InvalidField("must be the type of an event", field=f"{where}.type") from error
    if kind in TYPES:
        text, member = explain(error)
        raise InvalidField(f"{kind}: {text}", field=where + member) from error
    raw = encode({"type": "RAW", "event": event, "source": "unknown"})
    return _known.decode(raw), raw


def custom(name: str, value: Any) -> Event:
    """Return a CUSTOM event, such as ``lobu.title``, without the null members of its value."""
    if isinstance(value, dict):
        value = {k: v for k, v in value.items() if v is not None}  # pyright: ignore[reportUnknownVariableType]
    return {"type": "CUSTOM", "name": name, "value": value}


def run_started(thread_id: str, run_id: str, messages: list[Event], **more: Any) -> Event:
    """Return RUN_STARTED with its whole ``input``. ``more`` may hold parentRunId and resume."""
    resume = more.pop("resume", None)
    event: Event = {
        "type": "RUN_STARTED",
        "threadId": thread_id,
        "runId": run_id,
        "protocolVersion": PROTOCOL_VERSION,
        **more,
        "input": {
            "threadId": thread_id,
            "runId": run_id,
            "state": {},
            "messages": messages,
            "tools": [],
            "context": [],
            "forwardedProps": {},
        },
    }
    if resume is not None:
        event["input"]["resume"] = resume
    return event


def run_finished(thread_id: str, run_id: str, outcome: dict[str, Any], **more: Any) -> Event:
    """Return RUN_FINISHED. ``outcome`` is ``{"type": "success" | "interrupt" | "cancelled", …}``."""
    return {"type": "RUN_FINISHED", "threadId": thread_id, "runId": run_id, "outcome": outcome, **more}


def run_error(code: str, message: str, **more: Any) -> Event:
    """Return RUN_ERROR with a code of :class:`~lobu_jupyter.model.runs.ErrorCode`."""
    return {"type": "RUN_ERROR", "code": code, "message": message, **more}


def tool_result(tool_call_id: str, content: Any, message_id: str) -> Event:
    return {
        "type": "TOOL_CALL_RESULT",
        "messageId": message_id,
        "toolCallId": tool_call_id,
        "content": content,
        "role": "tool",
    }
