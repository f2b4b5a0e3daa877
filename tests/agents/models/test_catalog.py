"""The short rules about models agree with the profiles of pydantic-ai, which only workers import."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic_ai.models import KnownModelName

from lobu_jupyter.agents.builtin.assistant import assistant
from lobu_jupyter.agents.models.catalog import PROVIDERS, takes
from lobu_jupyter.agents.models.keys import KEY_OF, Settings
from lobu_jupyter.agents.models.providers import build
from lobu_jupyter.model.model_settings import ModelSettings
from tests.agents.bench import run, task_for
from tests.providers import Provider, says

KNOWN = [
    name
    for name in get_args(getattr(KnownModelName, "__value__", KnownModelName))
    if name.partition(":")[0] in ("openai", "anthropic", "google") and "image" not in name
]
MORE = ["openai:gpt-4o", "openai:gpt-4.1", "openai:gpt-5", "openai:gpt-5-chat-latest", "openai:o3"]
OLDER = ["anthropic:claude-3-5-haiku-latest", "google:gemini-2.0-flash", "google:gemini-2.5-pro"]


def test_there_are_models_to_compare() -> None:
    assert len(KNOWN) > 15


@pytest.mark.parametrize("model", [*KNOWN, *MORE, *OLDER])
def test_what_a_model_takes_is_what_its_profile_says(model: str) -> None:
    provider, _, name = model.partition(":")
    profile = build({"keys": {KEY_OF[provider]: "sk-0123456789"}}, model).profile
    always = provider == "openai" and profile.get("thinking_enabled_by_default", False)
    cold = always or profile.get("anthropic_disallows_sampling_settings", False)

    found = takes(PROVIDERS[provider].kind, name)

    assert ("effort" in found) == profile.get("supports_thinking", False)
    assert ("temperature" in found) == (not cold)


@pytest.mark.parametrize(
    ("model", "settings", "sent"),
    [
        ("chat:m", ModelSettings(temperature=0.25, max_tokens=77), {"temperature": 0.25, "max_completion_tokens": 77}),
        ("chat:gpt-5", ModelSettings(effort="low"), {"reasoning_effort": "low"}),
        ("responses:gpt-5", ModelSettings(effort="high", max_tokens=500), {"reasoning": {"effort": "high"}}),
        ("anthropic:claude-sonnet-4-6", ModelSettings(temperature=0.5, max_tokens=99), {"temperature": 0.5, "max_tokens": 99}),
    ],
)  # fmt: skip
async def test_the_settings_of_a_run_are_in_its_request(
    model: str, settings: ModelSettings, sent: dict[str, Any], provider: Provider
) -> None:
    provider.script = [says("Yes.")]
    urls = {"base_url": f"{provider.url}/v1", "api_key": "sk-0123456789"}
    known: Settings = {
        "providers": {"chat": {"kind": "openai", **urls}, "responses": {"kind": "openai-responses", **urls}},
        "keys": {"ANTHROPIC_API_KEY": "sk-0123456789", "ANTHROPIC_BASE_URL": provider.url},
    }

    ended = await run(
        assistant(known), task_for("go", agent="assistant", model=model, model_settings=settings)
    )

    assert ended.error is None, ended.error
    body = provider.requests[0].body
    for name, value in sent.items():
        found = body[name]
        assert (found["effort"] if isinstance(found, dict) else found) == (
            value["effort"] if isinstance(value, dict) else value
        ), body
