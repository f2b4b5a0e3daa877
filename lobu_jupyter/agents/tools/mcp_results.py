"""The results of MCP tools for a model: their content, never the type of a block alone.

The blocks are those of the Model Context Protocol's CallToolResult: text, image, audio, embedded resource and
resource link, and ``structuredContent`` beside them.
"""

from __future__ import annotations

import json
from base64 import b64decode
from binascii import Error as NotBase64
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.mime_text import PIXELS, text_of_data
from lobu_jupyter.model.terminal import screen_text

from .base import Result, ToolError
from .pixels import image_type

if TYPE_CHECKING:
    from mcp.types import CallToolResult


def result_of(answer: CallToolResult) -> Result:
    """Return the result of an MCP call, bounded.

    Raises:
        ToolError: the server says that the call failed.
    """
    texts: list[str] = []
    images: list[tuple[str, bytes]] = []
    for block in answer.content:
        text, image = read_block(block)
        texts += [text] if text else []
        images += [image] if image is not None else []
    structured = answer.structured_content
    if structured is not None and not _is_told(structured, texts):
        texts.append(json.dumps(structured, ensure_ascii=False, default=str))
    text = screen_text("\n".join(texts))
    if answer.is_error:
        raise ToolError(text or "The tool failed and did not say why.")
    return Result(text or ("See the image." if images else "The tool returned nothing."), tuple(images))


def read_block(block: Any) -> tuple[str, tuple[str, bytes] | None]:
    """Return a block's text, and its pixels if it is an image."""
    if block.type == "text":
        return block.text, None
    if block.type == "image":
        return _image(block.mime_type, block.data)
    if block.type == "resource":
        return read_resource(block.resource)
    if block.type == "resource_link":
        about = ": ".join(part for part in (block.title or block.name, block.description) if part)
        return f"[resource] {about} ({block.uri})", None
    if block.type == "audio":
        return f"[audio, {block.mime_type}, that you cannot hear]", None
    return f"[{block.type}]", None


def read_resource(resource: Any) -> tuple[str, tuple[str, bytes] | None]:
    """Return a resource's text, also one that was sent as bytes, and its pixels if it is an image."""
    mime = (resource.mime_type or "").partition(";")[0].strip().lower()
    text = getattr(resource, "text", None)
    if text is None and mime not in PIXELS:
        text = _text_of(resource.blob)
    if text is not None:
        told = text_of_data({mime: text}) if mime == "text/html" else text
        return f"[resource {resource.uri}]\n{told}", None
    if mime in PIXELS:
        told, image = _image(mime, resource.blob)
        return "\n".join(filter(None, (f"[resource {resource.uri}]", told))), image
    return f"[resource {resource.uri}, {mime or 'binary'}, that cannot be shown]", None


def _text_of(blob: str) -> str | None:
    """Return bytes in base64 as text, None if they are none."""
    try:
        data = b64decode(blob, validate=True)
        text = data.decode("utf-8-sig")
    except ValueError:
        return None
    return None if b"\0" in data or data.startswith(b"%PDF-") else text


def _image(mime: str, encoded: str) -> tuple[str, tuple[str, bytes] | None]:
    try:
        data = b64decode(encoded, validate=True)
    except (NotBase64, ValueError):
        return f"[an image, {mime}, cannot be decoded]", None
    if not data or (mime not in PIXELS and image_type(data) is None):
        return f"[an image, {mime}, that you cannot see]", None
    return "", (mime, data)


def _is_told(structured: Any, texts: list[str]) -> bool:
    """Tell whether the text blocks already hold the structured content, as the protocol recommends.

    A tool that returns a plain value has it wrapped as ``{"result": value}``, and a list has a block for each item.
    """
    values = [structured]
    if isinstance(structured, dict) and structured.keys() == {"result"}:
        values.append(structured["result"])
    if any(_says(text, value) for text in texts for value in values):
        return True
    last = values[-1]
    return isinstance(last, list) and len(last) == len(texts) and all(map(_says, texts, last))


def _says(text: str, value: Any) -> bool:
    if text == value:
        return True
    try:
        return json.loads(text) == value
    except (ValueError, RecursionError):
        return False
