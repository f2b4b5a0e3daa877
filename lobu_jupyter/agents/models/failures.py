"""Error messages for a failure of the model's provider: the cause, and the next step for the person."""

from __future__ import annotations

from typing import Any

from pydantic_ai import exceptions as ex

from lobu_jupyter.model.ports import AgentError
from lobu_jupyter.model.runs import ErrorCode

from .keys import KEY_OF

Failure = ex.AgentRunError | ex.UserError
PROVIDER = ErrorCode.PROVIDER_ERROR.value
MAX_DETAIL = 500
LLAMA_TOO_LONG = "exceed_context_size_error"


_PROVIDERS = {
    "openai": "OpenAI",
    "openai-chat": "OpenAI",
    "openai-responses": "OpenAI",
    "anthropic": "Anthropic",
    "google": "Google",
    "groq": "Groq",
    "mistral": "Mistral",
    "openrouter": "OpenRouter",
    "deepseek": "DeepSeek",
    "ollama": "Ollama",
}


def is_too_long(error: Exception) -> bool:
    """Return whether the provider found the request longer than its model's context. llama.cpp has an own word for it."""
    if isinstance(error, ex.ModelContextWindowExceededError):
        return True
    body: Any = error.body if isinstance(error, ex.ModelHTTPError) else None
    inner: Any = body.get("error", body) if isinstance(body, dict) else None
    return isinstance(inner, dict) and inner.get("type") == LLAMA_TOO_LONG


def explain(error: Failure, model: str | None) -> AgentError:
    """Return the error that ends the run, for one of pydantic-ai's. ``model``: its name in the run."""
    name = model or "the model"
    if isinstance(error, ex.ModelAPIError):
        said = _said(error, name)
        return AgentError(PROVIDER, f"{_api(error, name)} {said}" if said else _api(error, name))
    if isinstance(error, ex.UsageLimitExceeded):
        limit = str(error).partition(" Consider ")[0]  # the rest is advice to programmers
        return AgentError(PROVIDER, f"The run reached its limit: {_short(limit)} Ask again to continue.")
    if isinstance(error, ex.ContentFilterError):
        return AgentError(
            PROVIDER, f"The content filter of {name} stopped the answer. Rephrase your request."
        )
    if isinstance(error, ex.OutputTokenLimitExceeded):
        return AgentError(PROVIDER, f"{name} reached its token limit. Ask for less at once.")
    if isinstance(error, ex.UnexpectedModelBehavior):
        return AgentError(PROVIDER, f"{name} sent an invalid answer: {_short(error.message)} {_AGAIN}")
    return AgentError(PROVIDER, f"{name} cannot be used: {_short(error)}")


_AGAIN = "Try again, or use another model."


def _api(error: ex.ModelAPIError, name: str) -> str:
    """Return what went wrong and what to do, in one or two sentences."""
    status = error.status_code if isinstance(error, ex.ModelHTTPError) else None
    provider, model = _provider(name), name.partition(":")[2] or name
    if isinstance(error, ex.ModelAuthenticationError) or status in (401, 403):
        return f"{provider} refused the API key{_status(status)}. {_check_key(name)}"
    if isinstance(error, ex.ModelNotFoundError) or status == 404:
        return f"{provider} doesn't have a model named {model}{_status(status)}. Check its name and the base_url."
    if isinstance(error, ex.ModelQuotaExceededError) or status == 402:
        return f"Your {provider} quota is used up{_status(status)}. Check your plan and billing."
    if isinstance(error, ex.ModelRateLimitError) or status == 429:
        wait = f"Retry in {error.retry_after:g} s." if error.retry_after else "Try again in a moment."
        return f"Rate limit reached for {model}{_status(status)}. {wait}"
    if is_too_long(error):
        return f"This chat is too long for {model}. Start a new one."
    return _transport(error, provider, model, status)


def _transport(error: ex.ModelAPIError, provider: str, model: str, status: int | None) -> str:
    if isinstance(error, ex.ModelTimeoutError | ex.ModelRequestTimeout):
        return f"{model} did not answer in time. {_AGAIN}"
    if isinstance(error, ex.ModelConnectionError):
        if error.phase == "read" or error.in_stream:
            return f"The connection to {model} broke off in the middle of the answer. Try again."
        return f"{model} cannot be reached. Check the network and the base_url."
    if isinstance(error, ex.ModelOverloadedError) or status == 529:
        return f"{provider} is overloaded{_status(status)}. Try again in a moment, or use another model."
    if isinstance(error, ex.ModelServerError | ex.ModelUnavailableError) or (status or 0) >= 500:
        return f"{provider} had a server error{_status(status)}. Try again in a moment."
    return f"{provider} refused the request{_status(status)}. {_AGAIN}"


def _provider(name: str) -> str:
    known = name.partition(":")[0]
    return _PROVIDERS.get(known, known if ":" in name else "The provider")


def _status(status: int | None) -> str:
    return f" ({status})" if status else ""


def _check_key(name: str) -> str:
    variable = KEY_OF.get(name.partition(":")[0])
    where = f"the environment variable {variable}" if variable else "its key"
    return f"Check {where} on the server."


def _said(error: ex.ModelAPIError, name: str) -> str:
    """Return the provider's own message as a sentence, if it is readable."""
    provider = _provider(name)
    body: Any = error.body
    if isinstance(body, dict):
        inner: Any = body.get("error")
        found = inner.get("message") if isinstance(inner, dict) else body.get("message") or inner
        found = found or _validators(body.get("detail"))
        return f"{provider} said: {_short(found)}" if found else ""
    if isinstance(body, str) and body.strip() and not body.lstrip().startswith("<"):
        return f"{provider} said: {_short(body)}"
    return "" if isinstance(error, ex.ModelHTTPError) else f"({_short(error.message)})"


def _validators(detail: Any) -> str:
    """Return the messages of a validator, as services built on FastAPI send them."""
    if isinstance(detail, str):
        return detail
    if not isinstance(detail, list):
        return ""
    items: list[Any] = detail
    return "; ".join(str(item["msg"]) for item in items if isinstance(item, dict) and "msg" in item)


def said_by(error: Exception) -> str:
    """Return the provider's own message, with a space before it, or an empty text."""
    said = _said(error, "") if isinstance(error, ex.ModelAPIError) else ""
    return f" {said}" if said else ""


def _short(text: object) -> str:
    """Return one bounded line that ends as a sentence."""
    line = " ".join(str(text).split())
    line = line if len(line) <= MAX_DETAIL else line[:MAX_DETAIL] + "…"
    return line if line.endswith((".", "!", "?", "…")) else line + "."
