"""The conversation so far, converted from AG-UI messages to pydantic-ai's messages for a model."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic_ai.messages import (
    BinaryContent,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)

from lobu_jupyter.model.budget import BUDGET_CALL

if TYPE_CHECKING:
    from collections.abc import Iterator

Message = dict[str, Any]
Prompt = str | list[UserContent]
_UNSEEN = "[an attached image is not passed on: this model sees no images]"


def split(messages: tuple[Message, ...]) -> tuple[list[ModelMessage], Prompt | None]:
    """Return the history before the last message, and that message as the prompt if it is the person's."""
    if messages and messages[-1].get("role") == "user":
        return history(messages[:-1]), user_content(messages[-1].get("content"))
    return history(messages), None


def history(messages: tuple[Message, ...]) -> list[ModelMessage]:
    """Return the model messages, without roles that no model accepts (reasoning, activity)."""
    return [made for _, made in _made(messages)]


def marks(messages: tuple[Message, ...]) -> list[tuple[int, str]]:
    """Return the places at which the history may be cut: before each prompt that follows an answer.

    A mark is the number of model messages before it, once neighbours of one kind are merged as pydantic-ai
    merges them, and the id of the AG-UI message that ends there.
    """
    found: list[tuple[int, str]] = []
    count, last, last_id = 0, None, ""
    for message, made in _made(messages):
        if message.get("role") == "user" and last is ModelResponse:
            found.append((count, last_id))
        count += type(made) is not last
        last, last_id = type(made), str(message.get("id"))
    return found


def _made(messages: tuple[Message, ...]) -> Iterator[tuple[Message, ModelMessage]]:
    """Yield each message with the model message that it becomes."""
    names: dict[str, str] = {}
    for message in messages:
        role, content = message.get("role"), message.get("content")
        if role == "user":
            yield message, ModelRequest(parts=[UserPromptPart(user_content(content))])
        elif role == "assistant":
            for made in _assistant(message, names):
                yield message, made
        elif role == "tool":
            call = str(message.get("toolCallId"))
            if call in names:  # no provider accepts a result without its call
                part = ToolReturnPart(names[call], text_of(content), tool_call_id=call)
                yield message, ModelRequest(parts=[part])
        elif role in ("system", "developer"):
            yield message, ModelRequest(parts=[SystemPromptPart(text_of(content))])


def text_of(content: Any) -> str:
    """Return the text of a message's content, which is text or parts."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if part.get("type") == "text")
    return "" if content is None else str(content)


def user_content(content: Any) -> Prompt:
    """Return a person's content: text, or text and media. A part that no model gets is named in its place."""
    if not isinstance(content, list):
        return text_of(content)
    return [_user_part(part) for part in content]


def without_images(messages: list[ModelMessage]) -> list[ModelMessage]:
    """Return the messages for a model that sees no images, with each image named in its place."""
    return [_blind(message) if isinstance(message, ModelRequest) else message for message in messages]


def blind(prompt: Prompt) -> Prompt:
    """Return a prompt for a model that sees no images."""
    if isinstance(prompt, str):
        return prompt
    return [_UNSEEN if isinstance(part, BinaryContent | ImageUrl) else part for part in prompt]


def _blind(message: ModelRequest) -> ModelRequest:
    parts = [
        replace(part, content=part.content if isinstance(part.content, str) else blind(list(part.content)))
        if isinstance(part, UserPromptPart)
        else part
        for part in message.parts
    ]
    return replace(message, parts=parts)


def _user_part(part: dict[str, Any]) -> UserContent:
    if part.get("type") == "text":
        return str(part.get("text", ""))
    source: dict[str, Any] = part.get("source") or {}
    mime = str(source.get("mimeType") or part.get("mimeType") or "")
    data = source.get("value") if source.get("type") == "data" else part.get("data")
    if data and mime.startswith("image/"):
        try:
            return BinaryContent(base64.b64decode(data, validate=True), media_type=mime)
        except binascii.Error:
            return f"[an attached {mime} could not be decoded]"
    url = source.get("value") if source.get("type") == "url" else part.get("url")
    if url and part.get("type") == "image":
        return ImageUrl(str(url))
    return f"[an attachment of type {mime or part.get('type')} is not passed on]"


def _assistant(message: Message, names: dict[str, str]) -> list[ModelMessage]:
    parts: list[TextPart | ToolCallPart] = []
    if text := text_of(message.get("content")):
        parts.append(TextPart(text))
    for call in message.get("toolCalls") or []:
        function: dict[str, Any] = call["function"]
        if function["name"] == BUDGET_CALL:
            continue  # a question of ours, not a call of the model
        names[call["id"]] = function["name"]
        parts.append(
            ToolCallPart(function["name"], _arguments(function.get("arguments")), tool_call_id=call["id"])
        )
    return [ModelResponse(parts=parts)] if parts else []


def _arguments(text: str | None) -> dict[str, Any]:
    """Return arguments as an object, because a model may have written invalid JSON, which providers refuse later."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {"invalid": text}
    return found if isinstance(found, dict) else {"invalid": text}
