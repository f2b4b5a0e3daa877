"""What the agents without a model read off the history: the prompt, and what was done for it so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ToolReturnPart, UserPromptPart


@dataclass
class Turn:
    """The work since the last prompt. ``batches``: responses with calls; ``results``: (tool, text) in order."""

    prompt: str = ""
    batches: int = 0
    results: list[tuple[str, str]] = field(default_factory=list)


def turn_of(messages: list[ModelMessage]) -> Turn:
    """The last prompt's turn; figures that the loop appends to results are no prompt."""
    turn = Turn()
    for message in messages:
        if isinstance(message, ModelResponse):
            turn.batches += bool(message.tool_calls)
        else:
            turn = _request(message, turn)
    return turn


def _request(message: ModelRequest, turn: Turn) -> Turn:
    returns = [part for part in message.parts if isinstance(part, ToolReturnPart)]
    prompts = [part for part in message.parts if isinstance(part, UserPromptPart)]
    if prompts and not returns:
        content = prompts[-1].content
        texts = [content] if isinstance(content, str) else [part for part in content if isinstance(part, str)]
        return Turn("\n".join(texts))
    for part in returns:
        turn.results.append((part.tool_name, part.model_response_str(wrap_if_error=False)))
    return turn
