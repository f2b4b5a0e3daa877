"""Outside MCP clients use the kernel and the notebook under the person's policy: the mcp package's own client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import httpx2
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from tests.scenarios.person import Person
from tests.servers import RealServer, wait_for

NOTEBOOK = "work.ipynb"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    server = RealServer(tmp_path_factory.mktemp("server"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def kernel(server: RealServer) -> str:
    body = {"path": NOTEBOOK, "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    person = Person(server)
    return person.ok(person.http.post(f"{server.url}api/sessions", json=body))["kernel"]["id"]


@pytest.fixture
def person(server: RealServer) -> Person:
    return Person(server)


@asynccontextmanager
async def client(server: RealServer, notebook: str | None = NOTEBOOK) -> AsyncIterator[ClientSession]:
    url = f"{server.url}lobu/api/mcp" + (f"?notebook={notebook}" if notebook else "")
    http = httpx2.AsyncClient(headers={"Authorization": f"token {server.token}"}, timeout=60)
    async with (
        http,
        streamable_http_client(url, http_client=http) as (reads, writes, *_),
        ClientSession(reads, writes) as session,
    ):
        await session.initialize()
        yield session


def text_of(result: Any) -> str:
    return "".join(part.text for part in result.content if part.type == "text")


def threads_of(person: Person) -> list[dict[str, Any]]:
    return person.ok(person.http.get("threads", params={"name": f"mcp:{NOTEBOOK}"}))["threads"]


def waiting(person: Person) -> str:
    """Return the thread of the call that waits for the person."""

    def found() -> str:
        return next((t["threadId"] for t in threads_of(person) if t["status"] == "waiting"), "")

    wait_for("the question", lambda: bool(found()), 60)
    return found()


async def test_a_call_asks_and_runs_in_the_live_kernel(
    server: RealServer, kernel: str, person: Person
) -> None:
    told: list[str] = []

    async def progress(count: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    async with client(server) as session:
        names = [tool.name for tool in (await session.list_tools()).tools]
        call = asyncio.create_task(
            session.call_tool("run_code", {"code": "x = 6 * 7\nprint(x)"}, progress_callback=progress)
        )
        thread = await asyncio.to_thread(waiting, person)
        (question,) = person.interrupts(thread)
        approved = await asyncio.to_thread(person.approve, thread)
        result = await call
        looked = await session.call_tool("list_variables", {})

    assert {"run_code", "run_cell", "get_result"} <= set(names)
    assert "list_notebooks" not in names
    assert question["metadata"]["lobu"]["args"] == {"code": "x = 6 * 7\nprint(x)"}
    assert ("42" in text_of(result), result.is_error) == (True, False)
    assert "x" in text_of(looked)
    assert any("Needs approval in JupyterLab" in message for message in told)
    run = person.run(approved["runId"])
    assert (run["agent"], threads_of(person)[0]["title"]) == ("mcp-client", f"MCP clients in {NOTEBOOK}")


async def test_a_rejected_call_is_not_run(server: RealServer, kernel: str, person: Person) -> None:
    async with client(server) as session:
        call = asyncio.create_task(session.call_tool("run_code", {"code": "rejected = 1"}))
        thread = await asyncio.to_thread(waiting, person)
        reply = await asyncio.to_thread(person.resume, thread, {"approved": False, "reason": "not this"})
        assert reply.status_code == 202
        result = await call
        looked = await session.call_tool("list_variables", {})

    assert "not this" in text_of(result)
    assert "rejected" not in text_of(looked)


async def test_a_call_outlives_its_client_and_runs_once(
    server: RealServer, kernel: str, person: Person
) -> None:
    args = {"code": "count = globals().get('count', 0) + 1\nprint('count', count)"}
    async with client(server) as session:
        gone = asyncio.create_task(session.call_tool("run_code", args))
        thread = await asyncio.to_thread(waiting, person)
        gone.cancel()
    (question,) = person.interrupts(thread)

    async with client(server) as session:
        again = asyncio.create_task(session.call_tool("run_code", args))
        await asyncio.to_thread(person.approve, thread)
        result = await again
        later = await session.call_tool(
            "get_result", {"callId": question["runId"] if "runId" in question else _run(person, thread)}
        )

    assert "count 1" in text_of(result)
    assert "count 1" in text_of(later)


def _run(person: Person, thread: str) -> str:
    runs = person.ok(person.http.get("runs", params={"threadId": thread}))["runs"]
    return next(run["runId"] for run in runs if not run.get("parentRunId"))


async def test_without_a_notebook_each_tool_takes_one(server: RealServer, kernel: str) -> None:
    async with client(server, None) as session:
        tools = {tool.name: tool.input_schema for tool in (await session.list_tools()).tools}
        listed = await session.call_tool("list_notebooks", {})
        looked = await session.call_tool("list_variables", {"notebook": NOTEBOOK})
        bare = await session.call_tool("list_variables", {})

    assert "notebook" in tools["run_code"]["required"]
    assert NOTEBOOK in text_of(listed).splitlines()
    assert not looked.is_error
    assert bare.is_error
    assert "must be a text of up to 1024 characters (notebook)" in text_of(bare)


@pytest.mark.parametrize(
    ("name", "args", "word"),
    [
        ("nothing", {}, "there is no tool"),
        ("get_result", {"callId": "run_0"}, "run"),
        ("get_result", {}, "callId"),
        ("get_result", {"callId": "r" * 201}, "callId"),
    ],
)
async def test_a_call_that_makes_no_sense_is_an_error_of_its_own(
    server: RealServer, kernel: str, name: str, args: dict[str, Any], word: str
) -> None:
    async with client(server) as session:
        result = await session.call_tool(name, args)

    assert result.is_error
    assert word in text_of(result)


async def test_a_notebook_without_end_makes_no_thread(server: RealServer, person: Person) -> None:
    async with client(server, None) as session:
        result = await session.call_tool("read_notebook", {"notebook": "n" * 1025})

    assert result.is_error
    assert "(notebook)" in text_of(result)
    threads = person.ok(person.http.get("threads"))["threads"]
    assert all(len(thread["notebookPath"] or "") <= 1024 for thread in threads)


def test_only_a_person_comes_in(server: RealServer) -> None:
    url = f"{server.url}lobu/api/mcp"
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}

    assert httpx.post(url, json=ping).status_code == 403
    assert httpx.post(url, json=ping, headers={"Authorization": "token wrong"}).status_code == 403
    deep = httpx.post(url, content=b"[" * 300_000, headers={"Authorization": f"token {server.token}"})
    assert (deep.status_code, "nests deeper" in deep.text) == (400, True)
    long = httpx.post(
        url, json=ping, params={"notebook": "x" * 5000}, headers={"Authorization": f"token {server.token}"}
    )
    assert (long.status_code, "notebook" in long.text) == (422, True)
