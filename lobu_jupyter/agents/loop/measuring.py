"""The size of messages in a model's context, and messages as plain text to be summarised.

Tokens are estimated on the safe side, without any provider's tokenizer: one for every three bytes of UTF-8.
English then counts a third too much and Chinese about right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from lobu_jupyter.agents.tools.outputs import FIGURES
from lobu_jupyter.model.text import shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_ai.models import ModelRequestParameters

BYTES_PER_TOKEN = 3
TOKENS_PER_IMAGE = 1600
TOKENS_PER_PART = 8
MAX_TEXT, MAX_RESULT = 6000, 2000  # characters of one part in a transcript


def tokens_of(messages: Iterable[ModelMessage]) -> int:
    """Return the size of the messages, in tokens."""
    return sum(_tokens(part) for message in messages for part in message.parts)


def tokens_around(parameters: ModelRequestParameters) -> int:
    """Return the size of instructions and tools beside the messages, in tokens."""
    said = [part.content for part in parameters.instruction_parts or []]
    for tool in parameters.function_tools:
        said += [tool.name, tool.description or "", _json(tool.parameters_json_schema)]
    return sum(map(_of_text, said))


def transcript(messages: Iterable[ModelMessage], limit: int) -> str:
    """Return the messages as text of at most about `limit` characters, each part shortened."""
    lines = [line for message in messages for part in message.parts if (line := _line(part))]
    return shorten("\n\n".join(lines), limit)


def prompt_of(messages: Iterable[ModelMessage]) -> str:
    """Return the text of the person's last message in `messages`."""
    found = ""
    for message in messages:
        for part in message.parts if isinstance(message, ModelRequest) else ():
            if isinstance(part, UserPromptPart) and not _text(part.content).startswith(FIGURES):
                found = _text(part.content)
    return found


def _tokens(part: Any) -> int:
    content = getattr(part, "content", None)
    if isinstance(part, ToolCallPart):
        return TOKENS_PER_PART + _of_text(part.tool_name) + _of_text(part.args_as_json_str())
    if isinstance(content, str):
        return TOKENS_PER_PART + _of_text(content)
    if isinstance(part, UserPromptPart):
        return TOKENS_PER_PART + sum(
            _of_text(item) if isinstance(item, str) else TOKENS_PER_IMAGE for item in part.content
        )
    return TOKENS_PER_PART + _of_text(_json(content))


def _of_text(text: str) -> int:
    return len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


def _line(part: Any) -> str:
    if isinstance(part, UserPromptPart):
        return f"Person: {shorten(_text(part.content), MAX_TEXT)}"
    if isinstance(part, TextPart):
        return f"Assistant: {shorten(part.content, MAX_TEXT)}"
    if isinstance(part, ToolCallPart):
        return f"Assistant calls {part.tool_name}: {shorten(part.args_as_json_str(), MAX_RESULT)}"
    if isinstance(part, ToolReturnPart):
        result = part.model_response_str(wrap_if_error=False)
        return f"{part.tool_name} returns: {shorten(result, MAX_RESULT)}"
    if isinstance(part, SystemPromptPart):
        return f"Instruction: {shorten(part.content, MAX_TEXT)}"
    return "" if isinstance(part, ThinkingPart) else f"[{getattr(part, 'part_kind', 'something')}]"


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(item if isinstance(item, str) else "[an image]" for item in content)
