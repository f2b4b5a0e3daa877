"""Every field that the document names, with values of the wrong kind: a 4xx that names the field, and never a 500."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.server.conftest import *  # noqa: F403
from tests.server.test_openapi import DOCUMENT, OPERATIONS
from tests.server.wire import Wire

Place = tuple[str | int, ...]
ODD: list[Any] = [[], {"a": 1}, [[{}]], 2**63, "a\0b", True]
WITH_BODIES = [
    (verb, path, operation["requestBody"]["content"]["application/json"])
    for verb, path, operation in OPERATIONS
    if path != "/mcp"  # a JSON-RPC message, whose fields the protocol names and its own library checks
    and "application/json" in operation.get("requestBody", {}).get("content", {})
]


@pytest.fixture
def lobu_config() -> dict[str, Any]:
    return {"default_agent": "demo"}


def shape(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of the document, or the one that it refers to."""
    found: Any = schema
    while "$ref" in found:
        parts, found = found["$ref"].split("/")[1:], DOCUMENT
        for part in parts:
            found = found[part]
    return found


def places(schema: dict[str, Any], path: Place = ()) -> Iterator[Place]:
    """The place of each field that a schema names."""
    for name, part in shape(schema).get("properties", {}).items():
        yield (*path, name)
        yield from places(part, (*path, name))
        yield from places(shape(part).get("items", {}), (*path, name, 0))


def with_odd(body: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    """A body whose member at `place` is `value`; what is missing on the way is made."""
    made = copy.deepcopy(body)
    at: Any = made
    for here, after in pairwise(place):
        if isinstance(here, str) and not isinstance(at.get(here), list if after == 0 else dict):
            at[here] = [{}] if after == 0 else {}
        if here == 0 and not (at and isinstance(at[0], dict)):
            at[:] = [{}]
        at = at[here]
    at[place[-1]] = value
    return made


@pytest.mark.parametrize(
    ("verb", "path", "content"), WITH_BODIES, ids=[f"{v} {p}" for v, p, _ in WITH_BODIES]
)
async def test_a_value_of_the_wrong_kind_is_refused_by_the_name_of_its_field(
    wire: Wire, verb: str, path: str, content: dict[str, Any]
) -> None:
    thread = (await wire.ok("POST", "threads", {}))["threadId"]
    names = {
        "threadId": thread,
        "kernelId": "k",
        "workerId": "w",
        "jobId": "j",
        "callId": "c",
        "name": "openai",
    }
    url = path.strip("/").format_map({**dict.fromkeys(("runId", "grantId"), "none"), **names})
    usual = {**content.get("example", {}), **({"messages": []} if path == "/agui" else {})}
    refused_anyway = await ask(wire, verb, url, usual) if path != "/threads/{threadId}/runs" else ""

    wrong: list[Any] = []
    for place in places(content["schema"]):
        for value in ODD:
            field = await ask(wire, verb, url, with_odd(usual, place, value))
            if field is not None and field != refused_anyway and str(place[0]) not in field:
                wrong.append((place, value, field))
    assert wrong == []


@pytest.mark.parametrize(
    ("verb", "path", "content"), WITH_BODIES, ids=[f"{v} {p}" for v, p, _ in WITH_BODIES]
)
async def test_half_a_character_in_any_field_is_refused_by_the_name_of_the_field(
    wire: Wire, verb: str, path: str, content: dict[str, Any]
) -> None:
    names = ("threadId", "kernelId", "workerId", "jobId", "callId", "runId", "grantId", "name")
    url = path.strip("/").format_map(dict.fromkeys(names, "none"))
    usual = content.get("example", {})
    if (await wire.raw(verb.upper(), url, json.dumps(usual))).code == 403:
        return  # it is not for people, and is refused before the body is read

    for place in places(content["schema"]):
        for half in ("\ud800", {"\udc00": 1}, [["x", "\ud83d y"]]):
            reply = await wire.raw(verb.upper(), url, json.dumps(with_odd(usual, place, half)))
            field = json.loads(reply.body)["error"].get("field", "")
            named = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(
                "."
            )
            assert (reply.code in (400, 422), field.startswith(named)) == (True, True), (
                url,
                place,
                reply.body,
            )


async def test_bytes_that_are_no_text_are_refused_by_the_name_of_their_field(wire: Wire) -> None:
    for odd in (b"\xff", b"\xed\xa0\x80", b"a\xc3"):
        reply = await wire.raw("POST", "threads", b'{"title": "' + odd + b'"}')
        assert (reply.code, json.loads(reply.body)["error"]["field"]) == (422, "title")


async def ask(wire: Wire, verb: str, url: str, body: dict[str, Any]) -> str | None:
    """The field that a request is refused for, None if it is not or is about nothing that is there."""
    reply = await wire.raw(verb.upper(), url, json.dumps(body))
    assert reply.code < 500, (url, body, reply.body[:500])
    return json.loads(reply.body)["error"].get("field", "") if reply.code in (400, 422) else None
