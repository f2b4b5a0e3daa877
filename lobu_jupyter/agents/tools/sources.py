"""Sources of tools besides the built-in ones: installed packages and MCP servers.

Each run asks its sources at its start, also a run that continues after a pause. The policy judges their tools like any
other. None may take the name of a built-in tool, or of one from an earlier source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lobu_jupyter.agents.models.keys import inheriting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobu_jupyter.agents.models.keys import Settings

    from .base import BoundTool, Work


class ToolSource(Protocol):
    """A source of tools from outside."""

    async def tools(self, work: Work) -> list[BoundTool]:
        """Return the tools for one run. A source that fails reports it through `work`, and returns what it has."""
        ...


def sources_of(settings: Settings) -> Sequence[ToolSource]:
    """Return the sources of this worker, made once from its settings."""
    known: Sequence[ToolSource] | None = settings.get("tool_sources")
    if known is None:
        from .mcp import McpServers
        from .plugins import Plugins
        from .web import Web
        from .web_search import WebSearch

        servers: dict[str, Any] = settings.get("mcp_servers") or {}
        own = {name: inheriting(settings, config) for name, config in servers.items()}
        known = settings["tool_sources"] = (
            Plugins(),
            McpServers(own, commands=settings.get("mcp_commands")),
            Web(settings.get("more_tools") or []),
            WebSearch(settings.get("web_search")),
        )
    return known


async def add_tools(tools: dict[str, BoundTool], sources: Sequence[ToolSource], work: Work) -> None:
    """Add the sources' tools for a run to `tools`, by name. They replace only functions of the kernel."""
    for source in sources:
        for tool in await source.tools(work):
            known = tools.get(tool.spec.name)
            if known is None or known.registered:
                tools[tool.spec.name] = tool
