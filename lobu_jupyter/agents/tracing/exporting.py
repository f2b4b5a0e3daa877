"""The export of spans over OTLP, by OpenTelemetry's SDK in a thread of its own. A dead address delays no run."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import Event as SpanEvent
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace.span import NonRecordingSpan, SpanContext, TraceFlags, TraceState
from opentelemetry.trace.status import Status, StatusCode

from . import Attributes

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.trace import Span
    from pydantic_ai.capabilities import AbstractCapability

    from lobu_jupyter.model.ports import Task
    from lobu_jupyter.model.redaction import Redactor
    from lobu_jupyter.model.tracing import Trace

SERVICE = "lobu"
SCOPE = "lobu_jupyter"
EXPORT_SECONDS = 5.0
DELAY_MILLIS = 500.0  # so that little is lost where a worker is killed
MOST_TEXT = 16 * 1024  # of an attribute
PATH = "v1/traces"

_next_ids: ContextVar[tuple[int, int] | None] = ContextVar("ids of the next span", default=None)


class ChosenIds(RandomIdGenerator):
    """Random ids, except for the next span of a context that has chosen its own."""

    def generate_trace_id(self) -> int:
        chosen = _next_ids.get()
        return super().generate_trace_id() if chosen is None else chosen[0]

    def generate_span_id(self) -> int:
        chosen = _next_ids.get()
        return super().generate_span_id() if chosen is None else chosen[1]


class RedactingExporter(SpanExporter):
    """An exporter of spans without the server's secrets."""

    def __init__(self, exporter: SpanExporter, redactor: Redactor) -> None:
        self._exporter, self._redactor = exporter, redactor

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([self._clean(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def _clean(self, span: ReadableSpan) -> ReadableSpan:
        redactor, status = self._redactor, span.status
        events = [
            SpanEvent(event.name, redactor.tree(dict(event.attributes or {})), event.timestamp)
            for event in span.events
        ]
        if status.description:
            status = Status(status.status_code, redactor.text(status.description))
        return ReadableSpan(
            name=redactor.text(span.name),
            context=span.get_span_context(),
            parent=span.parent,
            resource=span.resource,
            attributes=redactor.tree(dict(span.attributes or {})),
            events=events,
            links=span.links,
            kind=span.kind,
            status=status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )


class SpanAttributes(Attributes):
    """The attributes of an open span."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def put(self, attributes: Mapping[str, Any]) -> None:
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(name, value[:MOST_TEXT] if isinstance(value, str) else value)

    def fail(self, kind: str) -> None:
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))


class Exporting:
    """The provider of spans, and the thread that sends them. ``content``: whether they may hold content."""

    def __init__(self, settings: dict[str, Any], redactor: Redactor) -> None:
        self.content = bool(settings.get("content"))
        address, headers = settings.get("address"), settings.get("headers") or None
        endpoint = None if address is None else _endpoint(str(address))
        exporter = OTLPSpanExporter(endpoint=endpoint, headers=headers, timeout=EXPORT_SECONDS)
        delay = None if "OTEL_BSP_SCHEDULE_DELAY" in os.environ else DELAY_MILLIS
        own = {SERVICE_NAME: SERVICE, SERVICE_VERSION: version("lobu_jupyter")}
        named = Resource.create({})  # with OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
        usual = str(named.attributes.get(SERVICE_NAME, "")).startswith("unknown_service")
        resource = named.merge(Resource(own)) if usual else Resource(own).merge(named)
        self._provider = TracerProvider(resource=resource, id_generator=ChosenIds(), shutdown_on_exit=False)
        processor = BatchSpanProcessor(RedactingExporter(exporter, redactor), schedule_delay_millis=delay)
        self._provider.add_span_processor(processor)
        trace.set_tracer_provider(self._provider)  # for libraries that trace themselves, such as MCP's
        self._tracer = self._provider.get_tracer(SCOPE)

    def flush(self, seconds: float) -> None:
        """Send what waits. A thread that hangs is left behind: it ends with the process."""
        sending = threading.Thread(target=self._provider.force_flush, name="flush traces", daemon=True)
        sending.start()
        sending.join(seconds)

    @contextmanager
    def run(self, task: Task) -> Generator[Attributes]:
        """Open the span of a run, after those of the decisions that it waited for."""
        kept = task.trace
        assert kept is not None, "the caller has looked"
        name = f"run {task.agent}"
        first = task.resumption is None
        above = self._caller(kept) if first else self._first_run(kept, name)
        if not first:
            self._waited(task, above)
        chosen = _next_ids.set((int(kept.trace_id, 16), int(kept.span_id, 16))) if first else None
        span = self._tracer.start_span(name, context=above)
        if chosen is not None:
            _next_ids.reset(chosen)
        attributes = SpanAttributes(span)
        attributes.put(
            {
                "gen_ai.agent.name": task.agent,
                "gen_ai.conversation.id": task.thread_id,
                "gen_ai.request.model": task.model,
                "lobu.run.id": task.run_id,
                "lobu.run.resumed": not first,
            }
        )
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield attributes

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, Any]) -> Generator[Attributes]:
        """Open a span inside the current one."""
        with self._tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False
        ) as span:
            told = SpanAttributes(span)
            told.put(attributes)
            yield told

    def capability(self) -> AbstractCapability[None]:
        """Return pydantic-ai's instrumentation, for one agent's run."""
        from pydantic_ai.capabilities import Instrumentation
        from pydantic_ai.models.instrumented import InstrumentationSettings

        return Instrumentation(
            InstrumentationSettings(
                tracer_provider=self._provider,
                include_content=self.content,
                include_binary_content=False,
                include_model_request_parameters=False,
            )
        )

    def carried(self) -> dict[str, str]:
        """Return the current context as W3C's headers."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return carrier

    def _waited(self, task: Task, above: Context) -> None:
        assert task.resumption is not None, "the caller has looked"
        assert task.trace is not None, "likewise"
        told = zip(task.trace.waits, task.resumption.interrupts, task.resumption.decisions, strict=True)
        for wait, interrupt, decision in told:
            span = self._tracer.start_span("wait for decision", context=above, start_time=_nanos(wait.begun))
            SpanAttributes(span).put(
                {
                    "gen_ai.conversation.id": task.thread_id,
                    "gen_ai.tool.name": interrupt.tool_name,
                    "lobu.run.id": interrupt.run_id,
                    "lobu.interrupt.id": interrupt.id,
                    "lobu.interrupt.reason": interrupt.reason,
                    "lobu.decision": decision.kind,
                }
            )
            span.end(end_time=_nanos(wait.ended))

    def _caller(self, kept: Trace) -> Context:
        return _context(kept, kept.parent, sampled=kept.sampled)

    def _first_run(self, kept: Trace, name: str) -> Context:
        """Return the context of a thread's first run. Without a caller, the sampler decides as it did then."""
        sampled = kept.sampled
        if kept.parent is None:
            result = self._provider.sampler.should_sample(None, int(kept.trace_id, 16), name)
            sampled = result.decision is Decision.RECORD_AND_SAMPLE
        return _context(kept, kept.span_id, sampled=sampled)


def _context(kept: Trace, span_id: str | None, *, sampled: bool) -> Context:
    if span_id is None:
        return trace.set_span_in_context(trace.INVALID_SPAN)
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    state = TraceState.from_header([kept.state]) if kept.state else None
    above = SpanContext(int(kept.trace_id, 16), int(span_id, 16), True, flags, state)
    return trace.set_span_in_context(NonRecordingSpan(above))


def _endpoint(address: str) -> str:
    """Return the address that spans are sent to: OTLP's path below the one that is configured."""
    return address if address.rstrip("/").endswith(PATH) else f"{address.rstrip('/')}/{PATH}"


def _nanos(seconds: float) -> int:
    return int(seconds * 1_000_000_000)
