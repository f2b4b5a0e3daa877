"""Spans lose the server's secrets before they leave the worker, wherever they stand."""

from __future__ import annotations

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.status import Status, StatusCode

from lobu_jupyter.agents.tracing.exporting import RedactingExporter, _endpoint
from lobu_jupyter.model.redaction import Redactor

SECRET = "sk-a-secret-of-the-server"


def test_no_part_of_a_span_holds_a_secret() -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(RedactingExporter(kept, Redactor([SECRET]))))

    with provider.get_tracer("t").start_as_current_span(f"tool {SECRET}") as span:
        span.set_attribute("text", f"a {SECRET} b")
        span.set_attribute("texts", ["x", SECRET])
        span.set_attribute("number", 7)
        span.add_event("failed", {"message": f"no {SECRET}"})
        span.set_status(Status(StatusCode.ERROR, f"because {SECRET}"))

    (found,) = kept.get_finished_spans()
    assert SECRET not in found.to_json()
    assert found.attributes is not None
    assert found.attributes["text"] == "a [redacted] b"
    assert found.attributes["number"] == 7
    assert found.context is not None
    assert found.end_time is not None
    assert found.status.status_code is StatusCode.ERROR


def test_spans_go_to_the_path_of_the_protocol() -> None:
    assert _endpoint("http://a:4318") == _endpoint("http://a:4318/") == "http://a:4318/v1/traces"
    assert _endpoint("http://a/otlp/v1/traces") == "http://a/otlp/v1/traces"
