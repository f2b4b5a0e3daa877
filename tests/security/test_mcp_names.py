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
import json, sys, asyncio
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

def tools():
    return json.load(open(sys.argv[1]))

async def listed(*_):
    return types.ListToolsResult(tools=[types.Tool(name=n, input_schema=s) for n, s in tools().items()])

async def called(_, params):
    return types.CallToolResult(content=[types.TextContent(type="text", text="ran " + params.name)])

async def main():
    server = Server("box", on_list_tools=listed, on_call_tool=called)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

asyncio.run(main())
"""
ANY: dict[str, Any] = {"type": "object", "properties": {}}


class Box:
    """An MCP server whose tools are in a file."""

    def __init__(self, home: Path) -> None:
        (home / "box.py").write_text(SERVER)
        self._tools = home / "tools.json"
        command = [sys.executable, str(home / "box.py"), str(self._tools)]
        self.servers = McpServers({"box": {"command": command}})

    def offer(self, **tools: dict[str, Any]) -> None:
        self._tools.write_text(json.dumps(tools))


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
