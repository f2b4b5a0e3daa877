"""Decisions in Python become the entries that the gateway takes, whole batches at once."""

from __future__ import annotations

from typing import Any

import pytest

from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.interrupts import QUESTION, decide, interrupt_from_event
from lobu_jupyter.notebook import decisions
from lobu_jupyter.notebook.decisions import PendingDecisions

from . import journal as j

ONE = [j.asked("i1")]
TWO = [j.asked("i1", "c1"), j.asked("i2", "c2")]
QUESTIONS = [{"id": "q1", "question": "Which?", "options": ["a", "b"]}, {"id": "q2", "question": "Why?"}]


def _taken(entry: dict[str, Any], wire: dict[str, Any]) -> Any:
    """The gateway's own reading of an entry."""
    return decide(entry, interrupt_from_event(wire, "", thread_id="t", run_id="r"), "resume")


def test_one_open_question_is_decided_at_once() -> None:
    entries = PendingDecisions().decide(ONE, None, decisions.approval("thread"))

    assert entries is not None
    decision = _taken(entries[0], ONE[0])
    assert (decision.kind, decision.grant) == ("approve", "thread")


def test_of_several_none_is_sent_until_all_are_decided() -> None:
    batch = PendingDecisions()

    first = batch.decide(TWO, "c2", decisions.rejection("no"))
    second = batch.decide(TWO, None, decisions.approval())  # the one that is left

    assert first is None
    assert second is not None
    assert [(e["interruptId"], e["payload"]["approved"]) for e in second] == [("i1", True), ("i2", False)]


def test_of_several_one_must_be_named() -> None:
    with pytest.raises(ValueError, match=r"run.approve\(0\)"):
        PendingDecisions().decide(TWO, None, decisions.approval())


def test_a_decision_on_a_batch_that_is_over_is_forgotten() -> None:
    batch = PendingDecisions()
    batch.decide(TWO, 0, decisions.approval())

    entries = batch.decide([j.asked("i3")], None, decisions.approval())

    assert entries is not None
    assert [entry["interruptId"] for entry in entries] == ["i3"]


@pytest.mark.parametrize(
    ("open_", "which", "why"),
    [([], None, "Nothing to approve"), (ONE, "i9", "no open question 'i9'"), (TWO, 7, "no open question 7")],
)
def test_what_is_not_there_cannot_be_decided(open_: list[Any], which: str | int | None, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        PendingDecisions().decide(open_, which, decisions.approval())


def test_a_decision_that_is_not_offered_is_not_kept() -> None:
    batch = PendingDecisions()

    with pytest.raises(InvalidField, match="not answer"):
        batch.decide(TWO, 0, {"answers": {"q": "a"}})

    assert batch.left(TWO) == list(enumerate(TWO))


def test_a_decision_that_was_refused_can_be_made_again() -> None:
    batch = PendingDecisions()
    batch.decide(ONE, None, decisions.approval())  # sent, and refused by the gateway

    entries = batch.decide(ONE, None, decisions.rejection("no"))

    assert entries is not None
    assert entries[0]["payload"] == {"approved": False, "reason": "no"}


def test_what_is_left_is_named_by_its_position() -> None:
    three = [*TWO, j.asked("i3", "c3")]
    batch = PendingDecisions()
    batch.decide(three, 0, decisions.approval())

    with pytest.raises(ValueError, match=r"run.approve\(1\)(?s:.*)1: Run this(?s:.*)2: Run this"):
        batch.decide(three, None, decisions.approval())


def test_all_are_those_that_take_the_decision() -> None:
    question = j.asked("i3", "c3", reason=QUESTION, questions=QUESTIONS, decisions=("answer", "reject"))

    assert decisions.offering([*TWO, question], "approve") == ["i1", "i2"]
    with pytest.raises(ValueError, match="by approve"):
        decisions.offering([question], "approve")


def test_an_edit_keeps_the_arguments_that_it_does_not_name() -> None:
    wire = j.asked(args={"path": "a.txt", "text": "old"})

    payload = decisions.edit(wire, {"text": "new"})

    assert payload == {"approved": True, "editedArgs": {"path": "a.txt", "text": "new"}}


@pytest.mark.parametrize(
    ("given", "by_id"), [(("a", "so"), {}), (({"q1": "a", "q2": "so"},), {}), (("a",), {"q2": "so"})], ids=str
)
def test_answers_go_by_order_or_by_id(given: tuple[Any, ...], by_id: dict[str, Any]) -> None:
    wire = j.asked(reason=QUESTION, questions=QUESTIONS, decisions=("answer", "reject"))

    payload = decisions.answers(wire, given, by_id)

    entry = {"interruptId": "i1", "status": "resolved", "payload": payload}
    assert _taken(entry, wire).answers == {"q1": "a", "q2": "so"}


def test_more_answers_than_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="2 questions and 3 answers"):
        decisions.answers(j.asked(reason=QUESTION, questions=QUESTIONS), ("a", "b", "c"), {})
