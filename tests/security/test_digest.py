"""A decision carries the digest of what it was shown: another question than the one that waits is not decided."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest

from lobu_jupyter.model.digest import COVERED, LEFT_OUT, canonical, digest_of, digest_of_wire
from lobu_jupyter.model.errors import AlreadyDecided, InvalidField, QuestionChanged
from lobu_jupyter.model.interrupts import Interrupt, event_of_interrupt
from lobu_jupyter.model.requests import AuditQuery
from lobu_jupyter.model.runs import Started, ThreadStatus
from tests.gateway.rig import ME, Rig, approve, call, paused, reject
from tests.vectors import digests

QUESTION = Interrupt(
    id="i",
    thread_id="t",
    run_id="r",
    reason="tool_call",
    message="Run this code?",
    tool_name="run_code",
    args={"code": "1 + 1"},
    diff="-x\n+y",
    risks=("deletes",),
    questions=[{"id": "q", "question": "How?"}],
)
OTHER = "0" * 64


async def waiting_journal(rig: Rig, started: Started) -> list[dict[str, Any]]:
    """The open questions as a reader of the journal has them."""
    return (await rig.gateway.runs.snapshot(ME, started.thread_id))["interrupts"]


async def shown(rig: Rig, started: Started) -> str:
    (question,) = await waiting_journal(rig, started)
    return digest_of_wire(question)


def with_digest(entry: dict[str, Any], digest: Any) -> dict[str, Any]:
    return {**entry, "digest": digest}


async def decided(rig: Rig, started: Started) -> list[dict[str, Any]]:
    events = await rig.journal(started.thread_id)
    return [event["value"] for event in events if event.get("name") == "lobu.decision"]


# -- the digest itself ------------------------------------------------------------------------------


def test_the_vectors_say_what_this_code_computes() -> None:
    assert json.loads(digests.FILE.read_text("utf-8")) == digests.vectors()


def test_each_part_of_a_question_is_covered_or_left_out_on_purpose() -> None:
    names = [field.encode_name for field in msgspec.structs.fields(Interrupt)]

    assert sorted([*names, "argsText"]) == sorted(COVERED + LEFT_OUT)


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "input_required"},
        {"message": "Run that code?"},
        {"tool_name": "write_file"},
        {"args": {"code": "1 + 2"}},
        {"args": {"code": "1 + 1", "path": "x"}},
        {"args": {"code": "1 + 1\u200b"}},
        {"args": {"code": "1 + 1", "n": 2**53 + 1}},
        {"diff": "-x\n+z"},
        {"diff": None},
        {"risks": ()},
        {"questions": []},
        {"decisions": ("approve",)},
        {"no_grant": True},
    ],
    ids=str,
)
def test_another_covered_part_is_another_digest(change: dict[str, Any]) -> None:
    assert digest_of(msgspec.structs.replace(QUESTION, **change)) != digest_of(QUESTION)


def test_integers_that_a_browser_rounds_to_the_same_have_different_digests() -> None:
    one, next_ = (msgspec.structs.replace(QUESTION, args={"n": 2**53 + n}) for n in (0, 1))

    assert canonical(one.args) == canonical(next_.args)  # a browser has one number for both
    assert digest_of(one) != digest_of(next_)


def test_what_is_not_decided_changes_no_digest() -> None:
    later = msgspec.structs.replace(QUESTION, expires_at="2027-01-01", kernel_lost=True, created_at="now")

    assert digest_of(later) == digest_of(QUESTION)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (-0.0, "0"),
        (5e-324, "5e-324"),
        (math.nan, "null"),
        (10**400, "null"),
        ({"b": 1, "a": True}, '{"a":true,"b":1}'),
        ("\ud800\u2028/", '"\\ud800\u2028/"'),
    ],
)
def test_the_canonical_form_is_that_of_a_browser(value: Any, text: str) -> None:
    assert canonical(value) == text


# -- at the gateway ---------------------------------------------------------------------------------


async def test_a_decision_with_the_digest_of_the_question_is_taken_and_kept(rig: Rig) -> None:
    first = await rig.waiting("c")
    digest = await shown(rig, first)

    _, new = await rig.gateway.policy.resume(ME, first.thread_id, [with_digest(approve("c"), digest)])

    assert new
    assert [value["digest"] for value in await decided(rig, first)] == [digest]
    (row, *_) = await rig.gateway.policy.audit(ME, AuditQuery(thread_id=first.thread_id))
    assert (row["action"], row["detail"]["digest"]) == ("decided approve", digest)


@pytest.mark.parametrize("entry", [approve("c"), reject("c"), approve("c", grant="thread")])
async def test_a_decision_that_was_shown_something_else_decides_nothing(
    rig: Rig, entry: dict[str, Any]
) -> None:
    first = await rig.waiting("c")
    (question,) = await waiting_journal(rig, first)
    before = await rig.journal(first.thread_id)

    with pytest.raises(QuestionChanged) as refused:
        await rig.gateway.policy.resume(ME, first.thread_id, [with_digest(entry, OTHER)])

    assert await rig.journal(first.thread_id) == before
    assert (await rig.gateway.threads.get(ME, first.thread_id)).status is ThreadStatus.WAITING
    (true,) = refused.value.detail["interrupts"]
    assert true == {name: value for name, value in question.items() if name != "runId"}
    (row, *_) = await rig.gateway.policy.audit(ME, AuditQuery(thread_id=first.thread_id))
    assert (row["action"], row["detail"]["why"]) == ("refused decision", "question_changed")
    right = with_digest(approve("c"), digest_of_wire(true))
    assert (await rig.gateway.policy.resume(ME, first.thread_id, [right]))[1]


async def test_of_a_batch_all_or_nothing_is_as_it_was_shown(rig: Rig) -> None:
    first = await rig.waiting("a", "b")
    one, two = await waiting_journal(rig, first)
    assert digest_of_wire(one) == digest_of_wire(two)  # the same call twice: what is decided is the same
    entries = [with_digest(approve("a"), digest_of_wire(one)), with_digest(approve("b"), OTHER)]

    with pytest.raises(QuestionChanged) as refused:
        await rig.gateway.policy.resume(ME, first.thread_id, entries)

    assert [true["id"] for true in refused.value.detail["interrupts"]] == ["ask-b"]
    assert len(await rig.gateway.policy.interrupts(ME)) == 2


async def test_a_decision_without_a_digest_is_taken_and_the_audit_says_so(rig: Rig) -> None:
    first = await rig.waiting("c")

    await rig.gateway.policy.resume(ME, first.thread_id, [approve("c")])

    (value,) = await decided(rig, first)
    assert "digest" not in value
    (row, *_) = await rig.gateway.policy.audit(ME, AuditQuery(thread_id=first.thread_id))
    assert row["detail"]["digest"] is None


@pytest.mark.parametrize(
    "digest", ["", "abc", "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n", "g" * 64, 3, True, [], {}, 1.5, "٣" * 64]
)  # fmt: skip
async def test_a_digest_that_is_none_is_refused_by_name(rig: Rig, digest: Any) -> None:
    first = await rig.waiting("c")

    with pytest.raises(InvalidField) as refused:
        await rig.gateway.policy.resume(ME, first.thread_id, [with_digest(approve("c"), digest)])

    assert refused.value.field == "resume[0].digest"
    assert len(await rig.gateway.policy.interrupts(ME)) == 1


async def test_the_same_decision_again_is_harmless_with_its_digest_or_without(rig: Rig) -> None:
    first = await rig.waiting("c")
    entry = with_digest(approve("c"), await shown(rig, first))
    started, _ = await rig.gateway.policy.resume(ME, first.thread_id, [entry])

    assert await rig.gateway.policy.resume(ME, first.thread_id, [entry]) == (started, False)
    assert await rig.gateway.policy.resume(ME, first.thread_id, [approve("c")]) == (started, False)
    with pytest.raises(AlreadyDecided):
        await rig.gateway.policy.resume(ME, first.thread_id, [with_digest(approve("c"), OTHER)])


@pytest.mark.parametrize(
    "args",
    [
        '{"n": 9007199254740993, "m": -18446744073709551616, "l": 123456789012345678901234567890}',
        '{"x": 1.0, "y": 1e21, "z": 1E-7, "w": -0.0, "v": 0.1, "u": 1e300}',
        '{"b": 1, "a": {"\\ud83d\\ude00": 1, "\\uffff": 2, "": 3}}',
        '{"__proto__": 1, "code": "\\u202e\\u200b\\u0000\\u2028"}',
        '{"old": "a", "new": "b", "path": "/root/.bashrc"}',
        "{}",
    ],
)
async def test_a_legitimate_decision_never_fails_on_what_json_can_hold(rig: Rig, args: str) -> None:
    """What a reader of the journal has gives the digest that the gateway expects, in either way of asking."""
    run = await rig.running()
    given = {"args": json.loads(args), "toolName": "sum"}
    ask = paused("c", metadata={"lobu": given}, message="Sum?")
    await rig.worker.emit(run.run_id, *call("c", "sum", args), ask, checkpoint="{}")
    (listed,) = await rig.gateway.policy.interrupts(ME)
    digest = await shown(rig, run)
    assert digest == digest_of(listed)

    assert (await rig.gateway.policy.resume(ME, run.thread_id, [with_digest(approve("c"), digest)]))[1]


async def test_an_integer_that_a_browser_would_round_comes_with_its_exact_text(rig: Rig) -> None:
    run = await rig.running()
    given = {
        "args": {"code": "x", "rows": [{"n": 9007199254740993}]},
        "toolName": "sum",
        "argsText": "forged",
    }
    await rig.worker.emit(
        run.run_id, *call("c"), paused("c", metadata={"lobu": given}), checkpoint="{}"
    )  # fmt: skip

    (question,) = await waiting_journal(rig, run)

    assert '"n": 9007199254740993' in question["metadata"]["lobu"]["argsText"]
    assert "argsText" not in event_of_interrupt(QUESTION)["metadata"]["lobu"]
