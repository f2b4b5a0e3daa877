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


# -- long calls ---------------------------------------------------------------------------------------


async def test_progress_keeps_a_call_alive_and_is_on_its_card() -> None:
    servers = McpServers({"numbers": {**STDIO, "seconds": 1.0}})

    ended = await ran(servers, 'tool numbers__slow {"steps": 6, "seconds": 0.3}')
    silent = await ran(servers, 'tool numbers__slow {"steps": 1, "seconds": 30}')

    assert only(ended) == "slowly done"
    assert {"working · 3 of 6"} <= {note["text"] for note in ended.customs("lobu.note")}
    assert "did not answer within 1 s" in only(silent)
    await servers.close()


# -- a server that is away ----------------------------------------------------------------------------


async def test_a_server_that_failed_is_told_of_once_and_tried_again_after_a_growing_delay() -> None:
    now = 0.0
    tries: list[float] = []
    servers = McpServers({"numbers": {"command": ["/nowhere/mcp"]}}, clock=lambda: now)
    (server,) = servers._servers  # pyright: ignore[reportPrivateUsage]
    opening = server._open  # pyright: ignore[reportPrivateUsage]

    async def opened() -> Any:
        tries.append(now)
        return await opening()

    server._open = opened  # type: ignore[method-assign]  # pyright: ignore[reportPrivateUsage]
    told: list[Any] = []
    for at in (0.0, 1.0, 29.0, 31.0, 60.0, 92.0, 100.0):
        now = at
        told += (await ran(servers, "say hello")).customs("lobu.mcp")

    assert tries == [0.0, 31.0, 92.0]
    assert len(told) == 1
    await servers.close()


async def test_a_server_that_is_there_again_is_used_after_its_delay() -> None:
    now = 0.0
    config: dict[str, Any] = {"command": ["/nowhere/mcp"]}
    servers = McpServers({"numbers": config}, clock=lambda: now)

    await ran(servers, "say hello")
    config.update(STDIO)
    now = 31.0
    ended = await ran(servers, 'tool numbers__add {"a": 2, "b": 3}')

    assert only(ended) == "5"
    await servers.close()


# -- which commands are started -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "starts"),
    [
        (None, True),
        ([], False),
        ([sys.executable], True),
        ([f"{sys.executable} {SERVER}"], True),
        ([f"{sys.executable} other.py"], False),
        (["python", SERVER, ""], False),
        ([sys.executable[:-1]], False),
    ],
)
async def test_only_allowed_commands_are_started(allowed: list[str] | None, starts: bool) -> None:
    servers = McpServers({"numbers": STDIO}, commands=allowed)

    ended = await ran(servers, 'tool numbers__add {"a": 2, "b": 3}')

    told = [note["message"] for note in ended.customs("lobu.mcp")]
    assert bool(told) is not starts
    assert starts or "LobuApp.mcp_allowed_commands" in told[0]
    await servers.close()


# -- resources and prompts ----------------------------------------------------------------------------


async def test_resources_and_prompts_are_listed_and_read(servers: McpServers) -> None:
    allowed = policy(server={"allow": ["read_resource", "get_prompt"]})

    listed = await ran(servers, 'tool list_resources {"server": "numbers"}')
    read = await ran(servers, 'tool read_resource {"server": "numbers", "uri": "note://today"}', allowed)
    missing = await ran(servers, 'tool read_resource {"server": "numbers", "uri": "note://no"}', allowed)
    greeted = await ran(
        servers,
        'tool get_prompt {"server": "numbers", "name": "greet", "arguments": {"name": "Ada"}}',
        allowed,
    )

    assert only(listed).splitlines() == [
        "note://today - Today: What is planned.",
        "prompt greet(name) - greet: Greet somebody.",
    ]
    assert "water the plants" in only(read)
    assert only(missing).startswith("The MCP server numbers: ")
    assert only(greeted) == "user: Say hello to Ada."


async def test_a_resource_is_asked_about_by_its_server_and_address(servers: McpServers) -> None:
    asked = await ran(servers, 'tool read_resource {"server": "numbers", "uri": "note://today"}', Policy())

    (interrupt,) = asked.interrupts
    assert interrupt.message == "read_resource note://today of the MCP server numbers?"


# -- elicitation --------------------------------------------------------------------------------------


@pytest.fixture
async def old() -> AsyncIterator[McpServers]:
    """A server that asks by a request in the middle of its call."""
    servers = McpServers({"numbers": {**STDIO, "env": {"NUMBERS_OLD": "1"}}})
    yield servers
    await servers.close()


def held_of(ended: Ended) -> Any:
    assert ended.pause is not None
    assert ended.pause.held is not None
    return ended.pause.held


@pytest.mark.parametrize("tool", ["fill", "fill_anew"])
async def test_a_form_is_a_question_and_the_call_goes_on_with_the_answers(
    servers: McpServers, old: McpServers, tool: str
) -> None:
    source = old if tool == "fill" else servers
    agent, task = script(sources=[source]), task_for(f"tool numbers__{tool} {{}}", policy=ALLOW)

    asked = await run(agent, task)
    waits = asyncio.create_task(held_of(asked).ended())
    answers = {"kind": "answer", "answers": {"color": "red", "count": "3"}}
    done = await resume(agent, task, asked, None, answers)

    (interrupt,) = asked.interrupts
    assert (interrupt.reason, interrupt.in_memory) == ("input_required", True)
    assert [q["options"] for q in interrupt.questions] == [["red", "blue"], []]
    assert interrupt.questions[0]["question"].startswith("numbers asks: Which paint?")
    assert only(done) == "accept {'color': 'red', 'count': 3}"
    assert await waits is None


@pytest.mark.parametrize("how", ["reject", {"kind": "answer", "answers": {"color": "red", "count": "many"}}])
async def test_a_form_without_a_fitting_answer_is_not_filled_in(old: McpServers, how: Any) -> None:
    agent, task = script(sources=[old]), task_for("tool numbers__fill {}", policy=ALLOW)

    asked = await run(agent, task)
    done = await resume(agent, task, asked, None, how)

    assert only(done).split()[0] == ("decline" if how == "reject" else "cancel")


async def test_an_address_is_shown_whole_and_opened_by_the_person(old: McpServers) -> None:
    address = "https://example.org/login?state=1"
    agent, task = (
        script(sources=[old]),
        task_for(f'tool numbers__sign_in {{"url": "{address}"}}', policy=ALLOW),
    )

    asked = await run(agent, task)
    done = await resume(agent, task, asked, None, {"kind": "answer", "answers": {"url": "Done"}})

    (question,) = asked.interrupts[0].questions
    assert question["question"].endswith(address)
    assert only(done).startswith("accept ")


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "http://example.org/", "https://user:pw@example.org/", "file:///etc/passwd"],
)
async def test_an_address_that_nobody_should_open_is_declined(old: McpServers, address: str) -> None:
    ended = await ran(old, f'tool numbers__sign_in {{"url": "{address}"}}')

    assert ended.pause is None
    assert only(ended).startswith("decline ")


@pytest.mark.parametrize(
    "rules",
    [
        Policy(layers=ALLOW.layers, answerable=False),
        policy(server={"allow": ["numbers__*"], "deny": ["ask_user"]}),
    ],
)
async def test_where_nobody_may_be_asked_the_server_is_declined(old: McpServers, rules: Policy) -> None:
    ended = await ran(old, "tool numbers__fill {}", rules)

    assert ended.pause is None
    assert only(ended).startswith("decline")


async def test_a_question_ends_with_its_server(old: McpServers) -> None:
    agent = script(sources=[old])
    pid = int(only(await ran(old, "tool numbers__who {}")).split()[0])
    asked = await run(agent, task_for("tool numbers__fill {}", policy=ALLOW))

    psutil.Process(pid).kill()

    assert "ended its call while it asked" in str(await asyncio.wait_for(held_of(asked).ended(), 20))


async def test_a_question_that_is_let_go_ends_its_call(old: McpServers) -> None:
    agent, task = script(sources=[old]), task_for("tool numbers__fill {}", policy=ALLOW)
    asked = await run(agent, task)

    held_of(asked).let_go()
    done = await resume(agent, task, asked, None, "reject")

    assert "does not wait for this answer any more" in only(done)


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
