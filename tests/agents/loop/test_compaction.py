"""Before a model's context is full, older turns are summarised for it; the person's transcript stays whole."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from pydantic_ai.messages import ModelResponse, TextPart

from lobu_jupyter.agents.builtin import assistant as assistants
from lobu_jupyter.agents.builtin.assistant import assistant
from lobu_jupyter.agents.loop.history import history, marks
from lobu_jupyter.agents.loop.measuring import tokens_of, transcript
from lobu_jupyter.agents.models.keys import Settings
from lobu_jupyter.agents.models.retry import Retrying
from lobu_jupyter.model.events import custom, encode, run_finished, run_started
from lobu_jupyter.model.fold import fold
from lobu_jupyter.model.ports import Task
from lobu_jupyter.model.runs import Entry
from lobu_jupyter.model.transcript import messages_of
from tests.agents.bench import FakeKernel, policy, resume, run, task_for
from tests.providers import Call, Provider, calls, fails, says

ALLOW = policy(run={"mode": "allow"})
MODELS = ["chat:m", "responses:m", "anthropic:m"]
LONG = "many words " * 300
Message = dict[str, Any]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(assistants, "Retrying", partial(Retrying, first=0.001))
    with Provider() as provider:
        yield provider


def settings(provider: Provider, window: int | None) -> Settings:
    known = {} if window is None else {"context_window": window}
    chat = {"base_url": f"{provider.url}/v1", "api_key": "k", **known}
    return {
        "providers": {
            "chat": {"kind": "openai", **chat},
            "responses": {"kind": "openai-responses", **chat},
            "anthropic": {"kind": "anthropic", **chat, "base_url": provider.url},
        }
    }


def turns(count: int, text: str = LONG) -> tuple[Message, ...]:
    """A long conversation, and a new prompt."""
    told: list[Message] = []
    for n in range(count):
        told += [
            {"id": f"u{n}", "role": "user", "content": f"question {n} {text}"},
            {"id": f"a{n}", "role": "assistant", "content": f"answer {n} {text}"},
        ]
    return (*told, {"id": "new", "role": "user", "content": "the new question"})


def task(model: str, messages: tuple[Message, ...], **more: Any) -> Task:
    return task_for("", agent="assistant", model=model, messages=messages, **more)


def sent(provider: Provider, number: int) -> str:
    return json.dumps(provider.requests[number].body)


@pytest.mark.parametrize("model", MODELS)
async def test_older_turns_are_summarised_before_the_window_is_full(model: str, provider: Provider) -> None:
    provider.script = [says("They spoke of many things."), says("The answer.")]

    ended = await run(assistant(settings(provider, 17_000)), task(model, turns(10)))

    assert ended.text == "The answer."
    summarising, asking = sent(provider, 0), sent(provider, 1)
    assert "question 0" in summarising
    assert "the new question" not in summarising
    assert "They spoke of many things." in asking
    assert "question 0" not in asking
    assert "answer 9" in asking
    assert "the new question" in asking
    (value,) = ended.customs("lobu.compacted")
    assert value["summary"] == "They spoke of many things."
    assert value["after"] < value["before"]
    assert value["upTo"].startswith("a")
    assert ended.usage[0]["inputTokens"] == 22
    assert ended.usage[0]["metadata"] == {"contextWindow": 17_000}


async def test_a_short_conversation_is_sent_as_it_is(provider: Provider) -> None:
    ended = await run(assistant(settings(provider, 128_000)), task("chat:m", turns(10)))

    assert ended.customs("lobu.compacted") == []
    assert "question 0" in sent(provider, 0)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("model", MODELS)
async def test_a_provider_that_finds_the_context_too_long_gets_less_once(
    model: str, provider: Provider
) -> None:
    code = "invalid_request_error" if model.startswith("anthropic") else "context_length_exceeded"
    too_long = fails(400, "prompt is too long: 208310 tokens > 200000 maximum", code)
    provider.script = [too_long, says("In short."), says("The answer.")]

    ended = await run(assistant(settings(provider, None)), task(model, turns(6)))

    assert ended.text == "The answer."
    assert len(provider.requests) == 3
    assert "In short." in sent(provider, 2)
    assert len(sent(provider, 2)) < len(sent(provider, 0)) / 2
    assert len(ended.customs("lobu.compacted")) == 1


async def test_a_provider_that_still_finds_it_too_long_ends_the_run_with_what_to_do(
    provider: Provider,
) -> None:
    too_long = fails(400, "maximum context length is 10 tokens", "context_length_exceeded")
    provider.script = [too_long, says("In short."), too_long]

    ended = await run(assistant(settings(provider, None)), task("chat:m", turns(6)))

    assert len(provider.requests) == 3
    assert ended.error is not None
    assert "too long for m" in ended.error.message


async def test_llama_cpps_own_word_for_it_counts(provider: Provider) -> None:
    error = {"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 13392, "n_ctx": 8192,
             "message": "request (13392 tokens) exceeds the available context size (8192 tokens), try increasing it"}  # fmt: skip
    refusals = [{"error": error}]
    provider.refuses = lambda _: refusals.pop() if refusals else None
    provider.script = [says("In short."), says("The answer.")]

    ended = await run(assistant(settings(provider, None)), task("chat:m", turns(6)))

    assert ended.text == "The answer."
    assert len(ended.customs("lobu.compacted")) == 1

    provider.refuses = lambda _: {"error": error}
    ended = await run(assistant(settings(provider, None)), task("chat:m", turns(0)))

    assert ended.error is not None
    assert "too long for m" in ended.error.message


async def test_where_nothing_older_can_be_left_out_the_error_comes_at_once(provider: Provider) -> None:
    provider.script = [fails(400, "maximum context length is 10 tokens", "context_length_exceeded")]

    ended = await run(assistant(settings(provider, None)), task("chat:m", turns(0)))

    assert len(provider.requests) == 1
    assert ended.error is not None
    assert "too long" in ended.error.message


async def test_a_summary_that_cannot_be_had_ends_the_run_with_the_providers_error(provider: Provider) -> None:
    provider.script = [fails(401, "bad key")]

    ended = await run(assistant(settings(provider, 16_000)), task("chat:m", turns(10)))

    assert ended.error is not None
    assert "refused the API key" in ended.error.message
    assert len(provider.requests) == 1


def code(n: int) -> Call:
    return Call("run_code", json.dumps({"code": f"print('result {n}', 'x' * 9000)"}), id=f"call_{n % 2}")


async def test_a_long_turn_is_compacted_between_its_calls_and_keeps_the_request(provider: Provider) -> None:
    provider.script = [
        *(calls(code(n)) for n in range(4)),
        says("Three calls were made."),
        calls(code(4)),
        says("Done."),
    ]
    one = task("chat:m", turns(0), policy=ALLOW)

    ended = await run(assistant(settings(provider, 16_000)), one, FakeKernel())

    assert ended.text == "Done."
    (value,) = ended.customs("lobu.compacted")
    asking = sent(provider, 5)
    assert "Three calls were made." in asking
    assert "the new question" in asking
    assert "result 0" not in asking
    assert "result 3" in asking
    assert value["upTo"].removeprefix("result_") in ended.calls


async def test_a_compaction_outlives_a_pause(provider: Provider) -> None:
    provider.script = [says("In short."), calls(code(1)), says("Done.")]
    agent, kernel = assistant(settings(provider, 16_000)), FakeKernel()
    one = task("chat:m", turns(10))

    asked = await run(agent, one, kernel)
    after = await resume(agent, one, asked, kernel, "approve")

    assert after.text == "Done."
    assert len(provider.requests) == 3
    assert "In short." in sent(provider, 2)
    assert "question 0" not in sent(provider, 2)


def test_later_runs_are_told_the_newest_summary_and_what_came_after_it() -> None:
    def said(name: str, text: str) -> list[Message]:
        return [
            {"type": "TEXT_MESSAGE_START", "messageId": name, "role": "assistant"},
            {"type": "TEXT_MESSAGE_CONTENT", "messageId": name, "delta": text},
            {"type": "TEXT_MESSAGE_END", "messageId": name},
        ]

    def compacted(up_to: str, **more: Any) -> Message:
        return {**custom("lobu.compacted", {"upTo": up_to, "summary": f"until {up_to}"}), **more}

    def begun(n: int) -> Message:
        return run_started("t", f"r{n}", [{"id": f"u{n}", "role": "user", "content": f"question {n}"}])

    done = run_finished("t", "r", {"type": "success"})
    events = [
        begun(0), *said("a0", "answer 0"), done,
        begun(1), compacted("u0"), compacted("a0"), compacted("a1", subagentRunId="s"), *said("a1", "answer 1"), done,
        begun(2),
    ]  # fmt: skip

    state = fold([Entry(seq, encode(event)) for seq, event in enumerate(events, 1)])

    told = messages_of(state)
    assert [m["role"] for m in told] == ["user", "user", "assistant", "user"]
    assert "until a0" in told[0]["content"]
    assert [m["content"] for m in told[1:]] == ["question 1", "answer 1", "question 2"]
    assert "answer 0" in str(state["items"])


def test_a_history_is_cut_before_prompts_that_follow_an_answer() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages: tuple[Message, ...] = (
        {"id": "u0", "role": "user", "content": "a"},
        {"id": "a0", "role": "assistant", "content": "b"},
        {"id": "calls", "role": "assistant", "toolCalls": [call]},
        {"id": "result", "role": "tool", "toolCallId": "c", "content": "r"},
        {"id": "u1", "role": "user", "content": "after a failure"},
        {"id": "a1", "role": "assistant", "content": "c"},
        {"id": "u2", "role": "user", "content": "d"},
    )

    assert marks(messages) == [(4, "a1")]


def test_tokens_are_estimated_on_the_safe_side() -> None:
    english = ModelResponse(parts=[TextPart("The quick brown fox jumps over the lazy dog. " * 100)])
    chinese = ModelResponse(parts=[TextPart("敏捷的棕色狐狸跳过懒狗" * 100)])

    assert tokens_of([english]) > 1100
    assert tokens_of([chinese]) > 1000


def test_a_transcript_is_bounded() -> None:
    text = transcript(history(turns(50)), 10_000)

    assert len(text) < 10_200
    assert "question 0" in text
    assert "the new question" in text
