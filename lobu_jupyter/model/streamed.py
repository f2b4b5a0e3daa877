"""Redaction of streams: a secret that comes in two deltas is recognised as one.

Each stream of a run (a message, a reasoning, a call's arguments, a call's printed text) holds back text that
may be the beginning of a secret until the next delta shows whether it is one, or the stream ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from . import events as ev
from .redaction import MAX_CONTEXT, names_a_header

if TYPE_CHECKING:
    from .events import Event
    from .redaction import Redactor


class Streamed:
    """The streams of one run that hold text back, by kind and id: the event that is still to come."""

    def __init__(self, redactor: Redactor, state: dict[str, Any] | None = None) -> None:
        self._redactor = redactor
        self.held: dict[str, Event] = (state or {}).get("held", {})
        self._before: dict[str, str] = (state or {}).get("before", {})  # the text emitted last, if it matters
        self.clear = False  # nothing in the current batch can be a secret, except the ends of its texts

    def state(self) -> dict[str, Any] | None:
        """Return the state for another process to continue, as JSON, or None if nothing is held back."""
        return {"held": self.held, "before": self._before} if self.held else None

    def delta(self, kind: str, name: str, text: str, body: bytes) -> list[bytes]:
        """Return the events to journal now for a delta of a message, reasoning or call."""
        if self.clear and not self._before and not self.held and not self._redactor.may_go_on(text):
            return [body]
        key = f"{kind} {name}"
        held = self.held.pop(key, None)
        told, left = self._split(key, text if held is None else held["delta"] + text)
        if held is None and not left and told == text:
            return [body]
        event = ev.decode(body)
        if left:
            self.held[key] = {**event, "delta": left}
        return _small(event, told)

    def _split(self, key: str, text: str) -> tuple[str, str]:
        before = self._before.pop(key, "")
        told, left = self._redactor.split(text, before)
        last = (before + told)[-MAX_CONTEXT:]
        if left or self._redactor.may_go_on(last) or "//" in last or names_a_header(last):
            self._before[key] = last
        return told, left

    def output(self, event: ev.Custom, body: bytes) -> list[bytes]:
        """Return the events to journal now for a lobu.output. Only continued printed text is a stream."""
        value: dict[str, Any] = event.value
        key = f"output {value['toolCallId']}"
        held = self.held.get(key)
        out: list[bytes] = []
        if value.get("replace") or (held is not None and value.get("index") != held["value"]["index"]):
            out, held = self.end("output", value["toolCallId"]), None
        if not is_printed(event):
            return [*out, body]
        text: str = value["output"]["text"]
        if self.clear and not self._before and held is None and not self._redactor.may_go_on(text):
            return [*out, body]
        if held is not None:
            del self.held[key]
        told, left = self._split(key, text if held is None else held["value"]["output"]["text"] + text)
        if held is None and not left and told == text:
            return [*out, body]
        fields = ev.decode(body)
        if left:
            self.held[key] = _printing({**fields, "value": _continued(value)}, left)
        return [*out, *([ev.encode(_printing(fields, told))] if told else [])]

    def end(self, kind: str, name: str) -> list[bytes]:
        """Return the events that a stream still holds at its end."""
        return self._told(f"{kind} {name}") if self.held or self._before else []

    def end_all(self) -> list[bytes]:
        """Return the events that all streams still hold at the end of the run."""
        return [body for key in list(self.held) for body in self._told(key)]

    def _told(self, key: str) -> list[bytes]:
        event, before = self.held.pop(key, None), self._before.pop(key, "")
        if event is None:
            return []
        text = event["delta"] if "delta" in event else event["value"]["output"]["text"]
        text = self._redactor.continued(before, text)
        return [ev.encode({**event, "delta": text} if "delta" in event else _printing(event, text))]


def is_printed(event: ev.Custom) -> bool:
    """Return whether the event is a piece of what a call printed."""
    value: object = event.value
    if event.name != "lobu.output" or not isinstance(value, dict):
        return False
    output: object = value.get("output")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if not isinstance(output, dict):
        return False
    found = cast("dict[str, object]", output)
    return found.get("output_type") == "stream" and isinstance(found.get("text"), str)


def _small(event: Event, text: str) -> list[bytes]:
    """Return the event with `text`: in two or more parts if one is too long, none without text."""
    if not text:
        return []
    body = ev.encode({**event, "delta": text})
    if len(body) <= ev.MAX_EVENT_BYTES:
        return [body]
    half = len(text) // 2
    return [*_small(event, text[:half]), *_small(event, text[half:])]


def _printing(event: Event, text: str) -> Event:
    value = event["value"]
    return {**event, "value": {**value, "output": {**value["output"], "text": text}}}


def _continued(value: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in value.items() if name != "replace"}
