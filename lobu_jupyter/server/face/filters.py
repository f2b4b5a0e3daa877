"""The checks of a server on what it sends to the service: no secret of its own leaves it, and its own limits hold.

The service cannot do this, because it knows neither the server's keys nor its guardrail.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.gateway.runs.start import check_request
from lobu_jupyter.model import events as ev
from lobu_jupyter.model.applied import SECRET
from lobu_jupyter.model.errors import InvalidField, LobuError, NotAllowed
from lobu_jupyter.model.streamed import Streamed, is_printed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lobu_jupyter.gateway import Settings
    from lobu_jupyter.model.redaction import Redactor

MAX_RUNS = 200  # whose streams are kept
KEY = "must not hold a key or token of the server, because what runs is journaled"
_TREES = frozenset(
    {"request", "new", "patch", "changes", "told", "change", "detail", "why", "message", "client"}
)
_KINDS: dict[type, tuple[str, str]] = {
    ev.TextMessageContent: ("message", "message_id"),
    ev.ReasoningMessageContent: ("reasoning", "message_id"),
    ev.ToolCallArgs: ("call", "tool_call_id"),
}
_CHUNKS: dict[type, tuple[str, str]] = {
    ev.TextMessageChunk: ("message chunk", "message_id"),
    ev.ReasoningMessageChunk: ("reasoning chunk", "message_id"),
    ev.ToolCallChunk: ("call chunk", "tool_call_id"),
}
_ENDS: dict[type, tuple[str, str]] = {
    ev.TextMessageEnd: ("message", "message_id"),
    ev.ReasoningMessageEnd: ("reasoning", "message_id"),
    ev.ToolCallEnd: ("call", "tool_call_id"),
    ev.ToolCallResult: ("output", "tool_call_id"),
}


class Outgoing:
    """The filter of a server's calls."""

    def __init__(self) -> None:
        self._streams: dict[str, _RunStreams] = {}

    async def checked(self, settings: Settings, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call as they may leave this server.

        Raises:
            InvalidField, NotAllowed: this server's own limits or guardrail refuse the call.
        """
        redactor = settings.redactor
        if name == "runs.start":
            check_request(settings, given["request"])
            await guarded(settings, texts_of(msgspec.to_builtins(given["request"])), "prompt")
        if name == "policy.resume":
            said = list(texts_of([entry.get("payload") for entry in given["entries"]]))
            if any(redactor.text(text) != text for text in said):
                raise InvalidField(KEY, field="resume")
            await guarded(settings, said, "resume")
        if name == "workers.ingest":
            return {**given, "batch": self._batch(redactor, given["batch"])}
        if name == "workers.ingest_each":
            return {**given, "batches": [self._batch(redactor, batch) for batch in given["batches"]]}
        if name == "workers.record_cell" and redactor.tree(given["back"]) != given["back"]:
            return {**given, "back": {"lost": SECRET}}
        return {key: _clean(redactor, value) if key in _TREES else value for key, value in given.items()}

    def _batch(self, redactor: Redactor, batch: ev.Batch) -> ev.Batch:
        streams = self._streams.pop(batch.run_id, None) or _RunStreams(redactor)
        self._streams[batch.run_id] = streams
        if len(self._streams) > MAX_RUNS:
            del self._streams[next(iter(self._streams))]
        return streams.batch(batch)


class _RunStreams:
    """The redaction of one run's events. The last batch is kept, because it may be sent again."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._streamed = Streamed(redactor)
        self._chunk: tuple[str, str] | None = None
        self._last: ev.Batch | None = None

    def batch(self, batch: ev.Batch) -> ev.Batch:
        last = self._last
        if last is not None and (last.incarnation, last.batch) == (batch.incarnation, batch.batch):
            return last
        bodies = [bytes(raw) for raw in batch.events]
        self._streamed.clear = self._redactor.clear(b"".join(bodies))
        clean = [part for body in bodies for part in self._event(body)] or [_emptied(bodies[-1])]
        out = [msgspec.Raw(part) for part in clean]
        self._last = msgspec.structs.replace(batch, events=out)
        return self._last

    def _event(self, body: bytes) -> list[bytes]:
        try:
            event, data = ev.parse(body, "events")
        except LobuError:
            return [self._redactor.raw(body)]  # the service refuses it
        kind = type(event)
        if kind in _CHUNKS:
            return self._chunk_of(event, data, *_CHUNKS[kind])
        out = self._end_chunk()
        if kind in _KINDS:
            stream, member = _KINDS[kind]
            said: Any = event
            return [*out, *self._streamed.delta(stream, getattr(said, member), said.delta, data)]
        if isinstance(event, ev.Custom) and is_printed(event):
            return [*out, *self._streamed.output(event, data)]
        if kind in _ENDS:
            stream, member = _ENDS[kind]
            out += self._streamed.end(stream, getattr(event, member))
        if isinstance(event, ev.RunFinished | ev.RunErrorEvent):
            out += self._streamed.end_all()
        return [*out, self._redactor.raw(data)]

    def _chunk_of(self, event: Any, data: bytes, stream: str, member: str) -> list[bytes]:
        """Return the events for a chunk shorthand, which goes on with the chunk before unless it names another."""
        name: str | None = getattr(event, member)
        out: list[bytes] = []
        if self._chunk is None or self._chunk[0] != stream or name not in (None, self._chunk[1]):
            out = self._end_chunk()
            self._chunk = (stream, name or "")
        delta: str | None = event.delta
        if not delta:
            return [*out, self._redactor.raw(data)]
        return [*out, *self._streamed.delta(*self._chunk, delta, data)]

    def _end_chunk(self) -> list[bytes]:
        if self._chunk is None:
            return []
        ended, self._chunk = self._chunk, None
        return self._streamed.end(*ended)


def _emptied(body: bytes) -> bytes:
    """Return an event without its text, which is held back: a batch has at least one event."""
    event = ev.decode(body)
    if "delta" in event:
        return ev.encode({**event, "delta": ""})
    value = event["value"]
    return ev.encode({**event, "value": {**value, "output": {**value["output"], "text": ""}}})


def texts_of(value: Any) -> Iterable[str]:
    """Yield every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from texts_of(part)
    elif isinstance(value, list | tuple):
        for part in value:  # pyright: ignore[reportUnknownVariableType]
            yield from texts_of(part)


async def guarded(settings: Settings, texts: Iterable[str], where: str) -> None:
    """Pass texts to this server's own guardrail, besides the service's.

    Raises:
        NotAllowed: the guardrail refuses, fails or takes too long.
    """
    if settings.guardrail is None:
        return
    for text in texts:
        try:
            async with asyncio.timeout(settings.guardrail_seconds):
                await settings.guardrail(text, where)
        except LobuError:
            raise
        except Exception as error:
            why = "it took too long" if isinstance(error, TimeoutError) else str(error)
            raise NotAllowed(f"Refused by this server's guardrail: {why}", field=where) from error


def _clean(redactor: Redactor, value: Any) -> Any:
    """Return an argument without secrets, of the same type."""
    if value is None or isinstance(value, str):
        return redactor.tree(value)
    plain = msgspec.to_builtins(value)
    clean = redactor.tree(plain)
    return value if clean == plain else msgspec.convert(clean, _type_of(value))


def _type_of(value: Any) -> Any:
    if isinstance(value, list | tuple) and value:
        return list[type(value[0])]  # pyright: ignore[reportUnknownArgumentType]
    return type(value)
