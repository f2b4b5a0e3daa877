"""An MCP server for tests: adds, fails, draws, tells a secret, dies. Over stdio, or HTTP with a port."""

from __future__ import annotations

import os
import sys

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ImageContent

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
def who() -> str:
    """Which process this is, and whether it has its credential."""
    return f"{os.getpid()} {'NUMBERS_KEY' in os.environ}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run("stdio")
