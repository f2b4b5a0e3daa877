"""A script for an agent that speaks MCP over stdio only. It relays messages to our server and back.

LOBU_MCP_URL and LOBU_MCP_TOKEN give the server's address and token.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import anyio
import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp.server.stdio import stdio_server


async def _bridge(url: str, token: str) -> None:
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=None)
    async with (
        http,
        streamable_http_client(url, http_client=http) as (from_server, to_server, *_),
        stdio_server() as (from_agent, to_agent),
        anyio.create_task_group() as both,
    ):
        both.start_soon(_pass, from_server, to_agent, both.cancel_scope)
        both.start_soon(_pass, from_agent, to_server, both.cancel_scope)


async def _pass(source: Any, target: Any, over: anyio.CancelScope) -> None:
    """Relay messages until one side ends. A message that cannot be read ends the bridge, too."""
    async for message in source:
        if isinstance(message, Exception):
            print(f"lobu: {message}", file=sys.stderr)
            break
        await target.send(message)
    over.cancel()


if __name__ == "__main__":
    anyio.run(_bridge, os.environ["LOBU_MCP_URL"], os.environ["LOBU_MCP_TOKEN"])
