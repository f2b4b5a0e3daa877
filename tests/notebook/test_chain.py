"""To the person a run and what resumes it are one."""

from __future__ import annotations

import pytest

from lobu_jupyter.model.cut import cut
from lobu_jupyter.model.events import custom
from lobu_jupyter.notebook.chain import Chain

from . import journal as j


def test_a_chain_goes_on_with_the_run_that_resumes_it() -> None:
    before = [j.started(), *j.called(), j.paused()]
    after = [
        j.started("run_2", "", parentRunId="run_1"),
        j.decided(),
        j.result("2"),
        *j.said("Two."),
        j.finished("run_2"),
    ]

    waiting, done = j.chain_of(*before), j.chain_of(*before, *after)

    assert (waiting.status, waiting.ended, len(waiting.interrupts)) == ("interrupted", False, 1)
    assert (done.status, done.ended, done.interrupts, done.text) == ("succeeded", True, [], "Two.")
    assert done.run_ids == ["run_1", "run_2"]


def test_other_runs_of_the_thread_are_passed_over() -> None:
    chain = j.chain_of(
        j.started("run_0"), *j.said("not mine", "m0"), j.finished("run_0"),
        j.started(), *j.said("mine"), j.finished(),
        j.started("run_9"), *j.said("nor this", "m9"), j.finished("run_9"),
    )  # fmt: skip

    assert (chain.text, chain.status, chain.run_id) == ("mine", "succeeded", "run_1")


def test_code_that_runs_on_after_the_end_is_said_in_its_own_chain() -> None:
    told = custom("lobu.still_running", {"runId": "run_1", "message": "It is still running."})
    events = [j.started(), *j.said("mine"), j.finished(), told]

    chain = j.chain_of(*events)
    other = j.chain_of(
        j.started("run_0"),
        j.finished("run_0"),
        j.started(),
        {**told, "value": {**told["value"], "runId": "run_0"}},
        j.finished(),
    )

    assert [i["name"] for i in chain.state()["items"] if i["kind"] == "notice"] == ["lobu.still_running"]
    assert [i for i in other.state()["items"] if i["kind"] == "notice"] == []


def test_what_was_read_before_changes_nothing() -> None:
    chain, entries = Chain("run_1", 0), j.entries([j.started(), *j.said("once"), j.finished()])

    taken = [chain.feed(entry) is not None for entry in entries + entries]

    assert taken == [True] * 5 + [False] * 5
    assert chain.text == "once"


def test_a_chain_says_why_its_answer_is_not_complete() -> None:
    whole = j.chain_of(j.started(), *j.said("all"), j.finished())
    half = j.chain_of(j.started(), *j.said("half"), cut("length"), j.finished())

    assert (whole.cut, half.cut) == (None, "length")
    assert half.status == "succeeded"


def test_a_chain_without_events_is_queued() -> None:
    assert Chain("run_1", 7).status == "queued"


def test_after_a_decision_it_runs_though_nothing_has_come_yet() -> None:
    chain = j.chain_of(j.started(), *j.called(), j.paused())

    chain.resumed("run_2")

    assert (chain.status, chain.run_id) == ("running", "run_2")


@pytest.mark.parametrize("why", ["expired", "cancelled"])
def test_a_question_that_closes_without_a_decision_ends_it(why: str) -> None:
    closed = j.custom(
        "lobu.closed", {"interruptIds": ["i1"], "toolCallIds": ["c1"], "why": why, "message": "Closed."}
    )

    chain = j.chain_of(j.started(), *j.called(), j.paused(), closed)

    assert (chain.status, chain.ended, chain.interrupts) == (why, True, [])


def test_the_error_is_the_last_runs() -> None:
    chain = j.chain_of(j.started(), j.failed("kernel_died", "The kernel died; run the cells again."))

    assert chain.status == "failed"
    assert chain.error == {"code": "kernel_died", "message": "The kernel died; run the cells again."}
