"""The same flow with real provider clients, pointed at a provider on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

import pytest

from lobu_jupyter.agents.builtin.assistant import assistant
from lobu_jupyter.agents.models.keys import USUAL_MODEL, Settings, default_model
from lobu_jupyter.agents.models.retry import Retrying
from lobu_jupyter.model.ports import AgentError, Executed, Task
from tests.agents.bench import Ended, FakeKernel, Taker, policy, resume, run, task_for
from tests.agents.models.conftest import KEY
from tests.providers import Call, Provider, Reply, calls, fails, says

ALLOW = policy(run={"mode": "allow"})
MODELS = ["chat:test-model", "responses:test-model", "anthropic:test-model"]


def task(prompt: str, model: str, **more: Any) -> Task:
    return task_for(prompt, agent="assistant", model=model, **more)


def code(text: str) -> Call:
    return Call("run_code", json.dumps({"code": text}))


@pytest.mark.parametrize("model", MODELS)
async def test_a_run_asks_calls_and_answers(model: str, provider: Provider, settings: Settings) -> None:
    provider.script = [calls(code("6 * 7"), text="I compute."), says("It is 42.")]
    kernel, agent = FakeKernel(), assistant(settings)
    first = await run(agent, task("six times seven?", model), kernel)

    after = await resume(agent, task("", model), first, kernel, "approve")

    assert (first.text, after.text) == ("I compute.", "It is 42.")
    assert kernel.ran == ["6 * 7"]
    assert first.interrupts[0].args == {"code": "6 * 7"}
    assert "42" in json.dumps(provider.requests[1].body)
    assert after.usage[0]["inputTokens"] == 11
    assert after.usage[0]["outputTokens"] == 7
    assert after.usage[0]["model"] == "test-model"


@pytest.mark.scenario("A25")
@pytest.mark.parametrize("model", MODELS)
async def test_the_key_goes_to_the_provider_and_into_no_event(
    model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [calls(code("1")), fails(401, "no")]
    agent, kernel = assistant(settings), FakeKernel()

    first = await run(agent, task("go", model), kernel)
    after = await resume(agent, task("", model), first, kernel, "approve")

    assert first.pause is not None
    assert after.error is not None
    said = json.dumps([first.events, after.events]) + first.pause.checkpoint + after.error.message
    assert KEY not in said + repr(first.interrupts)
    assert all(KEY in json.dumps(request.headers) for request in provider.requests)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (fails(401, "bad key"), "refused the API key"),
        (fails(403, "not you"), "refused the API key"),
        (fails(404, "no such model"), "doesn't have a model named"),
        (fails(429, "slow down"), "Rate limit reached for"),
        (fails(500, "oops"), "had a server error (500). Try again in a moment."),
        (fails(503, "down for a moment"), "had a server error (503)"),
        (fails(529, "overloaded"), "is overloaded (529)"),
        (fails(402, "no credit left"), "is used up"),
        (fails(422, "what is that"), "refused the request"),
        (fails(400, "too strange"), "refused the request"),
        (Reply("half of an answer that breaks off", end="cut"), "broke off"),
    ],
)
async def test_each_failure_is_an_error_that_says_what_to_do(
    reply: Reply, message: str, model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [reply]

    ended = await run(assistant(settings), task("go", model))

    assert ended.error is not None
    assert ended.error.code == "provider_error"
    assert message in ended.error.message
    assert reply.message in ended.error.message


@pytest.mark.scenario("W13")
@pytest.mark.parametrize("model", MODELS)
async def test_a_provider_that_keeps_failing_ends_the_run(
    model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [fails(429, "for ever", retry_after_ms="1")]

    ended = await asyncio.wait_for(run(assistant(settings), task("go", model)), 60)

    assert len(provider.requests) == Retrying.attempts
    assert ended.error is not None
    assert "429" in ended.error.message


@pytest.mark.scenario("W13")
@pytest.mark.parametrize("model", MODELS)
async def test_a_provider_that_keeps_its_connection_and_says_nothing_ends_the_run(
    model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [Reply("a long answer that never comes to its end", end="hang")]

    ended = await run(assistant(settings), task("go", model, limits={"silenceSeconds": 3}))

    assert ended.text
    assert ended.error is not None
    assert "did not answer in time" in ended.error.message
    assert "nothing for 3 s" in ended.error.message


@pytest.mark.scenario("W13")
async def test_a_call_may_take_longer_than_a_model(provider: Provider, settings: Settings) -> None:
    class Slow(FakeKernel):
        async def run_code(
            self, code: str, on_output: Taker, on_waiting: Taker, *, as_cell: bool = False
        ) -> Executed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 4.5)
            return Executed(ok=True)

    provider.script = [calls(code("1")), says("Done.")]
    slow = task("go", "chat:x", policy=ALLOW, limits={"silenceSeconds": 3})

    ended = await run(assistant(settings), slow, Slow())

    assert ended.text == "Done."


@pytest.mark.parametrize("model", ["chat:m", "responses:m"])
async def test_a_used_up_quota_is_not_asked_again(model: str, provider: Provider, settings: Settings) -> None:
    provider.script = [fails(429, "You exceeded your quota", "insufficient_quota")]

    ended = await run(assistant(settings), task("go", model))

    assert len(provider.requests) == 1
    assert ended.error is not None
    assert "quota" in ended.error.message
    assert "billing" in ended.error.message


@pytest.mark.parametrize("model", MODELS)
async def test_an_error_in_mid_stream_is_told(model: str, provider: Provider, settings: Settings) -> None:
    code = "overloaded_error" if model.startswith("anthropic") else "server_is_overloaded"
    provider.script = [
        Reply("half of an answer", status=529, message="too many people", code=code, in_stream=True)
    ]

    ended = await run(assistant(settings), task("go", model))

    assert ended.error is not None
    assert "overloaded" in ended.error.message
    assert "too many people" in ended.error.message


@pytest.mark.parametrize("model", ["chat:m", "anthropic:m"])
async def test_a_filtered_answer_says_so(model: str, provider: Provider, settings: Settings) -> None:
    provider.script = [Reply("", finish="content_filter")]

    ended = await run(assistant(settings), task("go", model))

    assert ended.error is not None
    assert "content filter" in ended.error.message


@pytest.mark.parametrize("model", ["chat:m", "anthropic:m"])
async def test_a_call_cut_at_the_token_limit_says_so(
    model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [Reply("", (Call("run_code", '{"code": "x'),), finish="length")]

    ended = await run(assistant(settings), task("go", model, policy=ALLOW), FakeKernel())

    assert ended.error is not None
    assert "token limit" in ended.error.message


@pytest.mark.scenario("W13")
async def test_a_wait_of_minutes_is_the_persons_to_decide(provider: Provider, settings: Settings) -> None:
    provider.script = [fails(429, "come back later", retry_after="600")]

    ended = await run(assistant(settings), task("go", "chat:x"))

    assert len(provider.requests) == 1
    assert ended.error is not None
    assert "Rate limit reached for x (429). Retry in 600 s." in ended.error.message


@pytest.mark.parametrize("model", MODELS)
async def test_what_was_seen_is_not_asked_for_again(
    model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [Reply("half of an answer that breaks off", end="cut"), says("again from the start")]

    ended = await run(assistant(settings), task("go", model))

    assert len(provider.requests) == 1
    assert "again" not in ended.text
    assert ended.text
    assert ended.error is not None


@pytest.mark.parametrize("model", MODELS)
async def test_an_answer_that_broke_off_unseen_is_asked_for_again(
    model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [Reply("", end="drop"), says("Here I am.")]

    ended = await run(assistant(settings), task("go", model))

    assert (len(provider.requests), ended.text) == (2, "Here I am.")


@pytest.mark.parametrize("model", MODELS)
async def test_a_passing_failure_is_tried_again_unseen(
    model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [fails(503, "a moment", retry_after_ms="1"), says("Here I am.")]

    ended = await run(assistant(settings), task("go", model))

    assert ended.text == "Here I am."
    assert ended.error is None


@pytest.mark.parametrize(("status", "reason"), [(429, "rate_limit"), (503, "server_error")])
async def test_a_wait_that_a_person_notices_is_told_before_the_next_try(
    status: int, reason: str, provider: Provider, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.script = [fails(status, "a moment", retry_after_ms="1"), says("Here I am.")]
    unseen = await run(assistant(settings), task("go", "chat:test-model"))
    monkeypatch.setattr("lobu_jupyter.agents.models.retry.NOTICED", 0.0)
    provider.script = [fails(status, "a moment", retry_after_ms="1"), says("Here I am.")]

    ended = await run(assistant(settings), task("go", "chat:test-model"))

    assert [e for e in unseen.events if e.get("name") == "lobu.retry"] == []
    told = [event["value"] for event in ended.events if event.get("name") == "lobu.retry"]
    assert [(value["reason"], value["seconds"]) for value in told] == [(reason, 0.001)]
    assert "trying again in 0 s." in told[0]["message"]
    assert ended.text == "Here I am."


async def test_a_wrong_key_names_its_variable(provider: Provider, settings: Settings) -> None:
    provider.script = [fails(401, "bad")]

    ended = await run(assistant(settings), task("go", "anthropic:x"))

    assert ended.error is not None
    assert "ANTHROPIC_API_KEY" in ended.error.message


@pytest.mark.parametrize("model", MODELS)
async def test_a_malformed_call_goes_back_to_the_model(
    model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [calls(Call("run_code", '{"code": ')), says("Sorry.")]
    kernel = FakeKernel()

    ended = await run(assistant(settings), task("go", model, policy=ALLOW), kernel)

    assert kernel.ran == []
    assert ended.text == "Sorry."
    assert len(ended.results) == 1


@pytest.mark.parametrize("model", MODELS)
async def test_a_model_that_only_makes_malformed_calls_is_stopped(
    model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [calls(Call("run_code", '{"cod'))]

    ended = await run(assistant(settings), task("go", model, policy=ALLOW), FakeKernel())

    assert ended.error is not None
    assert "invalid answer" in ended.error.message
    assert len(provider.requests) < 10


@pytest.mark.parametrize("model", MODELS)
async def test_closing_the_run_closes_the_connection(
    model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [Reply("a long answer that never comes to its end", end="hang")]
    events = assistant(settings).run(task("go", model), None)

    async for event in events:
        if event["type"] == "TEXT_MESSAGE_CONTENT":
            break
    await events.aclose()  # pyright: ignore[reportAttributeAccessIssue]

    assert await asyncio.to_thread(provider.closed.wait, 10)


async def test_thinking_is_reasoning(provider: Provider, settings: Settings) -> None:
    provider.script = [Reply("So.", thinking="Let me see.")]

    ended = await run(assistant(settings), task("go", "anthropic:x"))

    thought = "".join(e["delta"] for e in ended.events if e["type"] == "REASONING_MESSAGE_CONTENT")
    assert thought == "Let me see."
    assert ended.text == "So."


async def test_equal_ids_of_calls_are_told_apart(provider: Provider, settings: Settings) -> None:
    def same(text: str) -> Reply:
        return calls(Call("run_code", json.dumps({"code": text}), id="call_0"))

    provider.script = [same("1"), same("2"), same("3"), says("Done.")]
    kernel, agent = FakeKernel(), assistant(settings)
    mixed = task("go", "chat:x")

    first = await run(agent, mixed, kernel)
    second = await resume(agent, mixed, first, kernel, "approve")
    third = await resume(agent, mixed, second, kernel, "approve")
    last = await resume(agent, mixed, third, kernel, "approve")

    assert kernel.ran == ["1", "2", "3"]
    ids = {i.tool_call_id for ended in (first, second, third) for i in ended.interrupts}
    assert len(ids) == 3
    assert last.text == "Done."


# -- names, keys, addresses -------------------------------------------------------------------------


async def error_of(settings: Settings, model: str | None) -> AgentError:
    ended: Ended = await run(assistant(settings), task_for("go", agent="assistant", model=model))
    assert ended.error is not None
    assert ended.error.code in ("provider_error", "no_model")
    return ended.error


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("openai:gpt-x", "OPENAI_API_KEY"),
        ("anthropic:claude-x", "ANTHROPIC_API_KEY"),
        ("google:gemini-x", "GOOGLE_API_KEY"),
        (None, "OPENAI_API_KEY"),
    ],
)
async def test_a_missing_key_is_named(provider: Provider, model: str | None, variable: str) -> None:
    error = await error_of({}, model)

    assert variable in error.message
    assert error.code == "no_model"


@pytest.mark.parametrize(
    ("model", "message"),
    [("gpt-4", "provider:model"), ("nowhere:x", "nowhere:x"), ("openai:", "provider:model")],
)
async def test_an_unknown_model_is_named(provider: Provider, model: str, message: str) -> None:
    error = await error_of({"keys": {"OPENAI_API_KEY": KEY}}, model)

    assert message in error.message


async def test_only_allowed_models_are_used(provider: Provider, settings: Settings) -> None:
    limited = {**settings, "allowed_models": ["chat:good-*"]}

    refused = await error_of(limited, "chat:bad")
    ended = await run(assistant(limited), task("go", "chat:good-1"))

    assert "chat:good-*" in refused.message
    assert ended.text == "Hello."
    assert len(provider.requests) == 1


async def test_an_unreachable_provider_is_an_error(provider: Provider) -> None:
    entry = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "api_key": KEY}

    error = await error_of({"providers": {"gone": entry}}, "gone:x")

    assert "cannot be reached" in error.message


async def test_ollama_needs_no_key(provider: Provider) -> None:
    settings = {"providers": {"ollama": {"kind": "ollama", "base_url": f"{provider.url}/v1"}}}

    ended = await run(assistant(settings), task("go", "ollama:llama3"))

    assert ended.text == "Hello."


def test_the_usual_models_exist() -> None:
    from typing import get_args

    from pydantic_ai.models import KnownModelName

    known = get_args(KnownModelName.__value__)
    assert set(USUAL_MODEL.values()) <= set(known)
    assert default_model({"keys": {"OPENAI_API_KEY": KEY}}) == USUAL_MODEL["OPENAI_API_KEY"]
    assert default_model({"keys": {"OPENAI_API_KEY": KEY}, "allowed_models": ["ollama:*"]}) is None


# -- images, limits, filters, packages ----------------------------------------------------------------

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Painter(FakeKernel):
    """Shows a figure, whatever it is asked to run."""

    async def run_code(
        self, code: str, on_output: Taker, on_waiting: Taker, *, as_cell: bool = False
    ) -> Executed:
        await on_output({"output_type": "display_data", "data": {"image/png": PIXEL}, "metadata": {}})
        return Executed(ok=True)


def shows_an_image(model: str) -> Task:
    image = {"type": "image", "source": {"type": "data", "value": PIXEL, "mimeType": "image/png"}}
    content = [{"type": "text", "text": "what is this?"}, image]
    messages = ({"id": "m1", "role": "user", "content": content},)
    return task("", model, messages=messages, policy=ALLOW)


@pytest.mark.parametrize("model", MODELS)
async def test_the_provider_gets_the_persons_image_and_the_figures_of_a_call(
    model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [calls(code("plot()")), says("A pixel.")]

    ended = await run(assistant(settings), shows_an_image(model), Painter())

    assert ended.text == "A pixel."
    first, second = (json.dumps(request.body) for request in provider.requests)
    assert (first.count(PIXEL), second.count(PIXEL)) == (1, 2)
    assert PIXEL in json.dumps(ended.customs("lobu.output"))


async def test_a_model_that_sees_no_images_is_sent_none(provider: Provider, settings: Settings) -> None:
    settings["providers"]["chat"]["images"] = False
    provider.script = [calls(code("plot()")), says("I see nothing.")]

    ended = await run(assistant(settings), shows_an_image("chat:x"), Painter())

    sent = json.dumps([request.body for request in provider.requests])
    assert PIXEL not in sent
    assert "sees no images" in sent
    assert "image/png" in next(iter(ended.results.values()))
    assert PIXEL in json.dumps(ended.customs("lobu.output"))


async def test_a_missing_package_names_what_to_install(
    provider: Provider, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_ai.models.anthropic", None)

    error = await error_of(settings, "anthropic:x")

    assert "pip install 'lobu_jupyter[anthropic]'" in error.message


async def test_a_run_stops_at_its_limit_of_requests(provider: Provider, settings: Settings) -> None:
    provider.script = [calls(code("1"))]
    limited = task("go", "chat:x", policy=ALLOW, limits={"requests": 3})

    ended = await run(assistant(settings), limited, FakeKernel())

    assert len(provider.requests) == 3
    assert ended.error is not None
    assert "reached its limit" in ended.error.message
    assert "pydantic" not in ended.error.message
