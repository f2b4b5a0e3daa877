"""A decision is one that the interrupt offers, and its payload fits."""

from __future__ import annotations

from typing import Any

import pytest

from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.interrupts import (
    QUESTION,
    QUESTION_DECISIONS,
    Interrupt,
    decide,
    event_of_interrupt,
    interrupt_from_event,
)

SCHEMA = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}
APPROVAL = Interrupt(
    id="i", thread_id="t", run_id="r", reason="tool_call", tool_call_id="c", tool_name="run_code",
    args={"code": "1"}, args_schema=SCHEMA,
)  # fmt: skip
ASKED = Interrupt(
    id="q", thread_id="t", run_id="r", reason=QUESTION, decisions=QUESTION_DECISIONS,
    questions=[
        {"id": "size", "question": "Which?", "options": ["s", "m"], "freeText": False},
        {"id": "why", "question": "Why?"},
    ],
)  # fmt: skip


def resolved(payload: Any) -> dict[str, Any]:
    return {"interruptId": "i", "status": "resolved", "payload": payload}


def test_each_payload_is_read_as_its_decision() -> None:
    respondable = Interrupt(id="i", thread_id="t", run_id="r", reason="tool_call", decisions=("respond",))

    assert decide(resolved({"approved": True}), APPROVAL, "resume[0]").kind == "approve"
    assert decide(resolved({"approved": True, "editedArgs": {"code": "2"}}), APPROVAL, "r").edited_args == {
        "code": "2"
    }
    assert decide(resolved({"approved": False, "reason": "no"}), APPROVAL, "r").reason == "no"
    assert decide({"status": "cancelled"}, APPROVAL, "r").kind == "reject"
    assert decide(resolved({"response": "42"}), respondable, "r").response == "42"
    answers = {"size": "s", "why": "because"}
    assert decide(resolved({"answers": answers}), ASKED, "r").answers == answers


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        pytest.param(resolved({"response": "x"}), "resume[0].payload", marks=pytest.mark.scenario("P9")),
        pytest.param(resolved({"answers": {}}), "resume[0].payload", marks=pytest.mark.scenario("A5")),
        pytest.param(
            resolved({"approved": True, "editedArgs": None}),
            "resume[0].payload.editedArgs",
            marks=pytest.mark.scenario("A6"),
        ),
        (resolved({"approved": True, "editedArgs": []}), "resume[0].payload.editedArgs"),
        (resolved({"approved": True, "editedArgs": {}}), "resume[0].payload.editedArgs"),
        (resolved({"approved": True, "editedArgs": {"code": 3}}), "resume[0].payload.editedArgs.code"),
        (resolved({"approved": False, "reason": 3}), "resume[0].payload.reason"),
        (resolved({"approved": "yes"}), "resume[0].payload.approved"),
        (resolved({"approved": True, "tools": []}), "resume[0].payload.tools"),
        (resolved(None), "resume[0].payload"),
        ({"status": "done"}, "resume[0].status"),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_by_name(entry: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        decide(entry, APPROVAL, "resume[0]")

    assert refusal.value.field == field


@pytest.mark.scenario("A10")
@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({}, "r.payload.answers.size"),
        ({"size": "xl", "why": "x"}, "r.payload.answers.size"),
        ({"size": "s", "why": " "}, "r.payload.answers.why"),
        ({"size": "s", "why": "x", "who": "y"}, "r.payload.answers.who"),
    ],
)
def test_empty_or_unknown_answers_are_refused(answers: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        decide(resolved({"answers": answers}), ASKED, "r")

    assert refusal.value.field == field


def test_an_interrupt_survives_the_wire() -> None:
    for interrupt in (APPROVAL, ASKED):
        known = {"thread_id": "t", "run_id": "r"}

        assert interrupt_from_event(event_of_interrupt(interrupt), "interrupts[0]", **known) == interrupt
