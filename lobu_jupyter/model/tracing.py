"""The trace that a run belongs to: W3C trace context from its caller, kept with the run over worker, pause and resume.

The first run's span has an id from the start, so that the runs which go on after a pause can name it as their parent.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from .runs import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_STATE = 512
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE = re.compile(r"[\x20-\x7e]*")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16

TraceId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
SpanId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]


class RemoteSpan(Struct, frozen=True, kw_only=True):
    """The span of a caller, as it sent it."""

    trace_id: str
    span_id: str
    sampled: bool
    state: str = ""


class Wait(Wire, frozen=True, kw_only=True):
    """The wait for one decision, in seconds since the epoch."""

    begun: float
    ended: float


class Trace(Wire, frozen=True, kw_only=True):
    """The trace of a run. ``span_id``: of its first run. ``parent``: the caller's span.

    ``waits``: of the questions that were decided before this run, in the order of its resumption's interrupts.
    """

    trace_id: TraceId
    span_id: SpanId
    parent: SpanId | None = None
    sampled: bool = True
    state: Annotated[str, Meta(max_length=MAX_STATE)] = ""
    waits: tuple[Wait, ...] = ()


def remote_span(headers: Mapping[str, str]) -> RemoteSpan | None:
    """Return the caller's span. As the standard says, a header that is not well formed counts as none."""
    found = _PARENT.fullmatch((headers.get("traceparent") or "").strip())
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or trace_id == _NO_TRACE or span_id == _NO_SPAN or (version == "00" and more):
        return None
    state = (headers.get("tracestate") or "").strip()
    fits = len(state) <= MAX_STATE and _STATE.fullmatch(state) is not None
    return RemoteSpan(
        trace_id=trace_id, span_id=span_id, sampled=bool(int(flags, 16) & 1), state=state if fits else ""
    )


def new_trace(caller: RemoteSpan | None) -> dict[str, Any]:
    """Return the trace of a new run as its row keeps it: the caller's, else one of its own."""
    span = secrets.token_hex(8)
    if caller is None:
        return {"traceId": secrets.token_hex(16), "spanId": span}
    kept = {"traceId": caller.trace_id, "spanId": span, "parent": caller.span_id, "sampled": caller.sampled}
    return {**kept, "state": caller.state} if caller.state else kept
