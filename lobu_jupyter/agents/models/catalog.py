"""The model providers that are known by name: their protocol, address, key and package."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

from lobu_jupyter.model.model_settings import MAX_TOKENS

Kind = Literal["openai", "openai-responses", "anthropic", "google", "ollama"]


class Provider(NamedTuple):
    """A provider. ``url``: its address, with the version if its protocol is OpenAI's. ``variable``: of its key."""

    label: str
    kind: Kind
    url: str
    variable: str | None = None


PROVIDERS = {
    "anthropic": Provider("Anthropic", "anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY"),
    "openai": Provider("OpenAI", "openai-responses", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    "google": Provider(
        "Google Gemini", "google", "https://generativelanguage.googleapis.com", "GOOGLE_API_KEY"
    ),
    "mistral": Provider("Mistral", "openai", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "groq": Provider("Groq", "openai", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "deepseek": Provider("DeepSeek", "openai", "https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    "openrouter": Provider("OpenRouter", "openai", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "ollama": Provider("Ollama", "ollama", "http://127.0.0.1:11434/v1"),
}

_MODULE_OF = {"anthropic": "anthropic", "google": "google.genai"}
_EXTRA_OF = {"anthropic": "anthropic", "google": "google"}


def missing_package(kind: str) -> str | None:
    """Return the package to install for this protocol, or None if it is there. Imports no provider."""
    try:
        found = find_spec(_MODULE_OF.get(kind, "openai"))
    except ImportError:
        found = None
    return None if found is not None else f"lobu_jupyter[{_EXTRA_OF.get(kind, 'openai')}]"


_EFFORTS = ("low", "medium", "high")
_OPENAI_THINKS = re.compile(r"(o\d|gpt-[5-9])(?!.*chat)")
_GEMINI_THINKS = re.compile(r"gemini-(?!1\.|2\.0)")
_CLAUDE_COLD = re.compile(r"claude-(fable|mythos)|claude-opus-4-[78]|claude-(opus|sonnet)-5|claude-haiku-5-5")


def takes(kind: str, model: str) -> dict[str, Any]:
    """Return the settings that a model takes, with the most of a number or the choices.

    The rules are those of pydantic-ai's profiles, which only workers import (tests/agents/models/test_catalog.py).
    """
    settings: dict[str, Any] = {"maxTokens": MAX_TOKENS}
    if kind == "anthropic":
        settings["effort"] = _EFFORTS
        if not _CLAUDE_COLD.match(model):
            settings["temperature"] = 1
    elif kind == "google":
        settings["temperature"] = 2
        if _GEMINI_THINKS.match(model):
            settings["effort"] = _EFFORTS
    elif _OPENAI_THINKS.match(model):
        settings["effort"] = _EFFORTS
    else:
        settings["temperature"] = 2
    return settings
