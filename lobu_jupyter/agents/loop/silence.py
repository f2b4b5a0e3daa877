"""A limit for a model's silence, because a provider may keep its connection open, even busy, and send no news."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic_ai.exceptions import ModelTimeoutError
from pydantic_ai.messages import (
    FinalResultEvent,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from pydantic_ai.messages import AgentStreamEvent

SILENCE_SECONDS = 300
_OF_A_MODEL = (PartStartEvent, PartDeltaEvent, PartEndEvent, FinalResultEvent)


async def progressing(
    events: AsyncIterable[AgentStreamEvent], limit: float, model: str
) -> AsyncIterator[AgentStreamEvent]:
    """Yield the events of a response, or of the calls that it makes. Only calls may take unlimited time.

    Raises:
        ModelTimeoutError: the response had no news for `limit` seconds.
    """
    iterator = aiter(events)
    waits_for_model = True  # a call's first event comes at once, when it begins
    while True:
        try:
            async with asyncio.timeout(limit if waits_for_model else None):
                event = await anext(iterator)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            message = f"It kept the connection but said nothing for {limit:g} s."
            raise ModelTimeoutError(model_name=model, message=message) from error
        waits_for_model = isinstance(event, _OF_A_MODEL)
        yield event
