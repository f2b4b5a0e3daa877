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


def explain(error: Failure, model: str | None) -> AgentError:
    """Return the error that ends the run, for one of pydantic-ai's. ``model``: its name in the run."""
    name = model or "the model"
    if isinstance(error, ex.ModelAPIError):
        return AgentError(PROVIDER, _api(error, name))
    if isinstance(error, ex.UsageLimitExceeded):
        limit = str(error).partition(" Consider ")[0]  # the rest is advice to programmers
        return AgentError(
            PROVIDER, f"The run reached its limit and was stopped: {_short(limit)} Ask again to go on."
        )
    if isinstance(error, ex.ContentFilterError):
        return AgentError(
            PROVIDER, f"The content filter of {name} stopped the answer. Put the request differently."
        )
    if isinstance(error, ex.OutputTokenLimitExceeded):
        return AgentError(PROVIDER, f"The answer of {name} was cut at its token limit. Ask for less at once.")
    if isinstance(error, ex.UnexpectedModelBehavior):
        return AgentError(
            PROVIDER, f"{name} gave an answer that cannot be used: {_short(error.message)} {_AGAIN}"
        )
    return AgentError(PROVIDER, f"{name} cannot be used: {_short(error)}")


_AGAIN = "Ask again, or use another model."


def _api(error: ex.ModelAPIError, name: str) -> str:
    status = error.status_code if isinstance(error, ex.ModelHTTPError) else None
    detail = _detail(error)
    if isinstance(error, ex.ModelAuthenticationError) or status in (401, 403):
        return f"The provider refused the key for {name}{_status(status)}.{detail} {_check_key(name)}"
    if isinstance(error, ex.ModelNotFoundError) or status == 404:
        return (
            f"The provider knows no {name}{_status(status)}.{detail} Check the model's name and the base_url."
        )
    if isinstance(error, ex.ModelQuotaExceededError) or status == 402:
        return (
            f"The account's quota for {name} is used up{_status(status)}.{detail} Check its plan and billing."
        )
    if isinstance(error, ex.ModelRateLimitError) or status == 429:
        wait = f" It asked to wait {error.retry_after:g} s." if error.retry_after else ""
        return f"The provider limits the rate of requests to {name}{_status(status)}.{detail}{wait} Ask again later."
    if isinstance(error, ex.ModelContextWindowExceededError):
        return f"The conversation is too long for {name}.{detail} Start a new thread."
    return _transport(error, name, status, detail)


def _transport(error: ex.ModelAPIError, name: str, status: int | None, detail: str) -> str:
    if isinstance(error, ex.ModelTimeoutError | ex.ModelRequestTimeout):
        return f"{name} did not answer in time.{detail} {_AGAIN}"
    if isinstance(error, ex.ModelConnectionError):
        if error.phase == "read" or error.in_stream:
            return (
                f"The connection to {name} broke off in the middle of the answer.{detail} Ask again to go on."
            )
        return f"{name} cannot be reached.{detail} Check the network and the base_url."
    if isinstance(error, ex.ModelOverloadedError) or status == 529:
        return f"The provider of {name} is overloaded{_status(status)}.{detail} Ask again later, or use another model."
    if isinstance(error, ex.ModelServerError | ex.ModelUnavailableError) or (status or 0) >= 500:
        return f"The provider of {name} has a fault of its own{_status(status)}.{detail} Ask again later."
    return f"The provider refused the request to {name}{_status(status)}.{detail} {_AGAIN}"


def _status(status: int | None) -> str:
    return f" (HTTP {status})" if status else ""


def _check_key(name: str) -> str:
    variable = KEY_OF.get(name.partition(":")[0])
    where = f"the environment variable {variable}" if variable else "its key"
    return f"Check {where} on the server."


def _detail(error: ex.ModelAPIError) -> str:
    """Return the provider's own message, if it is readable."""
    body: Any = error.body
    if isinstance(body, dict):
        inner: Any = body.get("error")
        found = inner.get("message") if isinstance(inner, dict) else body.get("message") or inner
        found = found or _validators(body.get("detail"))
        return f" It said: {_short(found)}" if found else ""
    if isinstance(body, str) and body.strip() and not body.lstrip().startswith("<"):
        return f" It said: {_short(body)}"
    return "" if isinstance(error, ex.ModelHTTPError) else f" ({_short(error.message)})"


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
    return _detail(error) if isinstance(error, ex.ModelAPIError) else ""


def _short(text: object) -> str:
    """Return one bounded line that ends as a sentence."""
    line = " ".join(str(text).split())
    line = line if len(line) <= MAX_DETAIL else line[:MAX_DETAIL] + "…"
    return line if line.endswith((".", "!", "?", "…")) else line + "."
