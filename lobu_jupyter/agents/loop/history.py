"""The conversation so far, converted from AG-UI messages to pydantic-ai's messages for a model."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import replace
from hashlib import sha256
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
    repair_messages,
)

from lobu_jupyter.model.budget import BUDGET_CALL

if TYPE_CHECKING:
    from collections.abc import Iterator

Message = dict[str, Any]
Prompt = str | list[UserContent]
_UNSEEN = "[an attached image is not passed on: this model sees no images]"
_BEGUN = "[This chat begins with your message.]"
_ID = re.compile(r"[a-zA-Z0-9_-]{1,40}")  # of a call, as every provider takes it


def split(messages: tuple[Message, ...]) -> tuple[list[ModelMessage], Prompt | None]:
    """Return the history before the last message, and that message as the prompt if it is the person's."""
    if messages and messages[-1].get("role") == "user":
        # a call without a result gets one, because no prompt may follow it
        return repair_messages(history(messages[:-1])), user_content(messages[-1].get("content"))
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
    calls, begun = _Calls(), False
    for message in messages:
        role, content = message.get("role"), message.get("content")
        if role == "user":
            begun = True
            yield message, ModelRequest(parts=[UserPromptPart(user_content(content))])
        elif role == "assistant":
            for made in _assistant(message, calls):
                if not begun:  # some providers accept no chat that the model begins
                    yield message, ModelRequest(parts=[UserPromptPart(_BEGUN)])
                begun = True
                yield message, made
        elif role == "tool":
            call = calls.answer(str(message.get("toolCallId")))
            if call is not None:  # no provider accepts a result without its call, or a second one
                part = ToolReturnPart(call[0], text_of(content), tool_call_id=call[1])
                yield message, ModelRequest(parts=[part])
        elif role in ("system", "developer"):
            yield message, ModelRequest(parts=[SystemPromptPart(text_of(content))])


def text_of(content: Any) -> str:
    """Return the text of a message's content, which is text or parts."""
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return "\n".join(str(part.get("text", "")) for part in parts)
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


def _user_part(part: Any) -> UserContent:
    if not isinstance(part, dict):
        return str(part)
    if part.get("type") == "text":
        return str(part.get("text", ""))
    source: dict[str, Any] = part.get("source") or {}
    mime = str(source.get("mimeType") or part.get("mimeType") or "").lower()
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


class _Calls:
    """The calls of a history, by ids that every provider accepts: of letters and digits, short, and each given once.

    An old journal may hold others: those of another provider, or of a client.
    """

    def __init__(self) -> None:
        self._open: dict[str, list[tuple[str, str]]] = {}
        self._taken: set[str] = set()

    def begin(self, calls: list[tuple[str, str]]) -> list[str]:
        """Note the calls of one message, each by its id and tool. Return their ids for the model."""
        made: list[str] = []
        self._open.update((call, []) for call, _ in calls)
        for call, tool in calls:
            made.append(self._id(call))
            self._open[call].append((tool, made[-1]))
        return made

    def answer(self, call: str) -> tuple[str, str] | None:
        """Return the tool and the model's id of a call that gets its result, None if no call waits for one."""
        waiting = self._open.get(call)
        return waiting.pop(0) if waiting else None

    def _id(self, call: str) -> str:
        digest = sha256(call.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        first = made = call if _ID.fullmatch(call) else f"call_{digest}"
        number = 1
        while made in self._taken:
            number += 1
            made = f"{first[:30]}_{number}"
        self._taken.add(made)
        return made


def _assistant(message: Message, calls: _Calls) -> list[ModelMessage]:
    parts: list[TextPart | ToolCallPart] = []
    if text := text_of(message.get("content")):
        parts.append(TextPart(text))
    # a budget's question is ours, not a call of the model
    made = [c for c in message.get("toolCalls") or [] if c["function"]["name"] != BUDGET_CALL]
    ids = calls.begin([(call["id"], call["function"]["name"]) for call in made])
    for call, call_id in zip(made, ids, strict=True):
        function: dict[str, Any] = call["function"]
        parts.append(
            ToolCallPart(function["name"], _arguments(function.get("arguments")), tool_call_id=call_id)
        )
    return [ModelResponse(parts=parts)] if parts else []


def _arguments(text: str | None) -> dict[str, Any]:
    """Return arguments as an object, because a model may have written invalid JSON, which providers refuse later."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {"invalid": text}
    return found if isinstance(found, dict) else {"invalid": text}
