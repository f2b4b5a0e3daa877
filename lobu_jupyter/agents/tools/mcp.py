"""MCP servers of the server's configuration as tools, named ``server__tool`` for the policy (:func:`name_of`).

An approval covers the server, its command or address, the tool by its true name, its schema and the arguments. If one
of them has changed when the call is to run, the person is asked anew.

Configuration, by name: ``{"command": [...], "env"?: {…}, "inherit"?: [variables], "cwd"?}`` (stdio) or ``{"url", "headers"?: {…}}``
(streamable HTTP), both with ``"seconds"?`` for which a call may be silent. Each worker has one connection per server. The
first run that needs it opens it, and each run checks it at its start. A lost server is a note to the person and an error
of the call, never the end of a run. It is tried again after a delay that grows. A call is not repeated automatically,
because it may have acted. While a server asks the person, its call waits (:mod:`.mcp_calls`).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lobu_jupyter.agents.processes import leashed
from lobu_jupyter.model.digest import canonical
from lobu_jupyter.model.environment import for_program
from lobu_jupyter.model.events import custom
from lobu_jupyter.model.mcp_listing import HOW_TO_INSTALL, refusal_of
from lobu_jupyter.model.policy import Verdict, judge
from lobu_jupyter.model.ports import ToolSpec

from . import mcp_resources
from .base import Asks, BoundTool, Call, Outdated, Preview, Result, ToolError, Work
from .mcp_calls import CallFailed, McpCall, current
from .mcp_results import result_of
from .specs import ASK_USER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mcp import Client
    from mcp.types import CallToolResult, Tool

OPEN_SECONDS = 20.0
CALL_SECONDS = 120.0
FIRST_DELAY, MOST_DELAY = 30.0, 600.0
MOST_NAME = 64
DIGITS = 12
_DIGESTED = re.compile(rf"_[0-9a-f]{{{DIGITS}}}$")  # a true name with this ending may imitate another's

log = logging.getLogger(__name__)


class McpGone(Exception):
    """A server that cannot be reached. The message says why, without its credentials."""


class McpServers:
    """The configured servers as a source of tools."""

    def __init__(
        self,
        configured: Mapping[str, dict[str, Any]],
        *,
        commands: Sequence[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the servers. ``commands``: the beginnings of commands that may be started, None for any."""
        self._servers = [McpServer(name, config, commands, clock) for name, config in configured.items()]

    async def tools(self, work: Work) -> list[BoundTool]:
        found = await asyncio.gather(*(_tools_of(server, work) for server in self._servers))
        more = mcp_resources.tools_of({server.name: server for server in self._servers if server.extras})
        return [*(tool for tools in found for tool in tools), *more]

    async def close(self) -> None:
        """End all connections, and with them the processes."""
        await asyncio.gather(*(server.close() for server in self._servers))


async def _tools_of(server: McpServer, work: Work) -> list[BoundTool]:
    try:
        listed = await server.listed()
    except McpGone as gone:
        if server.is_news(work.task.thread_id):
            await work.emit(custom("lobu.mcp", {"server": server.name, "message": str(gone)}))
        return [_unreachable(name, str(gone)) for name in _owed(server, work)]
    withdrawn = f"The MCP server {server.name} does not offer this tool any more."
    missing = [_unreachable(name, withdrawn) for name in _owed(server, work) if name not in listed]
    return [*missing, *(_bound(server, name, tool) for name, tool in listed.items())]


def _owed(server: McpServer, work: Work) -> list[str]:
    """Return the server's tools that the run's decisions are about. What a question was bound to names the server."""
    asked = work.task.resumption.interrupts if work.task.resumption is not None else ()
    return [
        i.tool_name
        for i in asked
        if i.tool_name and i.binds is not None and i.binds.get("server") == server.name
    ]


class McpServer:
    """One server: connected on demand, reconnected after a loss, after a growing delay.

    ``place``: a digest of its command or address.
    ``extras``: the kinds of things beside tools that it has, as of its last listing: resources, prompts.
    """

    def __init__(
        self,
        name: str,
        config: dict[str, Any],
        commands: Sequence[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.place = _hash([config.get("command"), config.get("cwd"), config.get("url")])[:DIGITS]
        self.extras: frozenset[str] = frozenset()
        self._config, self._commands, self._clock = config, commands, clock
        self._failure, self._delay, self._again = "", 0.0, 0.0
        self._told = set[str]()
        self._calls: dict[str, McpCall] = {}
        self._lock = asyncio.Lock()
        self._client: Client | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def listed(self) -> dict[str, Tool]:
        """Return its tools, by their names for models and the policy.

        Raises:
                McpGone: the server cannot be reached, also not by a new connection, or could not a moment ago.
        """
        async with self._lock:
            if self._client is not None:
                try:
                    return await self._list(self._client)
                except McpGone:
                    await self._drop()
            if self._clock() < self._again:
                raise McpGone(self._failure)
            try:
                listed = await self._list(await self._open())
            except McpGone as gone:
                self._delay = min(max(FIRST_DELAY, 2 * self._delay), MOST_DELAY)
                self._failure, self._again = str(gone), self._clock() + self._delay
                raise
            self._failure, self._delay, self._again = "", 0.0, 0.0
            self._told.clear()
            return listed

    def is_news(self, thread_id: str) -> bool:
        """Return True if this thread has not been told of the failure. Each failing server is told of once."""
        news = thread_id not in self._told
        self._told.add(thread_id)
        return news

    async def client(self) -> Client:
        """Return the connection, a new one if there is none.

        Raises:
                McpGone: the server cannot be reached.
        """
        async with self._lock:
            return self._client or await self._open()

    async def call(self, tool: str, args: dict[str, Any], work: Work, call: Call) -> CallToolResult:
        """Call one tool, once, or go on with a call that waited for the person.

        Raises:
                McpGone: no answer came, so the tool may or may not have acted.
                Asks: the server asks the person.
        """
        client = await self.client()

        async def note(text: str) -> None:
            await work.note(call.id, text)

        running = self._calls.get(call.pending or "")
        if call.pending is not None and running is None:
            raise McpGone(f"The MCP server {self.name} does not wait for this answer any more.")
        if running is None:
            seconds = float(self._config.get("seconds") or CALL_SECONDS)
            running = McpCall(self.name, seconds, note)
            self._calls[running.token] = running
            running.start(
                lambda progress: client.call_tool(tool, args, progress_callback=progress),
                over=partial(self._calls.pop, running.token, None),
            )
        else:
            running.note = note
            running.answer(call.answers)
        return await self._outcome(running, work, client)

    async def _outcome(self, running: McpCall, work: Work, client: Client) -> CallToolResult:
        try:
            while (result := await running.result()) is None:
                questions = running.questions()
                if questions and may_ask(work):
                    raise Asks(questions, running.token, running)
                running.answer(None)
            return result
        except (Asks, CallFailed) as error:
            if isinstance(error, Asks):
                raise
            raise McpGone(str(error)) from error
        except Exception as error:  # a transport may raise anything, and the call's result names it
            async with self._lock:
                if client is self._client:
                    await self._drop()
            raise McpGone(f"The MCP server {self.name} failed: {_why(error)}") from error

    async def elicit(self, context: Any, params: Any) -> Any:
        """Answer an elicitation of the server: in the call that it belongs to, else with no."""
        from mcp.types import ElicitResult

        alone = next(iter(self._calls.values())) if len(self._calls) == 1 else None
        asking = current.get() or alone  # a request of an older server does not name its call
        return ElicitResult(action="decline") if asking is None else await asking.elicit(params)

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
        able = client.server_capabilities
        has = {"resources": able.resources, "prompts": able.prompts}
        self.extras = frozenset(kind for kind, there in has.items() if there is not None)
        return {name_of(self.name, tool.name): tool for tool in tools}

    async def _open(self) -> Client:
        """Connect, in a task of its own, because a connection must end in the task that began it."""
        if (why := refusal_of(self._config, self._commands)) is not None:
            raise McpGone(f"The MCP server {self.name} is not started: {why}")
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
                client = await stack.enter_async_context(await _client(self._config, stack, self.elicit))
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


async def _client(config: dict[str, Any], stack: AsyncExitStack, elicit: Any) -> Client:
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
            StdioServerParameters(command=command, args=args, env=environment, cwd=config.get("cwd")),
            elicitation_callback=elicit,
        )
    if not config.get("url"):
        raise McpGone("its configuration has neither command nor url")
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    limits = httpx2.Timeout(OPEN_SECONDS, read=None)  # a call has its own time limit, and may take an hour
    http = httpx2.AsyncClient(headers=config.get("headers") or {}, timeout=limits)
    transport = streamable_http_client(config["url"], http_client=await stack.enter_async_context(http))
    return Client(transport, elicitation_callback=elicit)


def may_ask(work: Work) -> bool:
    """Return True if a server's question may be put to the person in this run."""
    ruling = judge(work.task.policy, ASK_USER.name, needs_approval=False)
    return work.task.policy.answerable and ruling.verdict is not Verdict.DENY


def _bound(server: McpServer, name: str, tool: Tool) -> BoundTool:
    binds = {"server": server.name, "at": server.place, "tool": tool.name, "schema": _digest(tool)}

    async def run(work: Work, call: Call) -> Result:
        if call.guard and call.guard != binds:
            changed = await preview(work, call.args)
            message = f"{changed.message} It has changed since it was approved."
            raise Outdated(replace(changed, message=message), call.args)
        try:
            answer = await server.call(tool.name, call.args, work, call)
        except McpGone as gone:
            raise ToolError(str(gone)) from gone
        return result_of(answer)

    async def preview(work: Work, args: dict[str, Any]) -> Preview:
        message = f"Call {tool.name} of the MCP server {server.name}?"
        return Preview(message=message, guard=binds, binds=binds)

    spec = ToolSpec(
        name=name, description=tool.description or tool.title or "", parameters=dict(tool.input_schema)
    )
    return BoundTool(spec, run, preview, binds=binds)


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
    digest = _hash([server, tool])[:DIGITS]
    return f"{name[: MOST_NAME - DIGITS - 1]}_{digest}"


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def _digest(tool: Tool) -> str:
    return _hash(dict(tool.input_schema))


def _hash(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _why(error: BaseException) -> str:
    """Return an error in words, for a group its first error."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]  # pyright: ignore[reportUnknownVariableType]
    return str(error) or type(error).__name__
