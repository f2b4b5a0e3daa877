"""Retries of a provider's passing failures, a few times, while no part of the answer was seen yet.

Once a person has seen the beginning of an answer, it cannot be taken back, so a later failure ends the run. The
waits grow, and follow what the provider asks for, up to a limit.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic_ai import exceptions as ex
from pydantic_ai.capabilities import AbstractCapability

if TYPE_CHECKING:
    from pydantic_ai import RunContext
    from pydantic_ai.models import ModelRequestContext

_PASSING = (
    ex.ModelRateLimitError,
    ex.ModelUnavailableError,
    ex.ModelServerError,
    ex.ModelConnectionError,
)
_PASSING_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504, 529})


@dataclass
class Retrying(AbstractCapability[None]):
    """At most `attempts` per request. Waits begin with `first` seconds and double each time, up to `longest`."""

    attempts: int = 4
    first: float = 0.5
    longest: float = 20.0

    async def on_model_request_error(
        self, ctx: RunContext[Any], *, request_context: ModelRequestContext, error: Exception
    ) -> NoReturn:
        if request_context.attempt >= self.attempts or not is_passing(error):
            raise error
        asked = error.retry_after if isinstance(error, ex.ModelAPIError) else None
        if asked is not None and asked > self.longest:
            raise error  # an earlier retry is useless, and the person had better know
        await asyncio.sleep(asked if asked is not None else self._wait(request_context.attempt))
        raise ex.RetryModelRequest from error

    def _wait(self, attempt: int) -> float:
        return min(self.first * 2 ** (attempt - 1), self.longest) * random.uniform(0.75, 1.25)


def is_passing(error: Exception) -> bool:
    """Return True if the same request may succeed a little later."""
    if isinstance(error, ex.ModelQuotaExceededError):
        return False
    return isinstance(error, _PASSING) or (
        isinstance(error, ex.ModelHTTPError) and error.status_code in _PASSING_STATUS
    )
