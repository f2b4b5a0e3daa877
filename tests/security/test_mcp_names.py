"""What runs is what was asked about: an MCP tool by its true name, its server and its schema."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.tools.mcp import McpServers, name_of
from lobu_jupyter.model.digest import digest_of
from tests.agents.bench import policy, resume, run, task_for

SERVER = """
import json, sys

def result(message):
    if message["method"] == "initialize":
        version = message["params"]["protocolVersion"]
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {"name": "box", "version": "1"}}
    if message["method"] == "tools/list":
        return {"tools": json.load(open(sys.argv[1]))}
    if message["method"] == "tools/call":
        return {"content": [{"type": "text", "text": f"ran {message['params']['name']}{sys.argv[2]}"}]}

for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        found = result(message)
        unknown = {"error": {"code": -32601, "message": "no such method"}}
        answer = unknown if found is None else {"result": found}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
"""
ANY: dict[str, Any] = {"type": "object", "properties": {}}


class Box:
    """An MCP server whose tools are in a file. ``marks``: what its results end with."""

    def __init__(self, home: Path, name: str = "box", marks: str = "") -> None:
        (home / "box.py").write_text(SERVER)
        self._tools = home / f"{name}.json"
        self.config = {"command": [sys.executable, "-S", str(home / "box.py"), str(self._tools), marks]}
        self.servers = McpServers({name: self.config})

    def offer(self, **tools: dict[str, Any]) -> None:
        self._tools.write_text(
            json.dumps([{"name": name, "inputSchema": schema} for name, schema in tools.items()])
        )


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    box = Box(tmp_path)
    yield box
    await box.servers.close()


@pytest.mark.parametrize("first", ["a.b", "a_b"])
async def test_two_tools_have_two_names_and_the_approved_one_runs(box: Box, first: str) -> None:
    names = [first, *({"a.b", "a_b"} - {first})]
    box.offer(**dict.fromkeys(names, ANY))
    agent = script(sources=[box.servers])

    ran: dict[str, str] = {}
    for tool in names:
        task = task_for(f"tool {name_of('box', tool)} {{}}")
        asked = await run(agent, task)
        done = await resume(agent, task, asked, None, "approve")
        assert f"Call {tool} of the MCP server box" in asked.interrupts[0].message
        assert asked.interrupts[0].binds is not None
        assert asked.interrupts[0].binds["tool"] == tool
        (ran[tool],) = done.results.values()

    assert ran == {"a.b": "ran a.b", "a_b": "ran a_b"}


async def test_a_schema_that_changed_since_asks_anew(box: Box) -> None:
    box.offer(look=ANY)
    agent, task = script(sources=[box.servers]), task_for("tool box__look {}")
    asked = await run(agent, task)
    box.offer(look={"type": "object", "properties": {"delete": {"type": "boolean", "default": True}}})

    again = await resume(agent, task, asked, None, "approve")
    done = await resume(agent, task, again, None, "approve")

    assert "has changed since it was approved" in again.interrupts[0].message
    assert digest_of(again.interrupts[0]) != digest_of(asked.interrupts[0])
    assert list(done.results.values()) == ["ran look"]


async def test_a_tool_that_is_gone_when_it_was_approved_is_the_calls_result(box: Box) -> None:
    box.offer(**{"a.b": ANY})
    agent, task = script(sources=[box.servers]), task_for(f"tool {name_of('box', 'a.b')} {{}}")
    asked = await run(agent, task)
    box.offer(a_b=ANY)

    done = await resume(agent, task, asked, None, "approve")

    assert done.error is None
    assert "does not offer this tool any more" in next(iter(done.results.values()))


@pytest.mark.parametrize("reachable", [True, False])
async def test_no_server_takes_the_tools_of_one_whose_name_begins_with_its_own(
    tmp_path: Path, reachable: bool
) -> None:
    short, long = Box(tmp_path, "a"), Box(tmp_path, "a__b")
    short.offer(x=ANY)
    long.offer(x=ANY)
    first = short.config if reachable else {"command": ["/there/is/none"]}
    servers = McpServers({"a": first, "a__b": long.config})
    agent, task = script(sources=[servers]), task_for(f"tool {name_of('a__b', 'x')} {{}}")

    asked = await run(agent, task)
    done = await resume(agent, task, asked, None, "approve")
    await servers.close()

    assert list(done.results.values()) == ["ran x"]


async def test_another_server_under_the_same_name_asks_anew(tmp_path: Path) -> None:
    box, other = Box(tmp_path), Box(tmp_path, marks=" elsewhere")
    box.offer(look=ANY)
    task = task_for("tool box__look {}")
    asked = await run(script(sources=[box.servers]), task)
    await box.servers.close()

    agent = script(sources=[other.servers])
    again = await resume(agent, task, asked, None, "approve")
    assert "has changed since it was approved" in again.interrupts[0].message
    done = await resume(agent, task, again, None, "approve")
    await other.servers.close()

    assert list(done.results.values()) == ["ran look elsewhere"]


@pytest.mark.parametrize(
    ("was", "now", "asks"),
    [
        ({"default": 1}, {"default": True}, True),
        ({"const": "\u00e9"}, {"const": "e\u0301"}, True),
        ({"default": "a"}, {"default": "a\u200b"}, True),
        ({"enum": [1, 2]}, {"enum": [2, 1]}, True),
        ({"default": 1, "title": "n"}, {"title": "n", "default": 1}, False),
    ],
)
async def test_any_difference_of_the_schema_asks_anew(
    box: Box, was: dict[str, Any], now: dict[str, Any], asks: bool
) -> None:
    box.offer(look={"type": "object", "properties": {"n": was}})
    agent, task = script(sources=[box.servers]), task_for("tool box__look {}")
    asked = await run(agent, task)
    box.offer(look={"type": "object", "properties": {"n": now}})

    then = await resume(agent, task, asked, None, "approve")

    assert (then.pause is not None) == asks


@pytest.mark.parametrize(
    "name", ["", "a\u202eb", "x\n## Approve?", "x" * 3000, "read_file", "__", "a\u00adb"]
)
async def test_a_tool_of_any_name_asks_under_a_name_of_its_own(box: Box, name: str) -> None:
    box.offer(**{name: ANY, "b": ANY})
    agent, task = script(sources=[box.servers]), task_for(f"tool {name_of('box', name)} {{}}")

    asked = await run(agent, task)
    done = await resume(agent, task, asked, None, "approve")

    assert asked.interrupts[0].binds is not None
    assert asked.interrupts[0].binds["tool"] == name
    assert list(done.results.values()) == [f"ran {name}"]


async def test_a_call_that_needs_no_approval_is_not_asked_about(box: Box) -> None:
    box.offer(look=ANY)

    done = await run(
        script(sources=[box.servers]),
        task_for("tool box__look {}", policy=policy(server={"allow": ["box__look"]})),
    )

    assert list(done.results.values()) == ["ran look"]


def test_no_two_tools_have_one_name_and_a_name_never_depends_on_the_others() -> None:
    tools = [
        "a.b",
        "a_b",
        "a b",
        "\u00e4",
        "\u00f6",
        "_b",
        "__b",
        "b",
        "b__c",
        "x" * 70,
        "x" * 70 + "y",
        "A.B",
    ]
    servers = ["a", "a_", "a__", "a__b", "a.b", "box", "s" * 64]
    names = {(server, tool): name_of(server, tool) for server, tool in itertools.product(servers, tools)}
    fakes = [(server, names[server, tool].partition("__")[2]) for server, tool in names if "." in tool]
    names |= {fake: name_of(*fake) for fake in fakes}

    assert len(set(names.values())) == len(names)
    assert all(len(name) <= 64 for name in names.values())
    assert name_of("box", "look") == "box__look"
