"""Guardrails between an agent and its model: what they see, change and refuse, and that they fail closed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest

from lobu_jupyter.agents import guardrails
from lobu_jupyter.agents.builtin.assistant import assistant
from lobu_jupyter.agents.loop.guarding import WITHHELD
from lobu_jupyter.model.guardrails import ModelText
from lobu_jupyter.model.ports import Task
from lobu_jupyter.model.redaction import Redactor
from tests.agents.bench import Ended, FakeKernel, policy, resume, run, task_for
from tests.providers import Call, Provider, calls, says

Guard = Callable[[str, ModelText], Any]


class Install(Protocol):
    def __call__(self, *functions: Guard, seconds: float = 5.0) -> None: ...


ALLOW = policy(run={"mode": "allow"})
EXAMPLES = Path(__file__).parents[3] / "examples" / "guardrails"
ADA = "ada@example.org"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a guardrail, as the worker does from the server's settings."""

    def install(*functions: Guard, seconds: float = 5.0) -> None:
        module = ModuleType("the_guards")
        for number, function in enumerate(functions):
            setattr(module, f"guard{number}", function)
        monkeypatch.setitem(sys.modules, "the_guards", module)
        monkeypatch.setattr(guardrails, "_active", None)
        names = [f"the_guards:guard{number}" for number in range(len(functions))]
        guardrails.configure({"names": names, "seconds": seconds}, Redactor())

    return install


def agent(provider: Provider) -> Any:
    chat = {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": "k"}
    return assistant({"providers": {"chat": chat}})


def task(prompt: str = "count", **more: Any) -> Task:
    return task_for(prompt, **{"agent": "assistant", "model": "chat:m", "policy": ALLOW, **more})


def sent(provider: Provider) -> str:
    return "".join(str(request.body) for request in provider.requests)


def notes(ended: Ended) -> list[str]:
    return [value["message"] for value in ended.customs("lobu.guardrail")]


async def test_it_sees_each_text_once_in_both_directions(provider: Provider, guarded: Install) -> None:
    seen: list[tuple[str, ModelText]] = []

    async def guard(text: str, about: ModelText) -> None:
        seen.append((text, about))

    guarded(guard)
    provider.script = [calls(Call("run_code", '{"code": "print(40 + 2)"}'), text="I look."), says("42.")]
    ended = await run(
        agent(provider), task(context=({"description": "Team", "value": "blue"},)), FakeKernel()
    )

    kinds = [(about.direction, about.kind) for _, about in seen]
    assert ended.text == "I look.42."
    assert kinds[0] == ("to_model", "instructions")
    assert "Team:\nblue" in seen[0][0]
    assert kinds[1:] == [
        ("to_model", "prompt"),
        ("from_model", "text"),
        ("from_model", "tool_args"),
        ("to_model", "tool_result"),
        ("from_model", "text"),
    ]
    assert [about.tool for _, about in seen if about.tool] == ["run_code", "run_code"]
    assert "42" in seen[4][0]
    assert len({about.run_id for _, about in seen}) == 1
    assert notes(ended) == []


async def test_what_it_changes_is_all_that_the_model_sees_also_later(
    provider: Provider, guarded: Install
) -> None:
    guarded(lambda text, about: text.replace(ADA, "[mail]"))
    look = Call("run_code", f'{{"code": "print(\'{ADA}\')"}}')
    provider.script = [
        calls(Call("run_code", "{\"code\": \"print('ada' + '@example.org')\"}")),
        calls(look),
        says("Done."),
    ]
    kernel = FakeKernel()

    ended = await run(agent(provider), task(f"write to {ADA}"), kernel)

    assert ADA not in sent(provider)
    assert "[mail]" in sent(provider)
    assert len(provider.requests) == 3
    assert ADA in "".join(ended.results.values())  # the person sees what their code printed
    assert kernel.ran[-1] == "print('[mail]')"  # what runs is what was judged, and shown
    assert ADA not in "".join(e["delta"] for e in ended.events if e["type"] == "TOOL_CALL_ARGS")
    assert len(notes(ended)) == 2  # once for each direction


async def test_an_answer_is_held_back_until_it_is_judged(provider: Provider, guarded: Install) -> None:
    def guard(text: str, about: ModelText) -> str | None:
        return "[changed]" if about.direction == "from_model" else None

    guarded(guard)
    provider.script = [says("A number: 4111 1111 1111 1111.")]
    ended = await run(agent(provider), task())

    assert ended.text == "[changed]"
    assert "4111" not in str(ended.events)


@pytest.mark.parametrize("kind", ["text", "tool_args"])
async def test_a_refused_answer_is_neither_shown_nor_acted_on(
    provider: Provider, guarded: Install, kind: str
) -> None:
    def guard(text: str, about: ModelText) -> None:
        if about.direction == "from_model" and about.kind == kind:
            raise ValueError("no forty-two here")

    guarded(guard)
    provider.script = [calls(Call("run_code", '{"code": "40 + 2"}'), text="I say 42.")]
    kernel = FakeKernel()
    ended = await run(agent(provider), task(), kernel)

    assert ended.error is not None
    assert ended.error.code == "guardrail"
    assert "no forty-two here" in ended.error.message
    assert (ended.text, kernel.ran) == ("", [])
    assert ended.usage[0]["outputTokens"] > 0  # it was asked and is paid for
    assert len(provider.requests) == 1


async def test_a_refused_result_ends_the_run_and_later_runs_go_on_without_it(
    provider: Provider, guarded: Install
) -> None:
    def guard(text: str, about: ModelText) -> None:
        if "secret-plan" in text and about.kind == "tool_result":
            raise ValueError("the plan stays here")

    guarded(guard)
    provider.script = [
        calls(Call("run_code", "{\"code\": \"print('secret-' + 'plan')\"}"), text=""),
        says("Fine."),
    ]
    first = await run(agent(provider), task(), FakeKernel())
    assert first.error is not None
    assert first.error.code == "guardrail"
    assert "secret-plan" not in sent(provider)

    call = {"id": "c1", "type": "function", "function": {"name": "run_code", "arguments": "{}"}}
    earlier = (
        {"id": "m1", "role": "user", "content": "look"},
        {"id": "m2", "role": "assistant", "toolCalls": [call]},
        {"id": "m3", "role": "tool", "toolCallId": "c1", "content": "secret-plan"},
        {"id": "m4", "role": "user", "content": "go on"},
    )
    later = await run(agent(provider), task(messages=earlier))

    assert later.text == "Fine."
    assert "secret-plan" not in sent(provider)
    assert WITHHELD in str(provider.requests[-1].body)


async def test_a_result_after_a_decision_is_judged_as_new(provider: Provider, guarded: Install) -> None:
    def guard(text: str, about: ModelText) -> None:
        if about.kind == "tool_result":
            assert not about.earlier
            raise ValueError("not this")

    guarded(guard)
    provider.script = [calls(Call("run_code", '{"code": "1"}')), says("never")]
    ask = task(policy=policy())
    asked = await run(agent(provider), ask, FakeKernel())
    ended = await resume(agent(provider), ask, asked, FakeKernel(), "approve")

    assert ended.error is not None
    assert "not this" in ended.error.message
    assert len(provider.requests) == 1


async def test_a_summary_of_a_long_chat_is_judged_and_a_refused_one_ends_no_run(
    provider: Provider, guarded: Install
) -> None:
    def guard(text: str, about: ModelText) -> None:
        if "secret-plan" in text:
            raise ValueError("the plan stays here")

    guarded(guard)
    chat = {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": "k", "context_window": 17_000}
    told: list[dict[str, Any]] = []
    for n in range(10):
        told.append({"id": f"u{n}", "role": "user", "content": f"question {n} {'secret-plan words ' * 200}"})
        told.append({"id": f"a{n}", "role": "assistant", "content": f"answer {n} {'many words ' * 300}"})
    told.append({"id": "new", "role": "user", "content": "the new question"})
    provider.script = [says("They spoke."), says("The answer.")]
    ended = await run(assistant({"providers": {"chat": chat}}), task(messages=tuple(told)))

    assert ended.text == "The answer."
    assert len(provider.requests) == 2
    assert "secret-plan" not in sent(provider)
    assert WITHHELD in str(provider.requests[0].body)


async def test_what_a_sub_agent_sends_is_judged_too(provider: Provider, guarded: Install) -> None:
    guarded(lambda text, about: text.replace(ADA, "[mail]"))
    ask = Call("delegate", '{"prompt": "Write to ada at example.org"}')
    provider.script = [calls(ask), says(f"I wrote to {ADA}."), says("Done.")]
    ended = await run(agent(provider), task())

    assert ended.text.endswith("Done.")
    assert len(provider.requests) == 3
    assert "I wrote to [mail]." in str(ended.events)
    assert ADA not in str(ended.events) + sent(provider)


def fails(text: str, about: ModelText) -> None:
    raise RuntimeError


def returns_a_number(text: str, about: ModelText) -> Any:
    return 7


async def hangs(text: str, about: ModelText) -> None:
    await asyncio.Event().wait()


def blocks(text: str, about: ModelText) -> None:
    time.sleep(3)


@pytest.mark.parametrize("guard", [fails, returns_a_number, hangs, blocks])
async def test_one_that_fails_or_hangs_refuses_and_blocks_nothing_else(
    provider: Provider, guarded: Install, guard: Guard
) -> None:
    guarded(guard, seconds=0.2)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    beating = asyncio.create_task(beat())
    ended = await run(agent(provider), task())
    beating.cancel()

    assert ended.error is not None
    assert ended.error.code == "guardrail"
    assert provider.requests == []
    assert guard in (fails, returns_a_number) or beats > 3


async def test_one_that_cannot_be_imported_refuses(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guardrails, "_active", None)
    guardrails.configure({"names": ["no_such_module_here:guard"], "seconds": 5}, Redactor())

    ended = await run(agent(provider), task())

    assert ended.error is not None
    assert "no_such_module_here:guard cannot be loaded" in ended.error.message
    assert provider.requests == []


async def test_arguments_that_are_none_after_a_change_are_refused(
    provider: Provider, guarded: Install
) -> None:
    guarded(lambda text, about: "[gone]" if about.kind == "tool_args" else None)
    provider.script = [calls(Call("run_code", '{"code": "1"}'))]
    kernel = FakeKernel()

    ended = await run(agent(provider), task(), kernel)

    assert ended.error is not None
    assert ended.error.code == "guardrail"
    assert kernel.ran == []


async def test_several_are_asked_in_turn(provider: Provider, guarded: Install) -> None:
    guarded(lambda text, about: text.replace("a", "b"), lambda text, about: text.replace("b", "c"))
    provider.script = [says("aha")]

    assert (await run(agent(provider), task())).text == "chc"


async def test_the_example_keeps_personal_data_from_the_model(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr(guardrails, "_active", None)
    guardrails.configure({"names": ["personal_data:guard"]}, Redactor())

    await run(agent(provider), task(f"Who is {ADA}, call +49 30 1234567?"))
    ended = await run(agent(provider), task("pay with 4111 1111 1111 1111"))

    assert "[mail], call [phone]?" in sent(provider)
    assert ended.error is not None
    assert "payment card" in ended.error.message
    assert "4111" not in sent(provider)
