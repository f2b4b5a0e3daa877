"""A run asks before each request to a model, tells what it has used, and pauses or ends at a limit."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from lobu_jupyter.agents.builtin import assistant as assistants
from lobu_jupyter.agents.builtin.assistant import assistant
from lobu_jupyter.agents.loop import budgeting
from lobu_jupyter.agents.loop.history import history
from lobu_jupyter.agents.models.retry import Retrying
from lobu_jupyter.model.budget import BUDGET, BUDGET_CALL
from lobu_jupyter.model.ports import Task
from tests.agents.bench import FakeKernel, policy, resume, run, task_for
from tests.providers import Call, Provider, calls, fails, says

ALLOW = policy(run={"mode": "allow"})
ASK = {"limit": "run.tokens", "used": 12, "most": 10, "more": 10}


class Gateway:
    """Answers with the verdicts in order, and `go` after that."""

    def __init__(self, *verdicts: str) -> None:
        self.verdicts = list(verdicts)
        self.asked: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        if "used" in request:
            self.told.append(request["used"])
            return {"verdict": "go"}
        self.asked.append(request["reserve"])
        verdict = self.verdicts.pop(0) if self.verdicts else "go"
        told = {"verdict": verdict, "number": len(self.asked), "message": "Over.", "full": 0.5}
        return {**told, "ask": ASK if verdict == "ask" else None}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(assistants, "Retrying", partial(Retrying, first=0.001))
    monkeypatch.setattr(budgeting, "WAIT_SECONDS", 0.0)
    with Provider() as provider:
        yield provider


def agent(provider: Provider) -> Any:
    chat = {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": "k"}
    return assistant({"providers": {"chat": chat}})


def task(**more: Any) -> Task:
    fields = {"agent": "assistant", "model": "chat:m", "policy": ALLOW, "budgeted": True}
    return task_for("count", **{**fields, **more})


async def test_each_request_is_asked_for_and_reported(provider: Provider) -> None:
    provider.script = [calls(Call("run_code", '{"code": "1 + 1"}')), says("Two.")]
    gateway = Gateway()

    ended = await run(agent(provider), task(), FakeKernel(), budget=gateway)

    assert ended.text == "Two."
    assert [most["tokens"] > most["likelyTokens"] > 0 for most in gateway.asked] == [True, True]
    assert {most["micros"] for most in gateway.asked} == {None}  # no price is known at this address
    assert [used["number"] for used in gateway.told] == [1, 2]
    assert sum(used["tokens"] for used in gateway.told) == ended.usage[0]["totalTokens"]
    assert {used["micros"] for used in gateway.told} == {None}
    assert ended.customs("lobu.budget") == [{"full": 0.5}]


async def test_a_run_without_limits_asks_nothing(provider: Provider) -> None:
    assert (await run(agent(provider), task(budgeted=False))).text == "Hello."


async def test_an_own_limit_pauses_before_the_request_and_goes_on_with_it_once_approved(
    provider: Provider,
) -> None:
    provider.script = [calls(Call("run_code", '{"code": "1 + 1"}')), says("Two.")]
    first, kernel = Gateway("go", "ask"), FakeKernel()
    began = task()

    paused = await run(agent(provider), began, kernel, budget=first)

    (question,) = paused.interrupts
    assert (question.reason, question.tool_name, question.args) == (BUDGET, BUDGET_CALL, ASK)
    assert (question.message, question.decisions, question.no_grant) == ("Over.", ("approve", "reject"), True)
    assert len(provider.requests) == 1

    ended = await resume(agent(provider), began, paused, kernel, "approve", budget=Gateway())

    assert ended.text == "Two."
    assert kernel.ran == ["1 + 1"]  # once
    assert ended.results == {question.tool_call_id: "Approved: the run goes on."}
    sent = provider.requests[1].body["messages"]
    assert [message["role"] for message in sent][-3:] == ["user", "assistant", "tool"]
    assert BUDGET_CALL not in json.dumps(sent)


async def test_rejecting_ends_the_run_with_what_it_had(provider: Provider) -> None:
    paused = await run(agent(provider), task(), budget=Gateway("ask"))

    ended = await resume(agent(provider), task(), paused, None, "reject", budget=Gateway())

    assert ended.error is not None
    assert ended.error.code == "budget_exceeded"
    assert provider.requests == []


@pytest.mark.parametrize("more", [{}, {"policy": policy(answerable=False)}])
async def test_a_limit_that_nobody_can_raise_ends_the_run(provider: Provider, more: dict[str, Any]) -> None:
    gateway = Gateway("ask" if more else "end")

    ended = await run(agent(provider), task(**more), budget=gateway)

    assert ended.error is not None
    assert (ended.error.code, ended.error.message) == (
        "budget_exceeded",
        "Over. What the run had is kept.",
    )
    assert provider.requests == []


async def test_near_a_limit_a_run_waits_for_its_turn(provider: Provider) -> None:
    gateway = Gateway("wait", "wait", "go")

    assert (await run(agent(provider), task(), budget=gateway)).text == "Hello."

    assert len(gateway.asked) == 3


async def test_a_request_that_the_provider_refused_counts_as_nothing(provider: Provider) -> None:
    provider.script = [fails(429, "slow down"), says("Now.")]
    gateway = Gateway()

    assert (await run(agent(provider), task(), budget=gateway)).text == "Now."

    assert [used["tokens"] == 0 for used in gateway.told] == [True, False]


def test_the_question_is_no_part_of_what_a_model_is_told() -> None:
    call = {"id": "c", "type": "function", "function": {"name": BUDGET_CALL, "arguments": "{}"}}
    told = ({"id": "a", "role": "assistant", "toolCalls": [call]}, {"role": "tool", "toolCallId": "c"})

    assert history(told) == []
