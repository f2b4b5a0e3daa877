"""An MCP server for tests: adds, fails, draws, tells a secret, dies. Over stdio, or HTTP with a port."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Annotated, Any, Literal

import anyio
from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import ErrorData, ImageContent, JSONRPCError
from pydantic import BaseModel

server = MCPServer("numbers")
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001"
    "a5f645400000000049454e44ae426082"
)


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def fail() -> str:
    """Fail."""
    raise ToolError("it cannot be done")


@server.tool()
def draw() -> Image:
    """One pixel."""
    return Image(data=PIXEL, format="png")


@server.tool()
def smudge() -> ImageContent:
    """An image whose data is no base64."""
    return ImageContent(type="image", data="no base64 at all!", mime_type="image/png")


@server.tool()
def die() -> str:
    """End the process in the middle of the call."""
    os._exit(3)


@server.tool()
async def slow(ctx: Context, steps: int, seconds: float) -> str:
    """Take steps, and report each."""
    for n in range(steps):
        await asyncio.sleep(seconds)
        await ctx.report_progress(n + 1, steps, "working")
    return "slowly done"


class Form(BaseModel):
    color: Literal["red", "blue"]
    count: int


@server.tool()
async def fill(ctx: Context) -> str:
    """Ask the person with a form."""
    answer = await ctx.elicit("Which paint?", Form)
    return f"{answer.action} {answer.data.model_dump() if answer.action == 'accept' else ''}"


def ask_paint() -> Elicit[Form]:
    return Elicit("Which paint?", Form)


@server.tool()
async def fill_anew(paint: Annotated[ElicitationResult[Form], Resolve(ask_paint)]) -> str:
    """Ask the person with a form, by a result that needs input."""
    return f"{paint.action} {paint.data.model_dump() if paint.action == 'accept' else ''}"


@server.tool()
async def sign_in(ctx: Context, url: str) -> str:
    """Ask the person to open an address."""
    answer = await ctx.elicit_url("Sign in first.", url, "e1")
    return f"{answer.action} {os.getpid()}"


@server.resource("note://today", title="Today")
def today() -> str:
    """What is planned."""
    return "water the plants"


@server.prompt()
def greet(name: str) -> str:
    """Greet somebody."""
    return f"Say hello to {name}."


@server.tool()
def told(ctx: Context) -> str:
    """The metadata of the call."""
    return json.dumps(dict(ctx.request_context.meta or {}), default=str)


@server.tool()
def who() -> str:
    """Which process this is, and whether it has its credential."""
    return f"{os.getpid()} {'NUMBERS_KEY' in os.environ}"


async def run_old() -> None:
    """Serve as a server of the protocol before 2026-07-28, which knows no discovery."""
    inner = server._lowlevel_server
    put, get = anyio.create_memory_object_stream[Any](10)
    async with stdio_server() as (read, write), anyio.create_task_group() as tasks:
        tasks.start_soon(inner.run, get, write, inner.create_initialization_options())
        async for message in read:
            asked = message.message
            if getattr(asked, "method", "") == "server/discover":
                error = ErrorData(code=-32601, message="Method not found")
                await write.send(SessionMessage(JSONRPCError(jsonrpc="2.0", id=asked.id, error=error)))
            else:
                await put.send(message)
        tasks.cancel_scope.cancel()


if __name__ == "__main__":
    if "NUMBERS_OLD" in os.environ:
        anyio.run(run_old)
    elif len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run("stdio")
