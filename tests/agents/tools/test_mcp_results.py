"""A model is told the content of an MCP result, whatever kind of block carries it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from mcp.types import CallToolResult

from lobu_jupyter.agents.tools.base import ToolError
from lobu_jupyter.agents.tools.mcp_results import result_of


def answer(*content: dict[str, Any], **more: Any) -> CallToolResult:
    return CallToolResult.model_validate({"content": list(content), **more})


def blob(data: bytes, mime: str | None = None) -> CallToolResult:
    resource = {"uri": "file:///a", "blob": base64.b64encode(data).decode(), "mimeType": mime}
    return answer({"type": "resource", "resource": resource})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (answer(structuredContent={"rows": 3}), '{"rows": 3}'),
        (answer({"type": "text", "text": '{"rows": 3}'}, structuredContent={"rows": 3}), '{"rows": 3}'),
        (answer({"type": "text", "text": "three"}, structuredContent={"rows": 3}), 'three\n{"rows": 3}'),
        (
            answer(
                {
                    "type": "resource",
                    "resource": {"uri": "file:///a.md", "mimeType": "text/markdown", "text": "# a"},
                }
            ),
            "[resource file:///a.md]\n# a",
        ),
        (
            answer({"type": "resource", "resource": {"uri": "file:///a.bin", "blob": "AAAA"}}),
            "[resource file:///a.bin, binary, that cannot be shown]",
        ),
        (
            answer(
                {"type": "resource_link", "name": "report", "uri": "file:///r.pdf", "description": "of May"}
            ),
            "[resource] report: of May (file:///r.pdf)",
        ),
        (
            answer({"type": "audio", "data": "AAAA", "mimeType": "audio/wav"}),
            "[audio, audio/wav, that you cannot hear]",
        ),
        (
            answer({"type": "image", "data": "!!", "mimeType": "image/png"}),
            "[an image, image/png, cannot be decoded]",
        ),
        (answer({"type": "text", "text": "10%\r\x1b[1m100%\x1b[0m"}), "100%"),
        (answer({"type": "text", "text": "5"}, structuredContent={"result": 5}), "5"),
        (answer({"type": "text", "text": "five"}, structuredContent={"result": "five"}), "five"),
        (
            answer(
                {"type": "text", "text": "a"},
                {"type": "text", "text": "b"},
                structuredContent={"result": ["a", "b"]},
            ),
            "a\nb",
        ),
        (blob(b"a,b\n1,2\n", "text/csv"), "[resource file:///a]\na,b\n1,2\n"),
        (blob(b'{"a": 1}', "application/json"), '[resource file:///a]\n{"a": 1}'),
        (blob("über".encode()), "[resource file:///a]\nüber"),
        (blob(b"<p>hi</p>", "text/html; charset=utf-8"), "[resource file:///a]\nhi"),
        (blob(b"%PDF-1.4", "application/pdf"), "[resource file:///a, application/pdf, that cannot be shown]"),
        (blob(b"\xff\xfe"), "[resource file:///a, binary, that cannot be shown]"),
        (
            answer({"type": "image", "data": "PHN2Zy8+", "mimeType": "image/svg+xml"}),
            "[an image, image/svg+xml, that you cannot see]",
        ),
        (
            answer({"type": "image", "data": "", "mimeType": "image/png"}),
            "[an image, image/png, that you cannot see]",
        ),
        (answer(), "The tool returned nothing."),
    ],
)
def test_the_content_is_told(given: CallToolResult, told: str) -> None:
    assert result_of(given).text == told


def test_a_picture_is_seen_also_as_a_resource() -> None:
    data = base64.b64encode(b"pixels").decode()
    result = result_of(
        answer(
            {"type": "image", "data": data, "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "file:///a.png", "mimeType": "image/png", "blob": data}},
        )
    )

    assert result.images == (("image/png", b"pixels"), ("image/png", b"pixels"))


def test_a_failure_says_why() -> None:
    with pytest.raises(ToolError, match="no such table"):
        result_of(answer({"type": "text", "text": "no such table"}, isError=True))
