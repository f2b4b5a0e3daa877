"""Keys and names of models, from the configuration, without importing any provider.

Keys come from the server's settings or this process's environment, never from a request. Only a provider's
client gets a key.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from typing import Any

from lobu_jupyter.model.environment import inherited
from lobu_jupyter.model.ports import AgentError
from lobu_jupyter.model.redaction import Redactor

Settings = dict[str, Any]

KEY_OF = {
    "openai": "OPENAI_API_KEY",
    "openai-chat": "OPENAI_API_KEY",
    "openai-responses": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "google": "GOOGLE_API_KEY",
    "groq": "GROQ_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
}
"""The environment variable of each provider's key. Ollama needs none."""

_ALIASES = {"GOOGLE_API_KEY": "GEMINI_API_KEY"}

USUAL_MODEL = {
    "ANTHROPIC_API_KEY": "anthropic:claude-sonnet-4-6",
    "OPENAI_API_KEY": "openai:gpt-5.6-sol",
    "GOOGLE_API_KEY": "google:gemini-3.8-flash",
}
"""The model to use if a key is found and no model is configured."""


def key(settings: Settings, variable: str) -> str | None:
    """Return the value of a key's variable, from the settings first, then the environment."""
    keys: dict[str, str] = settings.get("keys") or {}
    for name in (variable, _ALIASES.get(variable, variable)):
        if found := keys.get(name) or os.environ.get(name):
            return found
    return None


def split(model: str) -> tuple[str, str]:
    """Split ``"openai:gpt-…"`` into provider and name.

    Raises:
        AgentError: it has no provider.
    """
    provider, colon, name = model.partition(":")
    if not colon or not provider or not name:
        raise AgentError(
            "provider_error",
            f"{model!r} is no model name; write provider:model, as in openai:gpt-… or ollama:llama3.",
        )
    return provider, name


def default_model(settings: Settings) -> str | None:
    """Return the model of a run that names none: the configured one, else the usual one of the first key found."""
    configured = settings.get("default_model")
    if configured:
        return str(configured)
    if settings.get("replay"):
        return "recording"
    for variable, model in USUAL_MODEL.items():
        if key(settings, variable) and is_allowed(settings, model):
            return model
    return None


def is_allowed(settings: Settings, model: str) -> bool:
    """Return True if the administrator's list (globs, anchored, empty for all) has the model."""
    allowed: list[str] = settings.get("allowed_models") or []
    return not allowed or any(fnmatchcase(model, pattern) for pattern in allowed)


def check_allowed(settings: Settings, model: str) -> None:
    """Refuse a model that the administrator did not list.

    Raises:
        AgentError: naming the models that may be used.
    """
    if not is_allowed(settings, model):
        listed = ", ".join(settings["allowed_models"])
        raise AgentError("provider_error", f"The model {model} is not allowed on this server; use {listed}.")


def inheriting(settings: Settings, config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of a program with the variables that all of them inherit."""
    everywhere: list[str] = settings.get("agent_variables") or []
    return {**config, "inherit": [*inherited(config), *everywhere]} if everywhere else config


def redactor_of(settings: Settings) -> Redactor:
    """Return the redactor of this worker, made once from its settings. Kernels' keys are added later."""
    known = settings.get("redactor")
    if isinstance(known, Redactor):
        return known
    redactor = settings["redactor"] = Redactor(
        [
            *(settings.get("secrets") or []),
            *(settings.get("keys") or {}).values(),
            *(str(p["api_key"]) for p in (settings.get("providers") or {}).values() if p.get("api_key")),
        ]
    )
    return redactor
