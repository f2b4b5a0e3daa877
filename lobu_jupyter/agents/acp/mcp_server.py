"""An MCP server through which an ACP agent reaches the notebook, with the kernel's tools.

It listens on loopback, on a port that the system chooses, for one agent process, which alone gets the token. A call
is a request like the agent's others. It is accepted only while a run of the thread is under way, the run's policy
judges it, the person is asked if the policy says ask, and a card shows it. The server offers the tools of the run
(:attr:`Door.tools`).
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import socket
import sys
from base64 import b64encode
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from acp import RequestError
from acp.schema import EnvVariable, HttpHeader, HttpMcpServer, McpServerStdio
from mcp import types
from mcp.server.lowlevel import Server

from lobu_jupyter.agents.tools.keepalive import kept_alive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from lobu_jupyter.agents.tools.base import BoundTool, Result

NAME = "notebook"
STOP_SECONDS = 3.0
PROGRESS_SECONDS = 10.0
STILL = "Waiting for the person or the kernel."
BRIDGE = str(Path(__file__).with_name("mcp_bridge.py"))


class Door:
    """The MCP server of one agent process. ``ask`` puts a call to the current run and returns its Result."""

    def __init__(self, ask: Callable[..., Awaitable[Result]], tools: Mapping[str, BoundTool]) -> None:
        self.tools = tools
        self._ask = ask
        self._token = secrets.token_urlsafe(32)
        self._serving: asyncio.Task[None] | None = None
        self._server: _Quiet | None = None

    async def open(self, *, over_http: bool) -> HttpMcpServer | McpServerStdio:
        """Start to listen, and return the agent's connection: over stdio through a bridge if it cannot use HTTP."""
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # an early connection waits until the server has started
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        config = uvicorn.Config(
            self._app(), log_level="critical", access_log=False, lifespan="on", timeout_graceful_shutdown=1
        )
        self._server = _Quiet(config)
        self._serving = asyncio.create_task(self._server.serve([listener]), name="notebook tools")
        if over_http:
            headers = [HttpHeader(name="Authorization", value=f"Bearer {self._token}")]
            return HttpMcpServer(name=NAME, type="http", url=url, headers=headers)
        env = [
            EnvVariable(name="LOBU_MCP_URL", value=url),
            EnvVariable(name="LOBU_MCP_TOKEN", value=self._token),
        ]
        return McpServerStdio(name=NAME, command=sys.executable, args=["-I", BRIDGE], env=env)

    async def close(self) -> None:
        """Refuse all further calls."""
        if self._serving is None or self._server is None:
            return
        self._server.should_exit = True
        _, late = await asyncio.wait({self._serving}, timeout=STOP_SECONDS)
        for task in late:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    # -- what is served

    def _app(self) -> ASGIApp:
        async def listed(*_: Any) -> types.ListToolsResult:
            return types.ListToolsResult(tools=[_as_mcp(tool) for tool in self.tools.values()])

        async def called(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
            async with kept_alive(_reporting(ctx.session), PROGRESS_SECONDS):
                return await self._call(params.name, params.arguments or {})

        server: Server[Any] = Server(NAME, on_list_tools=listed, on_call_tool=called)
        return _behind(self._token, server.streamable_http_app())

    async def _call(self, name: str, args: dict[str, Any]) -> Any:
        try:
            result = await self._ask("tool", name=name, args=args)
        except RequestError as error:
            return types.CallToolResult(
                content=[types.TextContent(type="text", text=_words(error))], is_error=True
            )
        content: list[Any] = [types.TextContent(type="text", text=result.text)]
        content += [_image(mime, data) for mime, data in result.images]
        return types.CallToolResult(content=content, is_error=result.ok is False)


def _reporting(session: Any) -> Callable[[], Awaitable[None]]:
    """Return a report of progress. A caller that did not ask for progress gets none."""
    count = itertools.count(1)

    async def report() -> None:
        await session.report_progress(float(next(count)), message=STILL)

    return report


class _Quiet(uvicorn.Server):
    """A server without signal handlers, because its process handles signals itself."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _behind(token: str, app: ASGIApp) -> ASGIApp:
    """Return `app` behind the token. A request without it gets 401."""
    expected = f"Bearer {token}".encode()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not secrets.compare_digest(given, expected):
                await send({"type": "http.response.start", "status": 401, "headers": []})
                await send({"type": "http.response.body", "body": b""})
                return
        await app(scope, receive, send)

    return guarded


def _as_mcp(tool: BoundTool) -> Any:
    spec = tool.spec
    return types.Tool(name=spec.name, description=spec.description, input_schema=spec.parameters)


def _image(mime: str, data: bytes) -> Any:
    return types.ImageContent(type="image", data=b64encode(data).decode(), mime_type=mime)


def _words(error: RequestError) -> str:
    data = error.data
    detail = data.get("details") if isinstance(data, dict) else data
    return str(detail or error)
