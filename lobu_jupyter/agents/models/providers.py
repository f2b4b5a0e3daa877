"""Models by name: pydantic-ai's providers with keys and addresses of the server's configuration only.

``provider:model`` names a provider of pydantic-ai, or one of ``settings["providers"]``. There ``kind`` names the
protocol: ``openai`` (chat completions of any compatible service with a ``base_url``), ``openai-responses``,
``anthropic``, ``google`` or ``ollama``. ``images: False`` marks models that see no images. ``context_window``
(tokens) is for models whose window is unknown, or smaller than it could be. Ollama's is read from its API. A provider's code is imported when one of its models is first used.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Any

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model
from pydantic_ai.providers import Provider, infer_provider
from pydantic_ai.settings import ModelSettings

from lobu_jupyter.model.ports import AgentError
from lobu_jupyter.model.runs import ErrorCode

from .keys import KEY_OF, Settings, check_allowed, default_model, key, split
from .ollama import window_of

if TYPE_CHECKING:
    from pydantic_ai.profiles import ModelProfile

PROVIDER = ErrorCode.PROVIDER_ERROR.value
OLLAMA_URL = "http://127.0.0.1:11434/v1"
DEFAULTS = ModelSettings(max_retries=0, timeout=300)
"""No retries by the client, as retry.py does them for all providers. `timeout`: seconds of silence."""

_EXTRA = {
    "openai": "openai",
    "openai-chat": "openai",
    "openai-responses": "openai",
    "ollama": "openai",
    "anthropic": "anthropic",
    "google": "google",
}


def build(settings: Settings, model: str | None) -> Model:
    """Return the model of a run. Blocks for seconds when a provider is imported for the first time.

    Raises:
        AgentError: no such model or provider, not allowed, a key or a package is missing.
    """
    name = model or default_model(settings)
    if name is None:
        variables = ", ".join(dict.fromkeys(KEY_OF.values()))
        raise AgentError(
            ErrorCode.NO_MODEL,
            "Add a model to chat for real: set default_model in the server's configuration, or one of the "
            f"environment variables {variables}; the built-in demo needs none.",
        )
    check_allowed(settings, name)
    provider, rest = split(name)
    configured: dict[str, Any] | None = (settings.get("providers") or {}).get(provider)
    try:
        if configured is None:
            found = infer_model(name, lambda kind: _provider(settings, kind, None, _key(settings, provider)))
        else:
            found = _configured(settings, provider, rest, configured)
    except ImportError as error:
        raise _missing_package(
            provider if configured is None else configured.get("kind", "openai")
        ) from error
    except UserError as error:
        raise AgentError(PROVIDER, f"The model {name} cannot be used: {error}") from error
    found._settings = {**DEFAULTS, **(found.settings or {})}  # pyright: ignore[reportPrivateUsage]
    found.profile = _profile(found.profile, configured or {})
    if found.system == "ollama" and (configured or {}).get("context_window") is None:
        _fit(found, (configured or {}).get("api_key"))
    return found


def _fit(model: Model, api_key: str | None) -> None:
    """Give the model's profile the context that its Ollama server has for it."""
    if model.base_url is not None and (window := window_of(model.base_url, model.model_name, api_key)):
        model.profile["context_window"] = window


def _profile(known: ModelProfile, entry: dict[str, Any]) -> ModelProfile:
    """Return the model's profile with the administrator's corrections."""
    profile = known.copy()
    if entry.get("images") is not None:
        profile["supports_image_input"] = bool(entry["images"])
    if entry.get("context_window") is not None:
        profile["context_window"] = int(entry["context_window"])
    return profile


def warm(settings: Settings) -> None:
    """Import the code of the default model's provider, so that the first run does not wait for it."""
    name = default_model(settings)
    module = _EXTRA.get(name.partition(":")[0]) if name else None
    if module is not None:
        with contextlib.suppress(ImportError):  # the run that needs it says what to install
            importlib.import_module(f"pydantic_ai.models.{module}")


def _configured(settings: Settings, provider: str, rest: str, entry: dict[str, Any]) -> Model:
    """Return a model of a provider that the administrator named."""
    kind = str(entry.get("kind") or "openai")
    base_url = entry.get("base_url")
    found = entry.get("api_key") or (key(settings, KEY_OF[kind]) if kind in KEY_OF and not base_url else None)
    if found is None and not base_url and kind in KEY_OF:
        raise _missing_key(provider, KEY_OF[kind])
    speaks = {"openai": "openai-chat"}.get(kind, kind)
    return infer_model(f"{speaks}:{rest}", lambda name: _provider(settings, name, base_url, found or "none"))


def _key(settings: Settings, provider: str) -> str | None:
    variable = KEY_OF.get(provider)
    if variable is None:
        return None
    found = key(settings, variable)
    if found is None:
        raise _missing_key(provider, variable)
    return found


def _provider(settings: Settings, kind: str, base_url: str | None, api_key: str | None) -> Provider[Any]:
    """Return a provider's client with the given key and address, or pydantic-ai's own choice for an unknown kind."""
    if kind in ("openai", "openai-chat", "openai-responses"):
        from pydantic_ai.providers.openai import OpenAIProvider

        return OpenAIProvider(base_url=base_url or key(settings, "OPENAI_BASE_URL"), api_key=api_key)
    if kind == "anthropic":
        from pydantic_ai.providers.anthropic import AnthropicProvider

        return AnthropicProvider(base_url=base_url or key(settings, "ANTHROPIC_BASE_URL"), api_key=api_key)
    if kind == "google":
        from pydantic_ai.providers.google import GoogleProvider

        return GoogleProvider(api_key=api_key or "", base_url=base_url)
    if kind == "ollama":
        from pydantic_ai.providers.ollama import OllamaProvider

        return OllamaProvider(
            base_url=base_url or key(settings, "OLLAMA_BASE_URL") or OLLAMA_URL,
            api_key=api_key if api_key != "none" else None,
        )
    try:
        return infer_provider(kind)
    except ValueError as error:
        raise UserError(str(error)) from error


def _missing_key(provider: str, variable: str) -> AgentError:
    return AgentError(
        ErrorCode.NO_MODEL,
        f"There is no API key for {provider}. Set the environment variable {variable} where the Jupyter "
        "server is started, or its api_key in the server's configuration, and restart the server.",
    )


def _missing_package(provider: str) -> AgentError:
    extra = _EXTRA.get(provider)
    install = f"lobu_jupyter[{extra}]" if extra else f"pydantic-ai-slim[{provider}]"
    return AgentError(
        PROVIDER,
        f"The package for {provider} models is not installed: pip install '{install}' "
        "where the Jupyter server runs, and restart the server.",
    )
