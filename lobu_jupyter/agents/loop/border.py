"""The border before a model: it turns any history into a request that the provider accepts.

A lone surrogate, a blank text, a broken or too large image or a tool whose schema no provider takes would be refused
again in each later run of the thread. So it is mended here, or named in its place. The journal stays as it is.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn, cast

from pydantic_ai import exceptions as ex
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import (
    BinaryContent,
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

from lobu_jupyter.agents.models.failures import said_by
from lobu_jupyter.agents.tools.pixels import image_type, is_whole, size_of
from lobu_jupyter.model.text import encodable

from .refusals import RefusedParts, named

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from pydantic_ai import RunContext
    from pydantic_ai.models import ModelRequestContext

MAX_IMAGES = 20  # the last ones are passed on
MAX_IMAGE_BYTES = 3_700_000  # 5 MB as base64
MAX_SIDE = 8000  # with many images some providers accept 2000 only
MANY_SIDE = 2000
MOST_REFUSED = 8  # parts that a run leaves out after a refusal, one for each further attempt
EMPTY = "(empty)"
_NO_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_NUMBERS = re.compile(r"\b(NaN|Infinity|\d+e\d{3,})", re.IGNORECASE)


@dataclass
class Border(AbstractCapability[None]):
    """A capability that makes every message of a request acceptable. It stands before all others that use JSON.

    ``tell`` gets each note for the person once: the event's name, and a sentence about images that the model does not
    see as they are, or about a part of the chat that the provider refused, with the refused parts. ``known``: those that
    earlier runs of the thread left out for this model.
    """

    tell: Callable[..., Awaitable[None]] | None = None
    known: Collection[tuple[str, str]] = ()
    _told: set[str] = field(default_factory=set[str], init=False)
    _refused: RefusedParts = field(default_factory=RefusedParts, init=False)

    def __post_init__(self) -> None:
        self._refused.things.update(self.known)

    async def before_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        notes: list[str] = []
        messages = acceptable(request_context.messages, notes)
        for note in notes:
            await self._tell("lobu.images", note)
        return replace(request_context, messages=messages)

    async def prepare_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        return replace(
            request_context,
            messages=self._refused.messages(request_context.messages),
            model_request_parameters=self._refused.parameters(request_context.model_request_parameters),
        )

    async def on_model_request_error(
        self, ctx: RunContext[Any], *, request_context: ModelRequestContext, error: Exception
    ) -> NoReturn:
        if len(self._refused.things.difference(self.known)) >= MOST_REFUSED:
            raise error
        found = self._refused.learn(request_context, error)
        if not found:
            raise error
        note = f"The model's provider refused {named(found)}.{said_by(error)}"
        await self._tell("lobu.left_out", note, parts=sorted(map(list, found)))
        raise ex.RetryModelRequest from error

    async def _tell(self, name: str, note: str, **more: Any) -> None:
        if self.tell is not None and (more or note not in self._told):
            self._told.add(note)
            await self.tell(name, note, **more)


def acceptable(messages: Sequence[ModelMessage], notes: list[str] | None = None) -> list[ModelMessage]:
    """Return the messages in a form that every provider accepts. Notes on changed images are added to `notes`."""
    images = _Images([message for message in messages if isinstance(message, ModelRequest)], notes)
    return [
        _request(message, images) if isinstance(message, ModelRequest) else _response(message)
        for message in messages
    ]


def _response(message: ModelResponse) -> ModelResponse:
    parts: list[Any] = []
    for part in message.parts:
        if isinstance(part, TextPart):
            if part.content.strip():
                parts.append(replace(part, content=encodable(part.content)))
        elif isinstance(part, ThinkingPart):
            parts.append(replace(part, content=encodable(part.content)))
        elif isinstance(part, ToolCallPart):
            parts.append(
                replace(
                    part,
                    args=_args(cast("str | dict[str, Any] | None", part.args)),
                    tool_name=_tool_name(part.tool_name),
                )
            )
        else:
            parts.append(part)
    return replace(message, parts=parts or [TextPart(EMPTY)])


def _args(args: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    if isinstance(args, str) and ("\\u" in args or not args.isascii() or _NUMBERS.search(args)):
        try:
            return _finite(encodable(json.loads(args)))
        except (ValueError, RecursionError):
            return encodable(args)
    return _finite(encodable(args))


def _finite(value: Any) -> Any:
    """Return JSON data with the numbers that JSON does not know, such as NaN, as texts."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in cast("dict[str, Any]", value).items()}
    return [_finite(part) for part in cast("list[Any]", value)] if isinstance(value, list) else value


def _tool_name(name: str) -> str:
    """Return a name that providers accept, also for a tool that a model made up."""
    return _NO_NAME.sub("_", name)[:64] or "unnamed"


def _request(message: ModelRequest, images: _Images) -> ModelRequest:
    parts: list[Any] = []
    for part in message.parts:
        if isinstance(part, ToolReturnPart):
            part = replace(part, tool_name=_tool_name(part.tool_name))
        content: Any = getattr(part, "content", None)
        if isinstance(part, UserPromptPart) and not isinstance(content, str):
            parts.append(replace(part, content=_contents(content, images)))
        elif isinstance(content, str):
            parts.append(replace(part, content=encodable(content) if content.strip() else EMPTY))
        elif isinstance(content, dict | list):
            parts.append(replace(part, content=_finite(encodable(content))))
        else:
            parts.append(part)
    return replace(message, parts=parts)


def _contents(content: Sequence[UserContent], images: _Images) -> list[UserContent]:
    found: list[UserContent] = []
    for part in content:
        if isinstance(part, str):
            if part.strip():
                found.append(encodable(part))
        elif isinstance(part, BinaryContent) and part.media_type.startswith("image/"):
            found.append(images.fit(part))
        else:
            found.append(part)
    return found or [EMPTY]


class _Images:
    """The images of a request: a count, by which images too old are left out."""

    def __init__(self, messages: list[ModelRequest], notes: list[str] | None) -> None:
        self._notes: list[str] = [] if notes is None else notes
        self._left = sum(
            isinstance(item, BinaryContent) and item.media_type.startswith("image/")
            for message in messages
            for part in message.parts
            if isinstance(part, UserPromptPart) and not isinstance(part.content, str)
            for item in part.content
        )
        self._side = MAX_SIDE if self._left <= MAX_IMAGES else MANY_SIDE

    def fit(self, image: BinaryContent) -> UserContent:
        """Return the image, scaled if it is too large, or a text that says why it is left out."""
        self._left -= 1
        if self._left >= MAX_IMAGES:
            self._notes.append(f"Only the last {MAX_IMAGES} images of this chat are sent to the model.")
            return f"[an earlier image is not passed on: only the last {MAX_IMAGES} are]"
        size, kind = size_of(image.data), image_type(image.data)
        if size is None or min(size) < 1 or not is_whole(image.data):
            self._notes.append(
                f"An image was not sent to the model: its {image.media_type} data cannot be read."
            )
            return f"[an image of type {image.media_type} could not be read, and is not passed on]"
        if max(size) <= self._side and len(image.data) <= MAX_IMAGE_BYTES:
            # a provider refuses a type that is not the data's, or an alias as image/jpg
            return image if image.media_type == kind else replace(image, media_type=kind)
        scaled = _scaled(image.data, self._side)
        pixels = f"{size[0]} x {size[1]} pixels"
        if scaled is None:
            self._notes.append(f"An image of {pixels} was not sent to the model: it is too large.")
            return f"[an image of {pixels} is too large for the model, and is not passed on]"
        self._notes.append(f"An image of {pixels} was scaled down for the model.")
        return BinaryContent(scaled, media_type="image/png")


def _scaled(data: bytes, side: int) -> bytes | None:
    """Return the image as a PNG within the limits, None if it is broken or no library here can scale it."""
    try:
        from io import BytesIO

        from PIL import Image  # pyright: ignore[reportMissingImports, reportUnknownVariableType] - an optional library
    except ImportError:
        return None
    try:
        picture: Any = Image.open(BytesIO(data))  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        if picture.mode in ("CMYK", "YCbCr", "LAB", "HSV"):  # no PNG has these
            picture = picture.convert("RGB")
        picture.thumbnail((side, side))
        for _ in range(6):
            out = BytesIO()
            picture.save(out, "PNG")
            if out.tell() <= MAX_IMAGE_BYTES:
                return out.getvalue()
            picture.thumbnail((picture.width // 2, picture.height // 2))
    except Exception:  # noqa: BLE001 - a broken image may raise anything, and is then named in its place
        return None
    return None
