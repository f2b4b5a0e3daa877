"""Resources and prompts of MCP servers, as three tools for all servers: list, read, and get a prompt.

Listing asks nobody. Reading and prompts ask as the servers' tools do. What comes is text from outside, bounded.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.ports import ToolSpec

from .base import BoundTool, Call, Preview, Result, ToolError, Work
from .mcp_results import read_block, read_resource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from .mcp import McpServer

SECONDS = 60.0
MOST_PAGES = 20


def tools_of(servers: Mapping[str, McpServer]) -> list[BoundTool]:
    """Return the tools for the servers that have resources or prompts, none if there is none."""
    if not servers:
        return []
    return [
        _tool(servers, "list_resources", "List an MCP server's resources and prompts.", _list, asks=False),
        _tool(servers, "read_resource", "Read a resource of an MCP server by its URI.", _read, uri=True),
        _tool(servers, "get_prompt", "Get a prompt of an MCP server, filled in.", _prompt, prompt=True),
    ]


def _tool(
    servers: Mapping[str, McpServer],
    name: str,
    description: str,
    do: Callable[[Any, dict[str, Any]], Awaitable[Result]],
    *,
    asks: bool = True,
    uri: bool = False,
    prompt: bool = False,
) -> BoundTool:
    text = {"type": "string", "minLength": 1}
    properties: dict[str, Any] = {"server": {"enum": sorted(servers)}}
    if uri:
        properties["uri"] = text
    if prompt:
        properties |= {
            "name": text,
            "arguments": {"type": "object", "additionalProperties": {"type": "string"}},
        }
    required = [member for member in properties if member != "arguments"]
    schema = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }

    async def run(work: Work, call: Call) -> Result:
        server = servers[call.args["server"]]
        try:
            async with asyncio.timeout(SECONDS):
                return await do(await server.client(), call.args)
        except Exception as error:  # a transport may raise anything, and the call's result names it
            why = "no answer came in time" if isinstance(error, TimeoutError) else str(error)
            raise ToolError(f"The MCP server {server.name}: {why}") from error

    async def preview(work: Work, args: dict[str, Any]) -> Preview:
        what = args.get("uri") or args.get("name")
        return Preview(message=f"{name} {what} of the MCP server {args['server']}?")

    return BoundTool(
        ToolSpec(name=name, description=description, parameters=schema, approval=asks), run, preview
    )


async def _list(client: Any, args: dict[str, Any]) -> Result:
    able = client.server_capabilities
    lines: list[str] = []
    if able.resources is not None:
        found = await _all(client.list_resources, "resources")
        lines += [_line(str(one.uri), one) for one in found]
        found = await _all(client.list_resource_templates, "resource_templates")
        lines += [_line(str(one.uri_template), one) for one in found]
    if able.prompts is not None:
        for one in await _all(client.list_prompts, "prompts"):
            names = ", ".join(a.name + ("" if a.required else "?") for a in one.arguments or [])
            lines.append(_line(f"prompt {one.name}({names})", one))
    return Result("\n".join(lines) or "It has none.")


async def _all(page_of: Any, member: str) -> list[Any]:
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await page_of(cursor=cursor)
        found += getattr(page, member)
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


def _line(what: str, one: Any) -> str:
    about = ": ".join(part for part in (one.title or one.name, one.description) if part)
    return f"{what} - {about}" if about else what


async def _read(client: Any, args: dict[str, Any]) -> Result:
    answer = await client.read_resource(args["uri"])
    return _joined([read_resource(one) for one in answer.contents])


async def _prompt(client: Any, args: dict[str, Any]) -> Result:
    answer = await client.get_prompt(args["name"], args.get("arguments"))
    told = [read_block(message.content) for message in answer.messages]
    roles = [message.role for message in answer.messages]
    return _joined([(f"{role}: {text}", image) for role, (text, image) in zip(roles, told, strict=True)])


def _joined(parts: list[tuple[str, tuple[str, bytes] | None]]) -> Result:
    text = "\n".join(text for text, _ in parts if text) or "It is empty."
    return Result(text, tuple(image for _, image in parts if image is not None))
