"""A provider on loopback, and settings with which the assistant reaches it by three protocols."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lobu_jupyter.agents.models.keys import Settings
from tests.providers import Provider, the_only_provider

KEY = "sk-secret-0123456789"


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    with the_only_provider(monkeypatch) as provider:
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
