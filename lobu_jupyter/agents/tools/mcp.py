"""MCP servers of the server's configuration as tools, named ``server__tool`` for the policy (:func:`name_of`).

An approval covers the server, the tool by its true name, its schema and the arguments. If name or schema have changed
when the call is to run, the person is asked anew.

Configuration, by name: ``{"command": [...], "env"?: {…}, "inherit"?: [variables], "cwd"?}`` (stdio) or ``{"url", "headers"?: {…}}``
(streamable HTTP), both with ``"seconds"?`` for a call. Each worker has one connection per server. The first run that
needs it opens it, and each run checks it at its start. A lost server is a note to the person and an error of the call,
never the end of a run. A call is not repeated automatically, because it may have acted.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lobu_jupyter.agents.processes import leashed
from lobu_jupyter.model.digest import canonical
from lobu_jupyter.model.environment import for_program
from lobu_jupyter.model.events import custom
from lobu_jupyter.model.ports import ToolSpec

from .base import BoundTool, Call, Outdated, Preview, Result, ToolError, Work
from .mcp_results import result_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp import Client
    from mcp.types import CallToolResult, Tool

OPEN_SECONDS = 20.0
CALL_SECONDS = 120.0
MOST_NAME = 64
DIGITS = 12
_DIGESTED = re.compile(rf"_[0-9a-f]{{{DIGITS}}}$")  # a true name with this ending may imitate another's
HOW_TO_INSTALL = "The package mcp is not installed on the server: pip install 'lobu_jupyter[mcp]'."

log = logging.getLogger(__name__)


class McpGone(Exception):
    """A server that cannot be reached. The message says why, without its credentials."""


class McpServers:
    """The configured servers as a source of tools."""

    def __init__(self, configured: Mapping[str, dict[str, Any]]) -> None:
        self._servers = [McpServer(name, config) for name, config in configured.items()]

    async def tools(self, work: Work) -> list[BoundTool]:
        found = await asyncio.gather(*(_tools_of(server, work) for server in self._servers))
        return [tool for tools in found for tool in tools]

    async def close(self) -> None:
        """End all connections, and with them the processes."""
        await asyncio.gather(*(server.close() for server in self._servers))


async def _tools_of(server: McpServer, work: Work) -> list[BoundTool]:
    try:
        listed = await server.listed()
    except McpGone as gone:
        await work.emit(custom("lobu.mcp", {"server": server.name, "message": str(gone)}))
        return [_unreachable(name, str(gone)) for name in _owed(server, work)]
    withdrawn = f"The MCP server {server.name} does not offer this tool any more."
    missing = [_unreachable(name, withdrawn) for name in _owed(server, work) if name not in listed]
    return [*missing, *(_bound(server, name, tool) for name, tool in listed.items())]


def _owed(server: McpServer, work: Work) -> list[str]:
    """Return the server's tools that the run's decisions are about."""
    asked = work.task.resumption.interrupts if work.task.resumption is not None else ()
    names = {i.tool_name for i in asked if i.tool_name}
    return [name for name in names if name.startswith(f"{_plain(server.name)}__")]


class McpServer:
    """One server: connected on demand, reconnected after a loss."""

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        self.name = name
        self._config = config
        self._lock = asyncio.Lock()
        self._client: Client | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def listed(self) -> dict[str, Tool]:
        """Return its tools, by their names for models and the policy.

        Raises:
                McpGone: the server cannot be reached, also not by a new connection.
        """
        async with self._lock:
            if self._client is not None:
                try:
                    return await self._list(self._client)
                except McpGone:
                    await self._drop()
            return await self._list(await self._open())

    async def call(self, tool: str, args: dict[str, Any]) -> CallToolResult:
        """Call one tool, once.

        Raises:
                McpGone: no answer came, so the tool may or may not have acted.
        """
        async with self._lock:
            client = self._client or await self._open()
        seconds = float(self._config.get("seconds") or CALL_SECONDS)
        try:
            async with asyncio.timeout(seconds):
                return await client.call_tool(tool, args)
        except TimeoutError as error:
            raise McpGone(f"The MCP server {self.name} did not answer within {seconds:g} s.") from error
        except Exception as error:  # a transport may raise anything, and the call's result names it
            async with self._lock:
                if client is self._client:
                    await self._drop()
            raise McpGone(f"The MCP server {self.name} failed: {_why(error)}") from error

    async def close(self) -> None:
        """End the connection."""
        async with self._lock:
            await self._drop()

    async def _list(self, client: Client) -> dict[str, Tool]:
        tools: list[Tool] = []
        cursor: str | None = None
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                while True:
                    page = await client.list_tools(cursor=cursor, cache_mode="bypass")
                    tools += page.tools
                    cursor = page.next_cursor
                    if cursor is None:
                        break
        except Exception as error:  # as in call
            raise McpGone(f"The MCP server {self.name} cannot be reached: {_why(error)}") from error
        return {name_of(self.name, tool.name): tool for tool in tools}

    async def _open(self) -> Client:
        """Connect, in a task of its own, because a connection must end in the task that began it."""
        self._closing = asyncio.Event()
        ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep(ready, self._closing), name=f"mcp {self.name}")
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                self._client = await ready
        except TimeoutError as error:
            await self._drop()
            raise McpGone(f"The MCP server {self.name} did not start in {OPEN_SECONDS:g} s.") from error
        return self._client

    async def _keep(self, ready: asyncio.Future[Client], closing: asyncio.Event) -> None:
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(await _client(self._config, stack))
                ready.set_result(client)
                await closing.wait()
        except Exception as error:  # noqa: BLE001 -- as in call. A failure before the connection stands goes to `ready`
            log.info("the connection to the MCP server %s ended: %s", self.name, _why(error))
            if not ready.done():
                ready.set_exception(McpGone(f"The MCP server {self.name} cannot be reached: {_why(error)}"))

    async def _drop(self) -> None:
        self._client = None
        self._closing.set()
        if self._keeper is not None:
            _, late = await asyncio.wait({self._keeper}, timeout=5.0)
            for task in late:
                task.cancel()
            self._keeper = None


async def _client(config: dict[str, Any], stack: AsyncExitStack) -> Client:
    """Return a client that is not yet connected.

    Raises:
        McpGone: the package is missing, or the configuration names no server.
    """
    try:
        from mcp import Client, StdioServerParameters
    except ImportError as error:
        raise McpGone(HOW_TO_INSTALL) from error
    if config.get("command"):
        command, *args = leashed([str(part) for part in config["command"]])
        environment = for_program(os.environ, config)
        return Client(
            StdioServerParameters(command=command, args=args, env=environment, cwd=config.get("cwd"))
        )
    if not config.get("url"):
        raise McpGone("its configuration has neither command nor url")
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    http = httpx2.AsyncClient(headers=config.get("headers") or {}, timeout=CALL_SECONDS)
    return Client(streamable_http_client(config["url"], http_client=await stack.enter_async_context(http)))


def _bound(server: McpServer, name: str, tool: Tool) -> BoundTool:
    binds = {"server": server.name, "tool": tool.name, "schema": _digest(tool)}

    async def run(work: Work, call: Call) -> Result:
        if call.guard and call.guard != binds:
            changed = await preview(work, call.args)
            message = f"{changed.message} It has changed since it was approved."
            raise Outdated(replace(changed, message=message), call.args)
        try:
            answer = await server.call(tool.name, call.args)
        except McpGone as gone:
            raise ToolError(str(gone)) from gone
        return result_of(answer)

    async def preview(work: Work, args: dict[str, Any]) -> Preview:
        message = f"Call {tool.name} of the MCP server {server.name}?"
        return Preview(message=message, guard=binds, binds=binds)

    spec = ToolSpec(
        name=name, description=tool.description or tool.title or "", parameters=dict(tool.input_schema)
    )
    return BoundTool(spec, run, preview)


def _unreachable(name: str, why: str) -> BoundTool:
    async def run(work: Work, call: Call) -> Result:
        raise ToolError(why)

    return BoundTool(ToolSpec(name=name, parameters={"type": "object"}), run)


def name_of(server: str, tool: str) -> str:
    """Return the name of a tool for models and the policy, unique whatever else is offered.

    Providers accept letters, digits, ``_`` and ``-``. If a name must be changed or cut for that, or does not show where
    the server's name ends, a digest of both true names is appended.
    """
    name = f"{_plain(server)}__{_plain(tool)}"
    ends = "__" not in server and not server.endswith("_")
    if ends and name == f"{server}__{tool}" and len(name) <= MOST_NAME and not _DIGESTED.search(name):
        return name
    digest = hashlib.sha256(canonical([server, tool]).encode()).hexdigest()[:DIGITS]
    return f"{name[: MOST_NAME - DIGITS - 1]}_{digest}"


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def _digest(tool: Tool) -> str:
    return hashlib.sha256(canonical(dict(tool.input_schema)).encode()).hexdigest()


def _why(error: BaseException) -> str:
    """Return an error in words, for a group its first error."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]  # pyright: ignore[reportUnknownVariableType]
    return str(error) or type(error).__name__
