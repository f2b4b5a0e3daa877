"""Nothing in a history kills a thread, and a call's failure is that call's result."""

from __future__ import annotations

import base64
import json
import math
import random
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from lobu_jupyter.agents.builtin.assistant import assistant
from lobu_jupyter.agents.loop import border
from lobu_jupyter.agents.loop.border import MANY_SIDE, MAX_IMAGES, MAX_SIDE, acceptable
from lobu_jupyter.agents.loop.schemas import fit_schema
from lobu_jupyter.agents.models.keys import Settings
from lobu_jupyter.agents.tools.base import BoundTool, Call, Preview, Result
from lobu_jupyter.agents.tools.pixels import size_of
from lobu_jupyter.model.events import decode, encode
from lobu_jupyter.model.ports import KernelGone, ToolSpec
from tests.agents.bench import Ended, FakeKernel, policy, resume, run, task_for
from tests.providers import Call as Made
from tests.providers import Provider, calls, says, the_only_provider

ALLOW = policy(run={"mode": "allow"})
MODELS = ["chat:test-model", "responses:test-model", "anthropic:test-model"]
LONE = "\ud99c"


def png(width: int, height: int, *, noise: bool = False) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    fill = random.Random(1).randbytes if noise else lambda n: b"\xff" * n
    rows = b"".join(b"\0" + fill(width) for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def strict(body: dict[str, Any]) -> str | None:
    """What real providers refuse: a lone surrogate, blank text, a large or broken image, a schema they cannot read."""
    for where, value in walk(body):
        if isinstance(value, float) and not math.isfinite(value):
            return f"{where}: invalid JSON"
        if isinstance(value, str):
            if any("\ud800" <= char <= "\udfff" for char in value):
                return f"{where}: invalid low surrogate"
            if where.endswith((".text", ".content")) and "messages" in where and not value.strip():
                return f"{where}: text content blocks must contain non-whitespace text"
            if where.endswith("arguments") and refused_json(value):
                return f"{where}: invalid JSON"
            if where.endswith((".function.name", ".name")) and not re.fullmatch(
                r"[a-zA-Z0-9_-]{1,64}", value
            ):
                return f"{where}: string does not match pattern"
            if (data := image_in(where, value)) is not None:
                size = size_of(data)
                if size is None or max(size) > MAX_SIDE:
                    return f"{where}: image dimensions exceed max allowed size: 8000 pixels"
    for index, tool in enumerate(body.get("tools") or []):
        schema = tool.get("input_schema") or tool.get("parameters") or tool["function"]["parameters"]
        if schema.get("type") != "object" or "anyOf" in schema or "$ref" in json.dumps(schema):
            return f"tools.{index}.custom.input_schema: JSON schema is invalid"
    return None


def refused_json(text: str) -> bool:
    try:
        read = json.loads(text, parse_constant=_no_constant)
        return any("\ud800" <= char <= "\udfff" for _, part in walk(read) for char in str(part))
    except ValueError:
        return True


def _no_constant(name: str) -> None:
    raise ValueError(name)


def walk(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    yield where, value
    if isinstance(value, dict):
        for key, part in value.items():
            yield f"{where}.{key} (a name)", key
            yield from walk(part, f"{where}.{key}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from walk(part, f"{where}[{index}]")


def image_in(where: str, value: str) -> bytes | None:
    if where.endswith(".source.data"):
        return base64.b64decode(value)
    return base64.b64decode(value.split(",", 1)[1]) if value.startswith("data:image/") else None


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    with the_only_provider(monkeypatch) as provider:
        provider.refuses = strict
        yield provider


@pytest.fixture
def settings(provider: Provider) -> Settings:
    key = "sk-secret-0123456789"
    return {
        "providers": {
            "chat": {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": key},
            "responses": {"kind": "openai-responses", "base_url": f"{provider.url}/v1", "api_key": key},
        },
        "keys": {"ANTHROPIC_API_KEY": key, "ANTHROPIC_BASE_URL": provider.url},
    }


def old(*messages: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Messages of an old journal, and a new prompt."""
    made = [{"id": f"m{index}", **message} for index, message in enumerate(messages)]
    return (*made, {"id": "last", "role": "user", "content": "and now?"})


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def called(name: str, arguments: str, result: Any = "2") -> list[dict[str, Any]]:
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return [
        {"role": "assistant", "toolCalls": [call]},
        {"role": "tool", "toolCallId": "c1", "content": result},
    ]


def image(data: bytes, mime: str = "image/png") -> dict[str, Any]:
    source = {"type": "data", "value": base64.b64encode(data).decode(), "mimeType": mime}
    return {"type": "image", "source": source}


HISTORIES: dict[str, list[dict[str, Any]]] = {
    "a surrogate in arguments": [user("go"), *called("run_code", '{"code": "print(len(\'\\ud99c\'))"}')],
    "a surrogate in a name of arguments": [user("go"), *called("run_code", '{"code": "1", "\\ud99c": 2}')],
    "arguments that are no JSON": [user("go"), *called("run_code", '{"code": "\\ud99c')],
    "no number in arguments": [
        user("go"),
        *called("run_code", '{"code": NaN, "b": [Infinity, -Infinity, 1e999]}'),
    ],
    "a huge integer in arguments": [user("go"), *called("run_code", '{"code": ' + "9" * 4000 + "}")],
    "too many digits in arguments": [user("go"), *called("run_code", '{"code": ' + "9" * 5000 + "}")],
    "deep arguments": [user("go"), *called("run_code", '{"a": ' * 200 + "1" + "}" * 200)],
    "no name of a tool": [user("go"), *called("", "{}")],
    "a wild name of a tool": [user("go"), *called("a b\u00e4!" * 40, "{}")],
    "a surrogate in a result": [user("go"), *called("run_code", "{}", f"x {LONE}")],
    "a blank answer": [user("go"), {"role": "assistant", "content": "\n"}],
    "a blank prompt": [user(" \n"), {"role": "assistant", "content": "x"}],
    "blank parts": [user([{"type": "text", "text": " "}]), {"role": "assistant", "content": "x"}],
    "a blank result": [user("go"), *called("run_code", "{}", "")],
    "a tall image": [user([{"type": "text", "text": "see"}, image(png(200, 9000))])],
    "a wide image": [user([image(png(9000, 20))])],
    "an image that is none": [user([{"type": "text", "text": "see"}, image(b"no image at all")])],
    "an image of another kind": [user([{"type": "text", "text": "see"}, image(b"II*\0 tiff", "image/tiff")])],
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", HISTORIES)
async def test_what_an_old_journal_holds_does_not_end_the_next_run(
    model: str, name: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [says("Here I am.")]
    task = task_for("", agent="assistant", model=model, messages=old(*HISTORIES[name]))

    ended = await run(assistant(settings), task, FakeKernel())

    assert (ended.error, ended.text) == (None, "Here I am.")
    assert len(provider.requests) == 1


@pytest.mark.parametrize("model", MODELS)
async def test_a_call_with_a_lone_surrogate_is_answered_in_the_same_run(
    model: str, provider: Provider, settings: Settings
) -> None:
    wild = Made("run_code", '{"code": "print(len(\'\\ud99c\'))"}')
    provider.script = [calls(wild), says("Done.")]

    ended = await run(
        assistant(settings), task_for("go", agent="assistant", model=model, policy=ALLOW), FakeKernel()
    )

    assert (ended.error, ended.text) == (None, "Done.")


@pytest.mark.parametrize("kind", ["approve", "reject"])
async def test_a_pause_after_a_call_with_a_lone_surrogate_is_decided(
    kind: str, provider: Provider, settings: Settings
) -> None:
    wild = Made("run_code", '{"code": "print(len(\'\\ud99c\'))"}')
    provider.script = [calls(wild), calls(Made("run_code", '{"code": "1"}')), says("Done.")]
    messages = old(user(f"x {LONE}"), *called("run_code", "{}", f"y {LONE}"))
    agent, task = assistant(settings), task_for("", agent="assistant", model=MODELS[0], messages=messages)

    asked = await run(agent, task, FakeKernel())
    assert asked.pause is not None
    ended = await resume(agent, task, asked, FakeKernel(), kind)

    assert (ended.error, ended.text) == (None, "Done.")


@pytest.mark.parametrize("model", MODELS)
async def test_what_a_model_says_with_a_lone_surrogate_can_be_journaled(
    model: str, provider: Provider, settings: Settings
) -> None:
    provider.script = [says(f"x {LONE} y")]

    ended = await run(assistant(settings), task_for("go", agent="assistant", model=model), FakeKernel())

    assert ended.error is None
    assert [decode(encode(event)) for event in ended.events]
    assert decode(encode({"type": "X", f"a{LONE}": [f"{LONE} \ud83d\ude00"]})) == {
        "type": "X",
        "a\ufffd": ["\ufffd \U0001f600"],
    }


async def test_the_person_is_told_once_what_became_of_an_image(
    provider: Provider, settings: Settings
) -> None:
    provider.script = [calls(Made("list_files", "{}")), says("Done.")]
    content = [image(png(200, 9000)), image(b"none"), {"type": "text", "text": "see"}]
    task = task_for("", agent="assistant", model=MODELS[0], messages=old(user(content)), policy=ALLOW)

    ended = await run(assistant(settings), task, FakeKernel())

    assert (ended.error, ended.text) == (None, "Done.")
    told = [custom["message"] for custom in ended.customs("lobu.images")]
    assert len(told) == 2
    assert "200 x 9000 pixels was scaled" in told[0]
    assert "image/png data cannot be read" in told[1]


async def test_a_large_image_is_scaled_and_a_broken_one_named() -> None:
    messages = [
        ModelRequest([UserPromptPart([BinaryContent(png(200, 9000), media_type="image/png"), "see", " "])]),
        ModelRequest([UserPromptPart([BinaryContent(b"none", media_type="image/png")])]),
    ]

    first, second = acceptable(messages)

    assert isinstance(first.parts[0], UserPromptPart)
    scaled = first.parts[0].content[0]
    assert isinstance(scaled, BinaryContent)
    assert max(size_of(scaled.data) or (9000,)) <= MAX_SIDE
    assert list(first.parts[0].content[1:]) == ["see"]
    assert "could not be read" in str(second.parts[0].content)


async def test_among_many_images_the_limit_is_the_one_that_all_providers_take() -> None:
    wide = BinaryContent(png(MANY_SIDE + 500, 3), media_type="image/png")
    small = [BinaryContent(png(2, n + 1), media_type="image/png") for n in range(MAX_IMAGES)]

    alone = acceptable([ModelRequest([UserPromptPart([wide])])])
    among = acceptable([ModelRequest([UserPromptPart([*small, wide])])])

    assert sides(alone) == [MANY_SIDE + 500]
    assert sides(among)[-1] <= MANY_SIDE


async def test_an_image_of_too_many_bytes_is_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(border, "MAX_IMAGE_BYTES", 2000)
    noise = png(64, 64, noise=True)
    assert len(noise) > 2000

    fitted = acceptable([ModelRequest([UserPromptPart([BinaryContent(noise, media_type="image/png")])])])

    assert sides(fitted)[0] < 64


def sides(messages: Any) -> list[int]:
    """The longer side of each image, of the last ones that are passed on."""
    contents = [item for message in messages for part in message.parts for item in part.content]
    return [max(size_of(item.data) or (0,)) for item in contents if isinstance(item, BinaryContent)]


async def test_the_last_images_are_kept_and_the_others_named() -> None:
    images = [BinaryContent(png(2, n + 1), media_type="image/png") for n in range(MAX_IMAGES + 3)]

    (message,) = acceptable([ModelRequest([UserPromptPart(images)])])

    content = message.parts[0].content
    assert [isinstance(part, BinaryContent) for part in content] == [False] * 3 + [True] * MAX_IMAGES
    assert content[3:] == images[3:]


async def test_what_was_in_order_stays_as_it_is() -> None:
    messages = [
        ModelRequest([UserPromptPart("go")]),
        ModelResponse([TextPart("wär's?"), ToolCallPart("t", {"a": 1}, tool_call_id="c")]),
        ModelRequest([ToolReturnPart("t", "2", tool_call_id="c")]),
    ]

    assert acceptable(messages) == messages
    assert ModelMessagesTypeAdapter.dump_json(acceptable(messages))


UNION = {
    "anyOf": [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"type": "object", "properties": {"b": {"type": "integer"}}},
    ]
}
DANGLING = {"type": "object", "properties": {"a": {"$ref": "#/$defs/missing"}}}
PLAIN = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def tool(name: str, parameters: Any, act: Any = None) -> BoundTool:
    async def ran(work: Any, call: Call) -> Result:
        return Result(f"{name} ran") if act is None else act()

    return BoundTool(ToolSpec(name=name, description=name, parameters=parameters, approval=False), ran)


class Source:
    def __init__(self, *tools: BoundTool) -> None:
        self._tools = list(tools)

    async def tools(self, work: Any) -> list[BoundTool]:
        return self._tools


async def answered(settings: Settings, provider: Provider, model: str, *tools: BoundTool) -> Ended:
    settings["tool_sources"] = (Source(*tools),)  # pyright: ignore[reportGeneralTypeIssues]
    task = task_for("go", agent="assistant", model=model, policy=ALLOW)
    return await run(assistant(settings), task, FakeKernel())


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "schema", [UNION, DANGLING, {"type": "array"}, {"type": "object", "properties": 5}], ids=str
)
async def test_a_tool_with_a_broken_schema_costs_the_others_nothing(
    model: str, schema: Any, provider: Provider, settings: Settings
) -> None:
    provider.script = [calls(Made("good", '{"a": "x"}')), says("Done.")]

    ended = await answered(settings, provider, model, tool("good", PLAIN), tool("broken", schema))

    assert (ended.error, ended.text) == (None, "Done.")
    assert list(ended.results.values()) == ["good ran"]
    told = json.dumps(ended.customs("lobu.tools"))
    assert ("broken" in told) == (schema is not UNION)
    assert ('"broken"' in json.dumps(provider.requests[0].body["tools"])) == (schema is UNION)


def test_the_members_of_all_branches_can_be_given() -> None:
    fitted = fit_schema(UNION)

    assert fitted is not None
    assert (fitted["type"], sorted(fitted["properties"])) == ("object", ["a", "b"])
    assert fit_schema(PLAIN) == PLAIN


@pytest.mark.parametrize(
    ("schema", "fitted"),
    [
        ({"type": ["object", "null"]}, {}),
        ({"properties": {"a": {"default": math.nan}}}, None),
        ({"type": ["array", "null"]}, None),
        ({"properties": {"a": 5, "b": True}}, {"properties": {"a": {}, "b": {}}}),
        ({"properties": {"a": {}}, "required": ["a", "b", 5]}, {"properties": {"a": {}}, "required": ["a"]}),
        ({"properties": {"a": {}}, "required": "a"}, {"properties": {"a": {}}, "required": []}),
        ({"additionalProperties": "x"}, {}),
        ({"properties": {"a": {"type": "array"}}}, {"properties": {"a": {"type": "array", "items": {}}}}),
        (
            {"properties": {"a": {"type": ["array", "null"], "items": True}}},
            {"properties": {"a": {"type": ["array", "null"], "items": {}}}},
        ),
        ({"properties": {f"a{LONE}": {}}}, {"properties": {"a\ufffd": {}}}),
        (
            {"properties": {"a": {"anyOf": [7, {"type": "array"}]}}},
            {"properties": {"a": {"anyOf": [{}, {"type": "array", "items": {}}]}}},
        ),
        ({"$defs": {"X": {"$ref": "#/$defs/X"}}, "properties": {"a": {"$ref": "#/$defs/X"}}}, None),
        (
            {
                "$defs": {"X": {"$ref": "#/$defs/Y"}, "Y": {"$ref": "#/$defs/X"}},
                "properties": {"a": {"$ref": "#/$defs/Y"}},
            },
            None,
        ),
        (
            {
                "$defs": {"X": {"properties": {"x": {"$ref": "#/$defs/X"}}}},
                "properties": {"a": {"$ref": "#/$defs/X"}},
            },
            {
                "$defs": {"X": {"properties": {"x": {"$ref": "#/$defs/X"}}}},
                "properties": {"a": {"$ref": "#/$defs/X"}},
            },
        ),
    ],
)
def test_a_part_of_a_schema_that_no_provider_reads_is_mended(
    schema: dict[str, Any], fitted: dict[str, Any] | None
) -> None:
    usual = {"type": "object", "properties": {}}

    assert fit_schema(schema) == (None if fitted is None else usual | fitted)


# -- a call's failure is that call's result ---------------------------------------------------------


def failing(error: BaseException) -> Any:
    def act() -> Result:
        raise error

    return act


FAILURES: list[Exception] = [
    ValueError("no base64"),
    KeyError("x"),
    RecursionError("too deep"),
    UnicodeEncodeError("utf-8", LONE, 0, 1, "surrogates not allowed"),
    AssertionError(f"not so {LONE}"),
    OSError("gone"),
    TimeoutError(),
    MemoryError(),
]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
async def test_what_a_call_raises_is_its_result_and_the_run_goes_on(
    error: Exception, provider: Provider, settings: Settings
) -> None:
    provider.script = [calls(Made("wild", '{"a": "x"}')), says("Done.")]

    ended = await answered(settings, provider, MODELS[0], tool("wild", PLAIN, failing(error)))

    assert (ended.error, ended.text) == (None, "Done.")
    assert f"wild failed. {type(error).__name__}" in next(iter(ended.results.values()))


async def test_a_preview_that_fails_is_the_calls_result(provider: Provider, settings: Settings) -> None:
    async def preview(work: Any, args: Any) -> Preview:
        raise ValueError("no preview")

    wild = tool("wild", PLAIN)
    asking = BoundTool(ToolSpec(name="wild", parameters=PLAIN), wild.run, preview)
    settings["tool_sources"] = (Source(asking),)  # pyright: ignore[reportGeneralTypeIssues]
    provider.script = [calls(Made("wild", '{"a": "x"}')), says("Done.")]

    ended = await run(assistant(settings), task_for("go", agent="assistant", model=MODELS[0]), FakeKernel())

    assert (ended.error, ended.text) == (None, "Done.")
    assert "wild failed" in next(iter(ended.results.values()))


async def test_arguments_that_cannot_be_checked_are_the_calls_result(
    provider: Provider, settings: Settings
) -> None:
    pattern = {"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}
    provider.script = [calls(Made("wild", '{"a": "x"}')), says("Done.")]

    ended = await answered(settings, provider, MODELS[0], tool("wild", pattern))

    assert (ended.error, ended.text) == (None, "Done.")
    assert "wild failed" in next(iter(ended.results.values()))


async def test_a_kernels_loss_still_ends_the_run(provider: Provider, settings: Settings) -> None:
    provider.script = [calls(Made("wild", '{"a": "x"}')), says("Done.")]

    with pytest.raises(KernelGone):
        await answered(settings, provider, MODELS[0], tool("wild", PLAIN, failing(KernelGone())))
