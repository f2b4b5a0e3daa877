"""Ollama's context is what its server gives the model, and a prompt that was cut in silence is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lobu_jupyter.agents.builtin.assistant import assistant
from lobu_jupyter.agents.models.ollama import window_of
from lobu_jupyter.agents.models.providers import build
from tests.agents.bench import FakeKernel, policy, run, task_for
from tests.providers import Call, Provider, calls, says

ALLOW = policy(run={"mode": "allow"})
LOADED = {
    "models": [{"name": "other:7b", "context_length": 1}, {"name": "qwen:latest", "context_length": 4096}]
}
SHOWN = {
    "parameters": 'stop    "<|im_end|>"\nnum_ctx                        8192',
    "model_info": {"q.context_length": 131072},
}


@pytest.fixture
def provider():
    with Provider() as provider:
        yield provider


@pytest.mark.parametrize(
    ("answers", "window"),
    [
        ({"ps": LOADED, "show": SHOWN}, 4096),  # the loaded model's is what counts
        ({"ps": {"models": []}, "show": SHOWN}, 8192),
        ({"ps": {"models": [{"name": "qwen:latest"}]}, "show": {"parameters": ""}}, None),
        ({"ps": {"models": ["nonsense", None]}, "show": ["nonsense"]}, None),
        ({}, None),
    ],
)
def test_the_window_is_the_servers(answers: dict[str, Any], window: int | None, provider: Provider) -> None:
    provider.ollama = answers
    assert window_of(f"{provider.url}/v1", "qwen") == window


def test_a_server_that_is_away_tells_nothing() -> None:
    assert window_of("http://127.0.0.1:9/v1", "qwen") is None


def settings(provider: Provider, **more: Any) -> dict[str, Any]:
    entry = {"kind": "ollama", "base_url": f"{provider.url}/v1", **more}
    return {"providers": {"local": entry, "chat": {**entry, "kind": "openai", "api_key": "k"}}}


def test_the_model_of_a_run_has_that_window_unless_the_administrator_set_one(provider: Provider) -> None:
    provider.ollama = {"ps": LOADED}

    assert build(settings(provider), "local:qwen").context_window == 4096
    assert build(settings(provider, context_window=9000), "local:qwen").context_window == 9000


LONG = {"code": "x = 1  # " + "many words " * 1100}


@pytest.mark.parametrize(
    ("model", "advice"), [("local:qwen", "OLLAMA_CONTEXT_LENGTH"), ("chat:qwen", "where it is served")]
)
async def test_a_prompt_that_was_counted_too_low_twice_is_told_once(
    provider: Provider, model: str, advice: str
) -> None:
    made = [calls(Call("run_code", json.dumps(LONG))) for _ in range(4)]
    provider.script = [*made, says("Done.")]

    ended = await run(assistant(settings(provider)), task_for("go", model=model, policy=ALLOW), FakeKernel())

    (told,) = [event["value"]["message"] for event in ended.events if event.get("name") == "lobu.undercount"]
    assert ended.text == "Done."
    assert "qwen counted 11 tokens of a prompt of about" in told
    assert advice in told


async def test_a_short_prompt_or_one_low_count_says_nothing(provider: Provider) -> None:
    provider.script = [calls(Call("run_code", json.dumps(LONG))), says("Done.")]

    ended = await run(
        assistant(settings(provider)), task_for("go", model="chat:qwen", policy=ALLOW), FakeKernel()
    )

    assert "lobu.undercount" not in json.dumps(ended.events)
