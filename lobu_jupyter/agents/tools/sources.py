"""Where tools come from besides the built-in ones: installed packages and MCP servers.

A source is asked at the start of each run, also of one that goes on after a pause. Its tools are judged by
the policy like any other; none may take a built-in's name, or one that an earlier source gave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lobu_jupyter.agents.models.keys import inheriting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobu_jupyter.agents.models.keys import Settings

    from .base import BoundTool, Work


class ToolSource(Protocol):
    """Tools from outside."""

    async def tools(self, work: Work) -> list[BoundTool]:
        """The tools for one run. A source that fails says so through `work`, and gives what it has."""
        ...


def sources_of(settings: Settings) -> Sequence[ToolSource]:
    """The sources of this worker, made of its settings once."""
    known: Sequence[ToolSource] | None = settings.get("tool_sources")
    if known is None:
        from .mcp import McpServers
        from .plugins import Plugins

        servers: dict[str, Any] = settings.get("mcp_servers") or {}
        own = {name: inheriting(settings, config) for name, config in servers.items()}
        known = settings["tool_sources"] = (Plugins(), McpServers(own))
    return known


async def add_tools(tools: dict[str, BoundTool], sources: Sequence[ToolSource], work: Work) -> None:
    """Add to `tools`, by name, what the sources have for a run; a function of the kernel gives way to it."""
    for source in sources:
        for tool in await source.tools(work):
            known = tools.get(tool.spec.name)
            if known is None or known.registered:
                tools[tool.spec.name] = tool
