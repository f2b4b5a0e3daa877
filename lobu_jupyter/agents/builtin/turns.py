"""The history as the agents without a model read it: the prompts, and the work done for the last one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Turn:
    """The work since the last prompt, the `number`-th of the thread.

    ``batches``: the number of responses with calls. ``results``: (tool, text) in order.
    """

    prompt: str = ""
    number: int = 0
    batches: int = 0
    results: list[tuple[str, str]] = field(default_factory=list)


def turn_of(messages: list[ModelMessage]) -> Turn:
    """Return the last prompt's turn. These agents get no images, so every user part is a prompt."""
    turn = Turn()
    for message in messages:
        if isinstance(message, ModelResponse):
            turn.batches += bool(message.tool_calls)
        else:
            turn = _request(message, turn)
    return turn


def _request(message: ModelRequest, turn: Turn) -> Turn:
    for part in message.parts:
        if isinstance(part, ToolReturnPart):
            turn.results.append((part.tool_name, part.model_response_str(wrap_if_error=False)))
        elif isinstance(part, UserPromptPart):
            turn = Turn(_text(part.content), turn.number + 1)
    return turn


def _text(content: str | Sequence[UserContent]) -> str:
    return (
        content if isinstance(content, str) else "\n".join(part for part in content if isinstance(part, str))
    )
