"""A watch for providers that cut the prompt in silence: they count far fewer tokens than were sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import UserPromptPart

from .measuring import TOKENS_PER_IMAGE, tokens_around, tokens_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pydantic_ai import RunContext
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import ModelRequestContext

PART = 0.4
"""Of the estimate, which is a third too high for English. What is counted below it was cut."""
LEAST = 3000  # tokens; below it an estimate says too little
TIMES = 2  # answers in a row


@dataclass
class Undercounting(AbstractCapability[None]):
    """A capability that tells the person once, after two answers in a row that saw only a part of the prompt."""

    tell: Callable[[str, str], Awaitable[None]]
    _low: int = field(default=0, init=False)

    async def after_model_request(
        self, ctx: RunContext[Any], *, request_context: ModelRequestContext, response: ModelResponse
    ) -> ModelResponse:
        counted = response.usage.input_tokens
        sent = _texts(request_context.messages) + tokens_around(request_context.model_request_parameters)
        cut = 0 < counted < sent * PART and sent > LEAST
        self._low = self._low + 1 if cut else 0
        if self._low == TIMES:
            await self.tell("lobu.undercount", _message(request_context, counted, sent))
        return response


def _texts(messages: Sequence[ModelMessage]) -> int:
    """Return the size of the messages without their images, whose counts differ too much between models."""
    contents = [p.content for m in messages for p in m.parts if isinstance(p, UserPromptPart)]
    images = sum(not isinstance(item, str) for content in contents for item in content)
    return tokens_of(messages) - images * TOKENS_PER_IMAGE


def _message(request_context: ModelRequestContext, counted: int, sent: int) -> str:
    model = request_context.model
    how = (
        "Set OLLAMA_CONTEXT_LENGTH where Ollama starts, or `PARAMETER num_ctx` in the model's Modelfile."
        if model.system == "ollama"
        else "Give the model a larger context where it is served."
    )
    return (
        f"{model.model_name} counted {counted:,} tokens of a prompt of about {sent:,}, twice in a row. It probably "
        f"does not see the beginning of this chat. {how} Or set context_window of its provider to what it "
        "has, so that older messages are summarized in time."
    )
