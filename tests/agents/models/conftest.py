"""A provider on loopback, and settings with which the assistant reaches it by three protocols."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from lobu_jupyter.agents.builtin import assistant as assistants
from lobu_jupyter.agents.models.keys import Settings
from lobu_jupyter.agents.models.retry import Retrying
from tests.providers import Provider

KEY = "sk-secret-0123456789"


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(assistants, "Retrying", partial(Retrying, first=0.001))
    with Provider() as provider:
        yield provider


@pytest.fixture
def settings(provider: Provider) -> Settings:
    return {
        "providers": {
            "chat": {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": KEY},
            "responses": {"kind": "openai-responses", "base_url": f"{provider.url}/v1", "api_key": KEY},
        },
        "keys": {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": provider.url},
    }
