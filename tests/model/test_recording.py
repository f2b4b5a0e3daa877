"""A thread's journal as a recording, and what a broken recording says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessagesTypeAdapter

from lobu_jupyter.model.budget import BUDGET_CALL
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.events import Event, custom, run_error, run_finished, run_started
from lobu_jupyter.model.recording import BrokenRecording, parse, recording_of
from tests.gateway.rig import call, result, say

USAGE = [{"provider": "openai", "model": "m", "inputTokens": 1}]


def begun(prompt: str | None, run: str = "r") -> Event:
    messages = [] if prompt is None else [{"id": "u", "role": "user", "content": prompt}]
    return run_started("t", run, messages)


def ended(kind: str = "success", **more: Any) -> Event:
    return run_finished("t", "r", {"type": kind, **more}, usage=USAGE)


def asked(exchange: dict[str, Any]) -> list[str]:
    return [part["content"] for message in exchange["request"] for part in message["parts"]]


def test_each_request_has_what_is_new_and_each_response_what_came_together() -> None:
    events = [
        begun("count"),
        *say("I look."),
        *call("a"),
        *call("b", "list_variables", "{}"),
        result("a", "2"),
        result("b", "x"),
        *say("Two.", "m2"),
        ended(),
    ]

    recording = recording_of(events, "Count")

    first, second = recording["exchanges"]
    assert (asked(first), asked(second)) == (["count"], ["2", "x"])
    assert [p.get("tool_name", "text") for p in first["response"]["parts"]] == [
        "text",
        "run_code",
        "list_variables",
    ]
    assert (first["provider"], first["model"], recording["title"]) == ("openai", "m", "Count")
    for exchange in recording["exchanges"]:
        ModelMessagesTypeAdapter.validate_python([*exchange["request"], exchange["response"]])
    assert len(parse(json.dumps(recording), "f").exchanges) == 2


def test_decisions_and_their_origin_are_kept_over_a_pause() -> None:
    decision = {"toolCallId": "a", "decision": {"interruptId": "i", "kind": "reject", "reason": "no"}}
    events = [
        begun("go"),
        *call("a"),
        ended("interrupt", interrupts=[]),
        begun(None, "r2"),
        custom("lobu.decision", {**decision, "via": "kernel"}),
        result("a", "refused"),
        *say("Fine."),
        ended(),
    ]

    recording = recording_of(events)

    assert [asked(exchange) for exchange in recording["exchanges"]] == [["go"], ["refused"]]
    assert recording["decisions"] == [
        {
            "toolName": "run_code",
            "args": {"code": "1 + 1"},
            "via": "kernel",
            "decision": {"kind": "reject", "reason": "no"},
        }
    ]


def test_a_sub_agents_dialogue_is_its_own() -> None:
    inside: dict[str, Any] = {"subagentRunId": "s"}
    events = [
        begun("go"),
        *call("d", "delegate", '{"prompt": "part"}'),
        {"type": "SUBAGENT_STARTED", "name": "assistant", "parentToolCallId": "d", **inside},
        *({**event, **inside} for event in say("done", "m9")),
        {"type": "SUBAGENT_FINISHED", **inside},
        result("d", "done"),
        *say("Both done."),
        ended(),
    ]

    assert sorted(asked(e) for e in recording_of(events)["exchanges"]) == [["done"], ["go"], ["part"]]


def test_what_has_no_end_no_model_or_is_our_own_question_is_left_out() -> None:
    own = run_finished("t", "r", {"type": "success"})
    events = [
        *(begun("demo"), *say("rules"), own),
        *(begun("broken"), *say("half"), run_error("provider_error", "gone", usage=USAGE)),
        *(begun("good"), *call("q", BUDGET_CALL), result("q", "on"), *say("whole", "m3"), ended()),
    ]

    (exchange,) = recording_of(events)["exchanges"]

    assert asked(exchange) == ["good"]
    assert [part["content"] for part in exchange["response"]["parts"]] == ["whole"]
    with pytest.raises(InvalidField, match="a model has answered"):
        recording_of(events[:5])


GOOD = json.dumps(recording_of([begun("go"), *say("done"), ended()]), indent=1)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"lobuRecording": 1', '"lobuRecording": 2', "f.json, line 2: lobuRecording: must be at most 1"),
        ('"exchanges": [', '"exchanges": [1, ', "line 5: exchanges[0]: Expected `object`"),
        ('"kind": "response"', '"sort": "response"', "exchanges[0].response"),
        ('"title": ""', '"title": "",,', "f.json, line 3: "),
        ('"model": "m"', '"model": 5', "line 8: exchanges[0].model: Expected `str`"),
    ],
)
def test_a_broken_recording_names_file_line_and_field(old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(BrokenRecording) as refused:
        parse(GOOD.replace(old, new), "f.json")
    assert says in str(refused.value), str(refused.value)
