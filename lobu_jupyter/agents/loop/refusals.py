"""A provider's refusal that points into a request (HTTP 400, 413 or 422): the part to leave out of the next attempt.

The known shapes are ``messages[3].content``, ``messages.[3].role`` and ``input[2].output`` (OpenAI), ``messages.5: …``
and ``tools.2.custom.input_schema`` (Anthropic), ``contents[1].parts[0]`` and
``GenerateContentRequest.tools[0].function_declarations[3]`` (Gemini), and locations of validators as lists
(``["body", "messages", 3]``). The place is looked up in the request that was sent. Whatever part of the history has
that content is refused, also where it comes again, because the same content would be refused again. Without a place,
an error may name a call by its id or a tool by its quoted name, or speak of an image: then all images are left out.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from pydantic_ai import exceptions as ex
from pydantic_ai.messages import (
    BinaryContent,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)

from lobu_jupyter.agents.tools.outputs import FIGURES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic_ai.models import ModelRequestContext, ModelRequestParameters

STATUSES = frozenset({400, 413, 422})
MOST_STRINGS = 200
"""Texts of an error body that are searched."""
JOINED_CHARS = 20
"""From this length on, a text is also found within a longer one, as some providers get several texts as one."""
LEFT_OUT = "[left out: the model's provider refused this part of the chat]"
_ROOTS = ("messages", "input", "contents", "tools")
_PLACE = re.compile(
    rf"\b({'|'.join(_ROOTS)})((?:\.?\[\d{{1,6}}\]|\.\d{{1,6}})(?:\.?\[\d{{1,6}}\]|\.\w{{1,64}}){{0,20}})"
)
_LISTED = re.compile(
    rf"['\"]({'|'.join(_ROOTS)})['\"]((?:\s*,\s*(?:\d{{1,6}}|['\"]\w{{1,64}}['\"])){{1,20}})"
)
_STEP = re.compile(r"\w+")
_QUOTED = re.compile(r"['\"`]([\w-]{1,64})['\"`]")
_OF_IMAGES = re.compile(r"\bimages?(?:_url)?\b", re.IGNORECASE)
LEAST_ID_CHARS = 8
"""A shorter id of a call may be a word of an error's sentence."""
_IDS = ("tool_call_id", "tool_use_id", "call_id")

Path = tuple[str, list[str | int]]
Thing = tuple[str, str]
"""A refused thing: ``text`` or ``image`` with its content's digest, ``call`` or ``result`` with the call's id, ``tool`` with its name."""


@dataclass
class RefusedParts:
    """The things that a provider refused on this thread, each by its kind and content's digest or id."""

    things: set[Thing] = field(default_factory=set[Thing])

    def learn(self, request: ModelRequestContext, error: Exception) -> set[Thing]:
        """Note and return what the error points at, nothing if that is not known or cannot be left out."""
        if not isinstance(error, ex.ModelHTTPError) or error.status_code not in STATUSES:
            return set()
        sent = _sent(error)
        for root, steps in _places(error.body):
            found = (
                _tool(sent, steps, request.model_request_parameters)
                if root == "tools"
                else _content(sent, root, steps, request.messages)
            )
            fresh = found - self.things
            if fresh:
                self.things |= fresh
                return fresh
        fresh = _unplaced(error.body, request) - self.things
        self.things |= fresh
        return fresh

    def messages(self, messages: Sequence[ModelMessage]) -> list[ModelMessage]:
        """Return the messages with a note in place of all that was refused."""
        if not self.things:
            return list(messages)
        return [self._response(m) if isinstance(m, ModelResponse) else self._request(m) for m in messages]

    def parameters(self, parameters: ModelRequestParameters) -> ModelRequestParameters:
        """Return the parameters without the tools that were refused."""
        kept = [tool for tool in parameters.function_tools if ("tool", tool.name) not in self.things]
        return (
            parameters
            if len(kept) == len(parameters.function_tools)
            else replace(parameters, function_tools=kept)
        )

    def _response(self, message: ModelResponse) -> ModelResponse:
        parts: list[Any] = []
        for part in message.parts:
            if isinstance(part, ToolCallPart) and ("call", part.tool_call_id) in self.things:
                parts.append(TextPart(LEFT_OUT))
            elif isinstance(part, ThinkingPart) and _text(part.content) in self.things:
                continue
            elif isinstance(part, TextPart) and _text(part.content) in self.things:
                parts.append(TextPart(LEFT_OUT))
            else:
                parts.append(part)
        return replace(message, parts=parts or [TextPart(LEFT_OUT)])

    def _request(self, message: ModelRequest) -> ModelRequest:
        return replace(message, parts=[self._part(part) for part in message.parts])

    def _part(self, part: Any) -> Any:
        if isinstance(part, ToolReturnPart):
            if ("call", part.tool_call_id) in self.things:
                return UserPromptPart(LEFT_OUT)  # a result without its call would be refused
            return replace(part, content=LEFT_OUT) if ("result", part.tool_call_id) in self.things else part
        if not isinstance(part, UserPromptPart):
            return part
        if isinstance(part.content, str):
            return replace(part, content=LEFT_OUT) if _text(part.content) in self.things else part
        return replace(
            part, content=[LEFT_OUT if _thing(item) in self.things else item for item in part.content]
        )


def _text(content: str) -> Thing:
    return "text", hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def _thing(item: UserContent) -> Thing:
    if isinstance(item, str):
        return _text(item)
    if isinstance(item, BinaryContent):
        return "image", hashlib.sha256(item.data).hexdigest()
    return "image", item.url if isinstance(item, ImageUrl) else repr(item)


def named(things: set[Thing]) -> str:
    """Return refused things in words, with what became of them."""
    kind, name = min(things)
    if kind == "image" and len(things) > 1:
        return "an image and did not say which, so all images were left out"
    words = {
        "text": "a message",
        "image": "an image",
        "call": "a call and its result",
        "result": "the result of a call",
        "tool": f"the tool {name}",
    }
    return f"{words[kind]}, so it was left out"


# -- where an error points --------------------------------------------------------------------------


def _places(body: object) -> Iterator[Path]:
    """Yield the places that an error's body names, those of its own fields before those of its sentences."""
    texts = list(_strings(body))[:MOST_STRINGS]
    texts.sort(key=lambda found: found[0] not in ("param", "field", "loc"))
    for _, text in texts:
        for pattern in (_PLACE, _LISTED):
            for match in pattern.finditer(text[:20_000]):
                steps = [int(step) if step.isdecimal() else step for step in _STEP.findall(match[2])]
                if steps and isinstance(steps[0], int):
                    yield match[1], steps


def _unplaced(body: object, request: ModelRequestContext) -> set[Thing]:
    """Return the things that an error without a place names: a call, a tool, or images."""
    said = "\n".join(text[:20_000] for _, text in itertools.islice(_strings(body), MOST_STRINGS))
    parts = [part for message in request.messages for part in message.parts]
    calls = {part.tool_call_id for part in parts if isinstance(part, ToolCallPart)}
    if named_calls := {call for call in calls if len(call) >= LEAST_ID_CHARS and call in said}:
        return {("call", call) for call in named_calls}
    tools = {tool.name for tool in request.model_request_parameters.function_tools}
    if named_tools := tools.intersection(_QUOTED.findall(said)):
        return {("tool", name) for name in named_tools}
    if not _OF_IMAGES.search(said):
        return set()
    prompts = [part.content for part in parts if isinstance(part, UserPromptPart)]
    items = [item for content in prompts if not isinstance(content, str) for item in content]
    return {_thing(item) for item in items if isinstance(item, BinaryContent | ImageUrl)}


def _strings(value: Any, key: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    if depth > 8:
        return
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, part in cast("dict[str, Any]", value).items():
            yield from _strings(part, str(name), depth + 1)
    elif isinstance(value, list):
        items = cast("list[Any]", value)
        if all(isinstance(item, str | int) for item in items):
            yield key, json.dumps(items)
        else:
            for item in items:
                yield from _strings(item, key, depth + 1)


def _sent(error: Exception) -> Any:
    """Return the body of the refused request, as the provider's client keeps it with its own error."""
    cause: Any = error.__cause__
    request: Any = getattr(cause, "request", None) or getattr(
        getattr(cause, "response", None), "request", None
    )
    try:
        return json.loads(request.content)
    except (AttributeError, TypeError, ValueError, RuntimeError, RecursionError):
        return None  # another kind of client, or a body that was streamed


def _walk(value: Any, steps: Sequence[str | int]) -> list[Any]:
    """Return the values along a path, as far as it goes. Names that are no keys are a validator's own."""
    found = [value]
    for step in steps:
        now = found[-1]
        if isinstance(step, int):
            if not isinstance(now, list) or step >= len(cast("list[Any]", now)):
                break
            found.append(now[step])
        elif isinstance(now, dict):
            plain = _plain(step)
            keys = [key for key in cast("dict[str, Any]", now) if _plain(key) == plain]
            found += [now[key] for key in keys[:1]]
    return found


def _plain(key: str) -> str:
    return key.replace("_", "").lower()


def _tool(sent: Any, steps: Sequence[str | int], parameters: ModelRequestParameters) -> set[Thing]:
    known = {tool.name for tool in parameters.function_tools}
    for value in reversed(_walk(_member(sent, "tools"), steps)):
        if isinstance(value, dict):
            inner: Any = value.get("function")
            name = value.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
            if name in known:
                return {("tool", str(name))}
    return set()


def _content(
    sent: Any, root: str, steps: Sequence[str | int], messages: Sequence[ModelMessage]
) -> set[Thing]:
    """Return the things at a place of the conversation: of its last values, the first that is found in the history."""
    own = _own_prompt(messages)
    for value in reversed(_walk(_member(sent, root), steps)[1:]):
        if isinstance(value, str):
            continue  # its message or block has the id, if it has one
        found = {thing for thing in _things(value, messages) if thing not in own}
        if found:
            images = {thing for thing in found if thing[0] == "image"}
            return images or found
    return set()


def _member(sent: Any, name: str) -> Any:
    return sent.get(name) if isinstance(sent, dict) else None


def _own_prompt(messages: Sequence[ModelMessage]) -> set[Thing]:
    """Return the texts of the last prompt. Without them there is nothing to ask."""
    prompts = [
        [part.content] if isinstance(part.content, str) else list(part.content)
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, UserPromptPart)
    ]
    own = next((items for items in reversed(prompts) if FIGURES not in items), [])
    return {_text(item) for item in own if isinstance(item, str)}


def _things(value: Any, messages: Sequence[ModelMessage]) -> Iterator[Thing]:
    """Yield the parts of the history that a value of the wire was made of."""
    ids, texts = set(_ids(value)), [text for _, text in _strings(value)]
    joined = "\0".join(texts)
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                if part.tool_call_id in ids and not _is_result(value):
                    yield "call", part.tool_call_id
            elif isinstance(part, ToolReturnPart):
                if part.tool_call_id in ids and _is_result(value):
                    yield "result", part.tool_call_id
            elif isinstance(part, TextPart | ThinkingPart):
                if part.content in texts or (len(part.content) >= JOINED_CHARS and part.content in joined):
                    yield _text(part.content)
            elif isinstance(part, UserPromptPart):
                items = [part.content] if isinstance(part.content, str) else part.content
                yield from (_thing(item) for item in items if _is_in(item, texts))


def _is_in(item: UserContent, texts: Sequence[str]) -> bool:
    if isinstance(item, str):
        return item in texts
    if isinstance(item, BinaryContent):
        encoded = base64.b64encode(item.data).decode()
        safe = base64.urlsafe_b64encode(item.data).decode()
        return any(text.endswith((encoded, safe)) for text in texts)
    return isinstance(item, ImageUrl) and item.url in texts


def _ids(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > 6:
        return
    if isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _ids(item, depth + 1)
    elif isinstance(value, dict):
        known = cast("dict[str, Any]", value)
        yield from (str(known[name]) for name in _IDS if known.get(name))
        if known.get("type") in ("tool_use", "function") and known.get("id"):
            yield str(known["id"])
        for name in ("function_call", "functionCall", "function_response", "functionResponse"):
            inner = known.get(name)
            if isinstance(inner, dict) and inner.get("id"):
                yield str(cast("dict[str, Any]", inner)["id"])
        for name in ("content", "tool_calls", "parts"):
            yield from _ids(known.get(name), depth + 1)


def _is_result(value: Any) -> bool:
    """Return whether a value of the wire is, or holds, the result of a call."""
    if isinstance(value, list):
        return any(map(_is_result, cast("list[Any]", value)))
    if not isinstance(value, dict):
        return False
    known = cast("dict[str, Any]", value)
    if known.get("role") == "tool" or known.get("type") in ("tool_result", "function_call_output"):
        return True
    return any(
        _is_result(known[name]) for name in ("content", "parts") if name in known
    ) or not known.keys().isdisjoint({"function_response", "functionResponse"})
