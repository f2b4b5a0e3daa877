"""MCP servers as tools of the built-in agents, with a real one: asked about, called once, survived when dead."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.tools.mcp import McpServers
from lobu_jupyter.model.policy import Policy
from tests.agents.bench import Ended, policy, resume, run, task_for
from tests.servers import wait_for

SERVER = str(Path(__file__).with_name("mcp_server.py"))
STDIO = {"command": [sys.executable, SERVER], "env": {"NUMBERS_KEY": "hush"}}
ALLOW = policy(server={"allow": ["numbers__*"]})


@pytest.fixture
async def servers() -> AsyncIterator[McpServers]:
    servers = McpServers({"numbers": STDIO})
    yield servers
    await servers.close()


async def ran(servers: McpServers, prompt: str, rules: Policy = ALLOW) -> Ended:
    return await run(script(sources=[servers]), task_for(prompt, policy=rules))


def only(ended: Ended) -> str:
    (result,) = ended.results.values()
    return result


async def test_a_tool_of_an_mcp_server_is_asked_about_and_then_called(servers: McpServers) -> None:
    agent, task = script(sources=[servers]), task_for('tool numbers__add {"a": 2, "b": 3}')

    asked = await run(agent, task)
    done = await resume(agent, task, asked, None, "approve")

    (interrupt,) = asked.interrupts
    assert (interrupt.tool_name, interrupt.args) == ("numbers__add", {"a": 2, "b": 3})
    assert only(done) == "5"


async def test_its_own_error_and_wrong_arguments_are_results(servers: McpServers) -> None:
    failed = await ran(servers, "tool numbers__fail {}")
    wrong = await ran(servers, 'tool numbers__add {"a": "x"}')

    assert "it cannot be done" in only(failed)
    assert "do not fit" in only(wrong)
    assert failed.error is None


async def test_an_image_that_is_no_base64_is_named_and_the_run_goes_on(servers: McpServers) -> None:
    ended = await ran(servers, "tool numbers__smudge {}")

    assert ended.error is None
    assert "an image, image/png, cannot be decoded" in only(ended)
    assert only(await ran(servers, 'tool numbers__add {"a": 2, "b": 3}')).startswith("5")


async def test_a_policy_denies_by_the_servers_name(servers: McpServers) -> None:
    ended = await ran(servers, "tool numbers__who {}", policy(server={"deny": ["numbers__*"]}))

    assert "server policy denies numbers__*" in only(ended)


async def test_one_connection_serves_all_runs_with_its_credential(servers: McpServers) -> None:
    first, second = [only(await ran(servers, "tool numbers__who {}")) for _ in range(2)]

    assert first == second
    assert first.endswith(" True")


async def test_a_server_that_dies_in_a_call_is_the_calls_error_and_is_there_again(
    servers: McpServers,
) -> None:
    died = await ran(servers, 'tool numbers__die {}\ntool numbers__add {"a": 1, "b": 1}')

    assert died.error is None
    assert ["MCP server numbers" in text for text in died.results.values()] == [True, False]
    assert list(died.results.values())[1] == "2"


async def test_a_server_that_died_in_between_is_connected_anew(servers: McpServers) -> None:
    pid = int(only(await ran(servers, "tool numbers__who {}")).split()[0])

    psutil.Process(pid).kill()
    again = only(await ran(servers, "tool numbers__who {}"))

    assert int(again.split()[0]) != pid


async def test_a_server_that_is_not_there_is_a_note_and_the_run_goes_on() -> None:
    servers = McpServers({"numbers": {"command": ["/nowhere/mcp"]}, "empty": {}})

    ended = await ran(servers, "say hello")

    assert "hello" in ended.text
    assert {note["server"] for note in ended.customs("lobu.mcp")} == {"numbers", "empty"}
    await servers.close()


async def test_a_decided_call_of_a_server_that_is_gone_gets_its_result(servers: McpServers) -> None:
    task = task_for('tool numbers__add {"a": 2, "b": 3}')
    asked = await run(script(sources=[servers]), task)
    gone = McpServers({"numbers": {"command": ["/nowhere/mcp"]}})

    done = await resume(script(sources=[gone]), task, asked, None, "approve")

    assert "cannot be reached" in only(done)
    assert done.error is None


async def test_closing_leaves_no_process(servers: McpServers) -> None:
    pid = int(only(await ran(servers, "tool numbers__who {}")).split()[0])

    await servers.close()

    await asyncio.to_thread(wait_for, "its end", lambda: not psutil.pid_exists(pid))


@pytest.fixture
def http_port() -> Iterator[int]:
    """The port of an MCP server over HTTP."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, SERVER, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for("the MCP server", lambda: _answers(port))
        yield port
    finally:
        process.kill()
        process.wait(timeout=60)


async def test_a_server_over_http_is_called_too(http_port: int) -> None:
    config: dict[str, Any] = {"url": f"http://127.0.0.1:{http_port}/mcp", "headers": {"X-Key": "k"}}
    servers = McpServers({"numbers": config})

    ended = await ran(servers, 'tool numbers__add {"a": 2, "b": 3}')

    assert only(ended) == "5"
    await servers.close()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code > 0
    except httpx.TransportError:
        return False
