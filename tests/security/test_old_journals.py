"""Calls and images of an old journal, made by another provider or a client, in a form that every provider accepts."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from pydantic_ai.messages import (
    INTERRUPTED_TOOL_RETURN_CONTENT,
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from lobu_jupyter.agents.loop.border import acceptable
from lobu_jupyter.agents.loop.history import split
from tests.security.test_border import old, png, user

Image = pytest.importorskip("PIL.Image", reason="Pillow draws the images")


def call(name: str, tool: str = "run_code") -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": tool, "arguments": "{}"}}


def asks(*names: str, tool: str = "run_code") -> dict[str, Any]:
    return {"role": "assistant", "toolCalls": [call(name, tool) for name in names]}


def result(name: str, content: str) -> dict[str, Any]:
    return {"role": "tool", "toolCallId": name, "content": content}


def said(content: str) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


def wire(*messages: dict[str, Any]) -> list[ModelMessage]:
    history, _ = split(old(*messages))
    return acceptable(history)


def results_of_calls(messages: list[ModelMessage]) -> list[str]:
    """The result of each call, in order. Checks what providers check: ids, and one result right after each call."""
    taken: set[str] = set()
    told: list[str] = []
    for message, following in zip(messages, [*messages[1:], None], strict=True):
        if isinstance(message, ModelRequest):
            continue
        made = [part.tool_call_id for part in message.parts if isinstance(part, ToolCallPart)]
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", name) for name in made)
        assert not taken & set(made)
        assert len(set(made)) == len(made)
        taken.update(made)
        if made:
            assert isinstance(following, ModelRequest)
        parts = following.parts if following is not None else []
        found = {p.tool_call_id: str(p.content) for p in parts if isinstance(p, ToolReturnPart)}
        count = sum(isinstance(part, ToolReturnPart) for part in parts)
        assert (found.keys(), count) == (set(made), len(made))
        told += [found[name] for name in made]
    return told


NONE = INTERRUPTED_TOOL_RETURN_CONTENT
CALLS: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "one id in two turns": (
        [user("a"), asks("c1"), result("c1", "2"), said("x"), user("b"), asks("c1"), result("c1", "3")],
        ["2", "3"],
    ),
    "one id twice in a turn": (
        [user("a"), asks("c1", "c1"), result("c1", "2"), result("c1", "3")],
        ["2", "3"],
    ),
    "a second result": ([user("a"), asks("c1"), result("c1", "2"), result("c1", "3"), said("x")], ["2"]),
    "a call without a result at the end": ([user("a"), asks("c1")], [NONE]),
    "a call without a result": ([user("a"), asks("c1"), user("b"), said("x")], [NONE]),
    "an old call without a result, and its id again": (
        [user("a"), asks("c1"), user("b"), asks("c1"), result("c1", "3")],
        [NONE, "3"],
    ),
    "a result before its call": ([user("a"), result("c1", "2"), asks("c1")], [NONE]),
    "a result without a call": ([user("a"), result("c1", "2"), said("x")], []),
    "an id with dots": ([user("a"), asks("functions.f:0"), result("functions.f:0", "2")], ["2"]),
    "a long id": ([user("a"), asks("x" * 200), result("x" * 200, "2")], ["2"]),
    "an empty id": ([user("a"), asks(""), result("", "2")], ["2"]),
    "a surrogate in an id": ([user("a"), asks("\ud99c"), result("\ud99c", "2")], ["2"]),
    "ids that differ only in what is replaced": (
        [user("a"), asks("a.b", "a:b"), result("a:b", "3"), result("a.b", "2")],
        ["2", "3"],
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_each_call_has_an_id_of_its_own_and_one_result(name: str) -> None:
    messages, results = CALLS[name]

    assert results_of_calls(wire(*messages)) == results


def test_an_id_that_providers_accept_stays() -> None:
    (_, made, _) = wire(user("a"), asks("toolu_01A-b"), result("toolu_01A-b", "2"))

    (part,) = made.parts
    assert isinstance(part, ToolCallPart)
    assert part.tool_call_id == "toolu_01A-b"


def test_a_chat_that_the_agent_begins_has_a_message_before_it() -> None:
    first, second = wire(said("Hello!"))

    assert (type(first), type(second)) == (ModelRequest, ModelResponse)


@pytest.mark.parametrize(
    "content", [["x", None, 5], [{"type": "text", "text": None}], [{"type": "image"}], 5]
)
def test_content_that_is_none_is_passed_on_as_text(content: Any) -> None:
    (message, _) = wire(user(content), said("x"))

    (part,) = message.parts
    assert isinstance(part, UserPromptPart)
    assert all(isinstance(item, str) for item in part.content)


# -- images -----------------------------------------------------------------------------------------


def drawn(kind: str, mode: str = "RGB", size: tuple[int, int] = (300, 300), **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **options)
    return out.getvalue()


def seen(data: bytes, mime: str) -> Any:
    message = ModelRequest(parts=[UserPromptPart([BinaryContent(data, media_type=mime)])])
    (made,) = acceptable([message])
    (part,) = made.parts
    assert isinstance(part, UserPromptPart)
    assert not isinstance(part.content, str)
    return part.content[0]


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("JPEG", "image/png"),
        ("JPEG", "image/jpg"),
        ("WEBP", "image/gif"),
        ("GIF", "image/x"),
    ],
)
def test_an_image_is_sent_with_the_type_that_its_data_has(kind: str, given: str) -> None:
    assert seen(drawn(kind), given).media_type == f"image/{kind.lower()}"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_an_image_that_was_cut_off_is_named_and_not_sent(kind: str) -> None:
    whole = drawn(kind)

    assert seen(whole, f"image/{kind.lower()}").data == whole
    assert "could not be read" in seen(whole[:-40], f"image/{kind.lower()}")


def test_a_jpeg_with_a_preview_that_ends_is_still_cut_off() -> None:
    preview = b"\xff\xe1" + (6 + 2).to_bytes(2, "big") + b"\xff\xda\0\0\xff\xd9"
    whole = drawn("JPEG")
    whole = whole[:2] + preview + whole[2:]

    assert seen(whole, "image/jpeg").data == whole
    assert "could not be read" in seen(whole[:-40], "image/jpeg")


def test_an_image_with_more_behind_its_end_is_sent() -> None:
    longer = drawn("JPEG") + b"\0" * 100_000

    assert seen(longer, "image/jpeg").data == longer


@pytest.mark.parametrize(
    "data",
    [
        drawn("JPEG", "CMYK", (9000, 50)),
        drawn("PNG", "I;16", (9000, 50)),
        drawn("PNG", "P", (9000, 50)),
        png(1, 20000),
    ],
    ids=["CMYK", "16 bits", "a palette", "a line"],
)
def test_an_image_of_any_mode_is_scaled(data: bytes) -> None:
    made = seen(data, "image/png")

    assert max(Image.open(io.BytesIO(made.data)).size) <= 8000
