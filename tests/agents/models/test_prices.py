"""Prices of answers: known ones from the kept list, by the address that answered; others are not guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.usage import RequestUsage

from lobu_jupyter.agents.builtin.assistant import assistant
from lobu_jupyter.agents.models.keys import Settings
from lobu_jupyter.agents.models.prices import price_of
from tests.agents.bench import run, task_for
from tests.providers import Provider, says

OPENAI = "https://api.openai.com/v1/"


def answer(model: str | None, url: str | None, **used: int) -> ModelResponse:
    usage = RequestUsage(**(used or {"input_tokens": 1000, "output_tokens": 100}))
    return ModelResponse(parts=[TextPart("x")], usage=usage, model_name=model, provider_url=url)


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("gpt-4o", OPENAI),
        ("claude-sonnet-4-6", "https://api.anthropic.com"),
        ("gemini-2.5-flash", "https://generativelanguage.googleapis.com/"),
        ("openai/gpt-4o", "https://openrouter.ai/api/v1"),
    ],
)
def test_a_known_models_answer_has_a_price_that_grows_with_its_tokens(model: str, url: str) -> None:
    small, large = price_of(answer(model, url)), price_of(answer(model, url, input_tokens=100_000))

    assert small is not None
    assert large is not None
    assert Decimal(0) < small < large


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("a-model-of-mine", OPENAI),
        ("gpt-4o", "http://127.0.0.1:11434/v1"),
        ("gpt-4o", "https://gateway.example/api.openai.com/v1"),
        ("gpt-4o", None),
        (None, OPENAI),
    ],
)
def test_another_price_is_not_guessed(model: str | None, url: str | None) -> None:
    assert price_of(answer(model, url)) is None


@pytest.mark.parametrize("model", ["chat:other", "responses:other", "anthropic:other"])
async def test_the_usage_names_the_model_that_answered_and_no_price_that_is_not_known(
    model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [says("Yes.")]

    ended = await run(assistant(settings), task_for("go", agent="assistant", model=model))

    (usage,) = ended.usage
    assert usage["model"] == "test-model"  # as the provider says, not as it was asked for
    assert "cost" not in usage.get("metadata", {})


async def test_the_price_of_a_run_is_in_its_usage(
    provider: Provider, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = iter([Decimal("0.002"), Decimal("0.0005"), None])
    monkeypatch.setattr("lobu_jupyter.agents.loop.answers.price_of", lambda _: next(prices))
    provider.script = [says("Yes.")]
    agent = assistant(settings)

    ended = [await run(agent, task_for("go", agent="assistant", model="chat:m")) for _ in range(3)]

    assert [e.usage[0].get("metadata", {}).get("cost") for e in ended] == [0.002, 0.0005, None]
