"""A recording: what a model was asked and answered on a thread, to be replayed in a test without key or network.

It is made from the thread's journal, so any thread can be one. Requests and responses are pydantic-ai's messages as
JSON (its ModelMessagesTypeAdapter reads them)::

    {"lobuRecording": 1, "title": str, "note": str,
     "exchanges": [{"provider": str, "model": str,
                    "request": [ModelRequest]     what is new since the model's last answer
                    "response": ModelResponse}, …],
     "decisions": [{"toolName", "args", "via", "decision": {"kind", …}}, …]}

``note`` says how it was made, as "a scripted server, not a model". Secrets were redacted before they came into the journal.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from .bounds import MAX_LIST, Name, Text, explain
from .budget import BUDGET_CALL
from .depth import MAX_DEPTH, too_deep
from .errors import InvalidField

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .events import Event

VERSION = 1
MAX_EXCHANGES = 10_000


class _Format(Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """Base of a recording's parts."""


class Message(_Format, kw_only=True):
    """One message of pydantic-ai's."""

    kind: Name
    parts: Annotated[list[dict[str, Any]], Meta(max_length=MAX_LIST)]


class Exchange(_Format, kw_only=True):
    """One request to a model, as far as it is new, and its response."""

    request: Annotated[list[Message], Meta(min_length=1, max_length=MAX_LIST)]
    response: Message
    provider: Name = ""
    model: Name = ""


class RecordedDecision(_Format, kw_only=True):
    """One decision of a person. ``via``: ``kernel`` for one that a cell of the notebook made."""

    tool_name: Name
    args: dict[str, Any]
    decision: dict[str, Any]
    via: Name = ""


class Recording(_Format, kw_only=True):
    """The content of a recording's file."""

    lobu_recording: Annotated[int, Meta(ge=VERSION, le=VERSION)]
    exchanges: Annotated[list[Exchange], Meta(min_length=1, max_length=MAX_EXCHANGES)]
    decisions: Annotated[list[RecordedDecision], Meta(max_length=MAX_EXCHANGES)] = field(
        default_factory=list[RecordedDecision]
    )
    title: Text = ""
    note: Text = ""


class BrokenRecording(InvalidField):
    """A recording that cannot be read. The message names file, line and field."""


def text_in(raw: bytes, file: str) -> str:
    """Return a recording's text, of the bytes of its file.

    Raises:
        BrokenRecording: it is no UTF-8, or nests too deep.
    """
    if too_deep(raw):
        raise BrokenRecording(f"{file}: nests deeper than {MAX_DEPTH}")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BrokenRecording(f"{file}, line {line}: must be UTF-8") from error


def parse(text: str, file: str) -> Recording:
    """Return the recording in a file's text.

    Raises:
        BrokenRecording: names the file, the line and the field.
    """
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise BrokenRecording(f"{file}, line {error.lineno}: {error.msg}") from error
    try:
        return msgspec.json.decode(text, type=Recording)
    except msgspec.ValidationError as error:
        why, member = explain(error)
        name = member.lstrip(".")
        line = line_of(text, _path(member))
        raise BrokenRecording(f"{file}, line {line}: {name or 'the recording'}: {why}", field=name) from error


def _path(member: str) -> list[str | int]:
    found: list[str | int] = []
    for part in member.replace("[", ".[").split("."):
        if part.startswith("["):
            found.append(int(part[1:-1]) if part[1:-1].isdigit() else part[1:-1])
        elif part:
            found.append(part)
    return found


def line_of(text: str, path: list[str | int]) -> int:
    """Return the line of the member at `path` in JSON text, or of the last of its parents that is there."""
    decoder, at = json.JSONDecoder(), _blank(text, 0)
    for step in path:
        found = _member(text, at, step, decoder)
        if found is None:
            break
        at = found
    return text.count("\n", 0, at) + 1


def _member(text: str, at: int, step: str | int, decoder: json.JSONDecoder) -> int | None:
    """Return where a member's value begins, in the object or list that begins at `at`."""
    opening = text[at : at + 1]
    if opening not in ("{", "["):
        return None
    at, index = _blank(text, at + 1), 0
    while at < len(text) and text[at] not in "}]":
        name: Any = index
        if opening == "{":
            name, at = decoder.raw_decode(text, at)
            at = _blank(text, _blank(text, at) + 1)  # behind the colon
        if name == step:
            return at
        _, at = decoder.raw_decode(text, at)
        at, index = _blank(text, at), index + 1
        if text[at : at + 1] == ",":
            at = _blank(text, at + 1)
    return None


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def recording_of(events: Iterable[Event], title: str = "", note: str = "") -> dict[str, Any]:
    """Return the recording of a thread's journal.

    Raises:
        InvalidField: no model has answered on the thread.
    """
    taping = _Taping()
    for event in events:
        taping.take(event)
    if not taping.exchanges:
        raise InvalidField("must be of a thread on which a model has answered", field="format")
    return {
        "lobuRecording": VERSION,
        "title": title,
        "note": note,
        "exchanges": taping.exchanges,
        "decisions": taping.decisions,
    }


class _Dialogue:
    """The dialogue of one agent with its model: what is new for the model, and the response that is under way."""

    def __init__(self) -> None:
        self.request: list[dict[str, Any]] = []
        self.response: list[dict[str, Any]] = []
        self.pieces: dict[str, dict[str, Any]] = {}  # by message or call

    def ask(self, part: dict[str, Any]) -> dict[str, Any] | None:
        """Add to the next request. Returns the exchange that this ends, if there is one."""
        ended = self.end()
        self.request.append(part)
        return ended

    def answer(self, name: str, part: dict[str, Any]) -> None:
        self.pieces[name] = part
        self.response.append(part)

    def end(self) -> dict[str, Any] | None:
        if not self.response or not self.request:
            return None
        request, response = self.request, self.response
        self.request, self.response = [], []
        return {
            "request": [{"kind": "request", "parts": request}],
            "response": {"kind": "response", "parts": response},
        }


class _Taping:
    """A reading of a journal, event by event."""

    def __init__(self) -> None:
        self.exchanges: list[dict[str, Any]] = []
        self.decisions: list[dict[str, Any]] = []
        self._streams: dict[str, _Dialogue] = {"": _Dialogue()}
        self._calls: dict[str, dict[str, Any]] = {}  # by id, with the name and arguments that were streamed
        self._ours: list[dict[str, Any]] = []  # the exchanges of the run under way

    def take(self, event: Event) -> None:
        handler = getattr(self, "_on_" + str(event.get("type", "")).lower(), None)
        if handler is not None:
            handler(event, self._streams.setdefault(str(event.get("subagentRunId") or ""), _Dialogue()))

    def _keep(self, ended: dict[str, Any] | None) -> None:
        if ended is not None:
            self._ours.append(ended)

    def _on_run_started(self, event: Event, stream: _Dialogue) -> None:
        for message in (event.get("input") or {}).get("messages") or []:
            if message.get("role") == "user":
                part = {"part_kind": "user-prompt", "content": _text(message.get("content"))}
                self._keep(stream.ask(part))

    def _on_subagent_started(self, event: Event, stream: _Dialogue) -> None:
        child = self._streams.setdefault(event["subagentRunId"], _Dialogue())
        call = self._calls.get(event.get("parentToolCallId") or "")
        if call is not None and not child.request and not child.pieces:
            prompt = str(_object(call["args"]).get("prompt", ""))
            child.request.append({"part_kind": "user-prompt", "content": prompt})

    def _on_text_message_start(self, event: Event, stream: _Dialogue) -> None:
        stream.answer(event["messageId"], {"part_kind": "text", "content": ""})

    def _on_text_message_content(self, event: Event, stream: _Dialogue) -> None:
        part = stream.pieces.get(event["messageId"])
        if part is not None:
            part["content"] += event["delta"]

    def _on_tool_call_start(self, event: Event, stream: _Dialogue) -> None:
        call, name = event["toolCallId"], event["toolCallName"]
        part = {"part_kind": "tool-call", "tool_name": name, "args": "", "tool_call_id": call}
        self._calls[call] = part
        if name != BUDGET_CALL:
            stream.answer(call, part)

    def _on_tool_call_args(self, event: Event, stream: _Dialogue) -> None:
        part = self._calls.get(event["toolCallId"])
        if part is not None:
            part["args"] += event["delta"]

    def _on_tool_call_result(self, event: Event, stream: _Dialogue) -> None:
        call = self._calls.get(event["toolCallId"])
        if call is None or call["tool_name"] == BUDGET_CALL:
            return
        returned = {"part_kind": "tool-return", "tool_name": call["tool_name"], "content": event["content"]}
        self._keep(stream.ask({**returned, "tool_call_id": event["toolCallId"]}))

    def _on_custom(self, event: Event, stream: _Dialogue) -> None:
        value: Any = event.get("value")
        if event.get("name") != "lobu.decision" or not isinstance(value, dict):
            return
        call = self._calls.get(value.get("toolCallId") or "")  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        if call is None or call["tool_name"] == BUDGET_CALL:
            return
        made = {k: v for k, v in value["decision"].items() if k != "interruptId"}  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        told = {
            "toolName": call["tool_name"],
            "args": _object(call["args"]),
            "via": str(value.get("via") or ""),
        }  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        self.decisions.append({**told, "decision": made})

    def _on_run_finished(self, event: Event, stream: _Dialogue) -> None:
        if (event.get("outcome") or {}).get("type") == "cancelled":
            self._drop()
        elif (event.get("outcome") or {}).get("type") != "interrupt":
            for one in self._streams.values():
                self._keep(one.end())
        self._end(event.get("usage") or [])

    def _on_run_error(self, event: Event, stream: _Dialogue) -> None:
        self._drop()
        self._end(event.get("usage") or [])

    def _drop(self) -> None:
        """Drop an answer that has no end."""
        for stream in self._streams.values():
            stream.response = []
            stream.request = []

    def _end(self, usages: list[dict[str, Any]]) -> None:
        """Keep the run's exchanges with the name of its model. An agent without a model reports no usage."""
        found = next((u for u in usages if u.get("model")), None)
        if found is not None:
            named = {"provider": str(found.get("provider") or ""), "model": str(found["model"])}
            self.exchanges += [{**named, **exchange} for exchange in self._ours]
        self._ours = []


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts: list[Any] = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text") or "[an attachment]") for part in parts if isinstance(part, dict))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
