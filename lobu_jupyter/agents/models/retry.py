"""Retries of a provider's passing failures, a few times, while no part of the answer was seen yet.

Once a person has seen the beginning of an answer, it cannot be taken back, so a later failure ends the run. The
waits grow, and follow what the provider asks for, up to a limit. A wait that a person notices is told.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic_ai import exceptions as ex
from pydantic_ai.capabilities import AbstractCapability

from lobu_jupyter.model.events import custom

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic_ai import RunContext
    from pydantic_ai.models import ModelRequestContext

    from lobu_jupyter.model.events import Event

_PASSING = (
    ex.ModelRateLimitError,
    ex.ModelUnavailableError,
    ex.ModelServerError,
    ex.ModelConnectionError,
)
_PASSING_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
NOTICED = 1.0  # seconds


@dataclass
class Retrying(AbstractCapability[None]):
    """At most `attempts` per request. Waits begin with `first` seconds and double each time, up to `longest`.

    ``tell`` gets a ``lobu.retry`` event before each wait of at least `NOTICED` seconds.
    """

    attempts: int = 4
    first: float = 0.5
    longest: float = 20.0
    tell: Callable[[Event], Awaitable[None]] | None = None

    async def on_model_request_error(
        self, ctx: RunContext[Any], *, request_context: ModelRequestContext, error: Exception
    ) -> NoReturn:
        if request_context.attempt >= self.attempts or not is_passing(error):
            raise error
        asked = error.retry_after if isinstance(error, ex.ModelAPIError) else None
        if asked is not None and asked > self.longest:
            raise error  # an earlier retry is useless, and the person had better know
        seconds = asked if asked is not None else self._wait(request_context.attempt)
        if self.tell is not None and seconds >= NOTICED:
            await self.tell(_event(error, seconds))
        await asyncio.sleep(seconds)
        raise ex.RetryModelRequest from error

    def _wait(self, attempt: int) -> float:
        return min(self.first * 2 ** (attempt - 1), self.longest) * random.uniform(0.75, 1.25)


def is_passing(error: Exception) -> bool:
    """Return True if the same request may succeed a little later."""
    if isinstance(error, ex.ModelQuotaExceededError):
        return False
    return isinstance(error, _PASSING) or _status(error) in _PASSING_STATUS


def _event(error: Exception, seconds: float) -> Event:
    """Return the event that says why, and for how long, the next try is put off."""
    limited = isinstance(error, ex.ModelRateLimitError) or _status(error) == 429
    offline = isinstance(error, ex.ModelConnectionError)
    reason = "rate_limit" if limited else "connection" if offline else "server_error"
    said = {"rate_limit": "Rate limited", "connection": "No connection to the model"}
    words = f"{said.get(reason, 'The model is not available')}, trying again in {seconds:.0f} s."
    return custom("lobu.retry", {"reason": reason, "seconds": seconds, "message": words})


def _status(error: Exception) -> int | None:
    return error.status_code if isinstance(error, ex.ModelHTTPError) else None
