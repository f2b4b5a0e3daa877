"""A slice refuses what the strict AG-UI client would refuse, and closes what is open."""

from __future__ import annotations

from typing import Any

import pytest

from lobu_jupyter.model import events as ev
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.slice import Slice

CALL = {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "run_code"}
CALL_END = {"type": "TOOL_CALL_END", "toolCallId": "c"}
RESULT = {"type": "TOOL_CALL_RESULT", "messageId": "r", "toolCallId": "c", "content": "ok"}
TEXT = {"type": "TEXT_MESSAGE_START", "messageId": "m"}
TEXT_END = {"type": "TEXT_MESSAGE_END", "messageId": "m"}
FINISHED = {"type": "RUN_FINISHED", "threadId": "t", "runId": "r"}


def feed(slice_: Slice, *events: dict[str, Any]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for index, event in enumerate(events):
        known, body = ev.parse(ev.encode(event), f"events[{index}]")
        out += [ev.decode(b) for b in slice_.feed(known, body, f"events[{index}]")]
    return out


def test_a_whole_run_passes_unchanged() -> None:
    told = [
        TEXT,
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "hi"},
        TEXT_END,
        CALL,
        CALL_END,
        RESULT,
    ]

    assert feed(Slice(), *told, FINISHED) == [*told, FINISHED]


@pytest.mark.parametrize(
    ("events", "field"),
    [
        ([{"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "x"}], "events[0]"),
        ([TEXT, TEXT], "events[1]"),
        ([TEXT, TEXT_END, TEXT], "events[2]"),
        ([TEXT, FINISHED], "events[1]"),
        ([CALL, CALL_END, FINISHED], "events[2]"),
        ([CALL, CALL_END, RESULT, RESULT], "events[3].toolCallId"),
        ([CALL, RESULT], "events[1].toolCallId"),
        ([RESULT], "events[0].toolCallId"),
        ([FINISHED, TEXT], "events[1]"),
        ([{"type": "STEP_FINISHED", "stepName": "s"}], "events[0].stepName"),
        ([{"type": "TEXT_MESSAGE_CHUNK", "delta": "x"}], "events[0].messageId"),
        ([{**FINISHED, "outcome": {"type": "interrupt", "interrupts": []}}], "events[0].outcome.interrupts"),
    ],
)
def test_what_the_strict_client_refuses_is_refused_and_named(
    events: list[dict[str, Any]], field: str
) -> None:
    with pytest.raises(InvalidField) as refusal:
        feed(Slice(), *events)

    assert refusal.value.field == field


def test_a_call_that_waits_on_a_person_needs_no_result_yet() -> None:
    outcome = {"type": "interrupt", "interrupts": [{"id": "i", "reason": "tool_call", "toolCallId": "c"}]}

    feed(slice_ := Slice(), CALL, CALL_END, {**FINISHED, "outcome": outcome})

    assert slice_.ended


@pytest.mark.scenario("E35")
def test_closing_ends_all_that_is_open_newest_first_and_answers_each_call() -> None:
    slice_ = Slice()
    feed(
        slice_,
        {"type": "STEP_STARTED", "stepName": "plan"},
        {"type": "SUBAGENT_STARTED", "subagentRunId": "s", "name": "helper"},
        {"type": "REASONING_START", "messageId": "z"},
        {"type": "REASONING_MESSAGE_START", "messageId": "z"},
        CALL,
    )

    closing = slice_.close("the kernel died")

    assert [e["type"] for e in closing] == [
        "TOOL_CALL_END",
        "REASONING_MESSAGE_END",
        "REASONING_END",
        "SUBAGENT_ERROR",
        "STEP_FINISHED",
        "TOOL_CALL_RESULT",
    ]
    assert closing[-1]["content"] == "the kernel died"
    assert feed(slice_, FINISHED) == [FINISHED]


def test_a_call_owed_by_an_earlier_run_is_answered_without_a_new_start() -> None:
    slice_ = Slice(owed=["c"])

    with pytest.raises(InvalidField):
        feed(slice_, FINISHED)

    assert feed(Slice(owed=["c"]), RESULT, FINISHED) == [RESULT, FINISHED]


def test_chunks_become_start_content_and_end() -> None:
    chunks = [
        {"type": "TEXT_MESSAGE_CHUNK", "messageId": "m", "role": "assistant", "delta": "a"},
        {"type": "TEXT_MESSAGE_CHUNK", "delta": "b"},
        {"type": "TOOL_CALL_CHUNK", "toolCallId": "c", "toolCallName": "f", "delta": "{}"},
    ]

    told = feed(Slice(), *chunks, RESULT, FINISHED)

    assert [e["type"] for e in told] == [
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "TOOL_CALL_START",
        "TOOL_CALL_ARGS",
        "TOOL_CALL_END",
        "TOOL_CALL_RESULT",
        "RUN_FINISHED",
    ]
