"""The gate of a tool call, by itself: what it refuses, asks and lets through."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lobu_jupyter.agents.tools import base, kernel
from lobu_jupyter.agents.tools.gate import (
    MAX_ASKED_BYTES,
    CallQuestion,
    Gate,
    UnfitArguments,
    approval_of,
    check_not_denied,
)
from lobu_jupyter.model.policy import Grant, Policy
from lobu_jupyter.model.ports import ToolSpec
from tests.agents.bench import FakeKernel, policy, task_for

RUN_CODE = kernel.BOUND[0]
SCHEMA = {"type": "object", "properties": {"n": {"type": "array", "items": {"type": "integer"}}}}


def gate_for(rules: Policy, events: list[dict[str, Any]] | None = None) -> Gate:
    said: list[dict[str, Any]] = [] if events is None else events

    async def emit(event: dict[str, Any]) -> None:
        said.append(event)

    async def journaled() -> None:
        pass

    return Gate(base.Work(task_for("", policy=rules), FakeKernel(), emit, journaled))


async def no_run(work: base.Work, call: base.Call) -> base.Result:
    raise AssertionError("a gate runs nothing")


def test_arguments_that_do_not_fit_say_where() -> None:
    tool = base.BoundTool(ToolSpec(name="count", parameters=SCHEMA), no_run)

    with pytest.raises(UnfitArguments, match=r"n\.1: 'two' is not of type 'integer'"):
        gate_for(Policy()).check(tool, {"n": [1, "two"]})


async def test_a_call_that_a_grant_covers_runs_once_the_grants_use_is_on_record() -> None:
    events: list[dict[str, Any]] = []
    grant = Grant(grant_id="g", tool="run_code", scope="thread", covers="all", by="me")

    asked = await gate_for(Policy(grants=(grant,)), events).admit(RUN_CODE, {"code": "1"}, "call_1")

    assert asked is None
    assert [(e["name"], e["value"]["toolCallId"]) for e in events] == [("lobu.granted", "call_1")]


async def test_the_questions_of_one_pause_have_one_bound() -> None:
    gate = gate_for(Policy())
    half = {"code": "#" * (MAX_ASKED_BYTES // 2)}

    assert await gate.admit(RUN_CODE, half, "call_1") is not None
    with pytest.raises(base.ToolError, match="too much to be shown for approval at once"):
        await gate.admit(RUN_CODE, half, "call_2")


def test_a_denial_after_the_question_stands_also_where_nobody_can_be_asked() -> None:
    check_not_denied(Policy(answerable=False), "run_code")

    with pytest.raises(base.ToolError, match="server policy denies run_code"):
        check_not_denied(policy(server={"deny": ["run_code"]}), "run_code")


async def test_a_question_is_the_same_after_its_checkpoint() -> None:
    asked = await gate_for(Policy()).admit(RUN_CODE, {"code": "import os; os.remove('a')"}, "call_1")
    assert asked is not None

    kept = msgspec.convert(msgspec.json.decode(msgspec.json.encode(asked)), CallQuestion)
    interrupt = approval_of(task_for(""), "call_1", RUN_CODE, {"code": "import os; os.remove('a')"}, kept)

    assert kept == asked
    assert (interrupt.message, interrupt.risks, interrupt.args_schema) == (
        "Run this code?",
        ("deletes",),
        RUN_CODE.spec.parameters,
    )
