"""Answers that the model did not finish, by the protocols of real provider clients."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lobu_jupyter.agents.builtin.assistant import assistant
from lobu_jupyter.agents.models.keys import Settings
from lobu_jupyter.model.cut import WORDS
from lobu_jupyter.model.ports import Task
from tests.agents.bench import FakeKernel, policy, run, task_for
from tests.providers import Call, Provider, Reply, calls, says

ALLOW = policy(run={"mode": "allow"})


def task(prompt: str, model: str, **more: Any) -> Task:
    return task_for(prompt, agent="assistant", model=model, **more)


@pytest.mark.parametrize("model", ["chat:m", "anthropic:m"])
@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_a_cut_answer_says_why_and_keeps_what_was_said(
    reason: str, model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [Reply("Half of an ans", finish=reason)]

    ended = await run(assistant(settings), task("go", model))

    assert ended.error is None
    assert ended.text == "Half of an ans"
    assert ended.customs("lobu.cut") == [{"reason": reason, "message": WORDS[reason]}]


@pytest.mark.parametrize("model", ["chat:m", "responses:m", "anthropic:m"])
async def test_a_whole_answer_is_not_called_cut(model: str, provider: Provider, settings: Settings) -> None:
    provider.script = [calls(Call("run_code", '{"code": "1"}')), says("All of it.")]

    ended = await run(assistant(settings), task("go", model, policy=ALLOW), FakeKernel())

    assert ended.text == "All of it."
    assert ended.customs("lobu.cut") == []


async def test_a_turn_that_pauses_is_continued_and_one_that_keeps_pausing_is_cut(
    provider: Provider, settings: Settings
) -> None:
    provider.script = [Reply("First. ", finish="pause_turn"), says("Second.")]

    ended = await run(assistant(settings), task("go", "anthropic:m"))

    assert ended.text == "First. Second."
    assert ended.customs("lobu.cut") == []

    provider.script = [Reply("And on. ", finish="pause_turn")]

    ended = await run(assistant(settings), task("go", "anthropic:m"))

    assert ended.error is None
    assert ended.text.startswith("And on. ")
    assert [value["reason"] for value in ended.customs("lobu.cut")] == ["pause_turn"]


async def test_a_call_that_was_cut_fails_the_run_and_offers_to_continue(
    provider: Provider, settings: Settings
) -> None:
    provider.script = [Reply("I compute.", (Call("run_code", '{"code": "x'),), finish="length")]
    kernel = FakeKernel()

    ended = await run(assistant(settings), task("go", "chat:m", policy=ALLOW), kernel)

    assert ended.error is not None
    assert kernel.ran == []
    assert [value["reason"] for value in ended.customs("lobu.cut")] == ["length"]


async def test_the_caller_of_a_sub_agent_reads_that_its_answer_was_cut(
    provider: Provider, settings: Settings
) -> None:
    ask = Call("delegate", json.dumps({"prompt": "count"}))
    provider.script = [calls(ask), Reply("one, two", finish="length"), says("It was cut.")]

    ended = await run(assistant(settings), task("go", "chat:m", policy=ALLOW), FakeKernel())

    told = ended.results[next(iter(ended.calls))]
    assert told == f"one, two\n[{WORDS['length']}]"
    (event,) = [e for e in ended.events if e.get("name") == "lobu.cut"]
    assert event["subagentRunId"]
