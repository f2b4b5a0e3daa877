"""W3C trace context: what is well formed is kept, anything else counts as none."""

from __future__ import annotations

import pytest

from lobu_jupyter.model.tracing import new_trace, remote_span

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        GOOD.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"{GOOD}-more",
        f"{GOOD},{GOOD}",  # sent twice
        f"cc-{TRACE}-{SPAN}-01.more",
        f"00-{TRACE[:-1]}\u0660-{SPAN}-01",
    ],
)
def test_what_is_not_well_formed_counts_as_none(header: str) -> None:
    assert remote_span({"traceparent": header, "tracestate": "a=1"}) is None


def test_the_callers_trace_is_kept_with_its_state_and_its_choice() -> None:
    span = remote_span({"traceparent": f"00-{TRACE}-{SPAN}-00", "tracestate": "vendor=1"})

    assert span is not None
    trace = new_trace(span)
    assert (trace["traceId"], trace["parent"], trace["sampled"], trace["state"]) == (
        TRACE,
        SPAN,
        False,
        "vendor=1",
    )


def test_a_newer_version_is_read_as_far_as_it_is_known() -> None:
    span = remote_span({"traceparent": f"cc-{TRACE}-{SPAN}-01-what-comes-later"})

    assert span is not None
    assert (span.trace_id, span.sampled) == (TRACE, True)


@pytest.mark.parametrize("state", ["x=" + "1" * 600, "a=\n1", "a=é"])
def test_a_state_that_cannot_be_passed_on_is_left_out(state: str) -> None:
    span = remote_span({"traceparent": GOOD, "tracestate": state})

    assert span is not None
    assert span.state == ""


def test_a_run_without_a_caller_begins_a_trace_of_its_own() -> None:
    first, second = new_trace(None), new_trace(None)

    assert first["traceId"] != second["traceId"]
    assert "parent" not in first
