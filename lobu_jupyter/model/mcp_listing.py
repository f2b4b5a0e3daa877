"""The configured MCP servers as a person may see them: without arguments, credentials and queries."""

from __future__ import annotations

import shlex
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .runs import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOW_TO_INSTALL = "The package mcp is not installed on the server: pip install 'lobu_jupyter[mcp]'."


class McpListing(Wire, frozen=True, kw_only=True):
    """One server. ``reached_by``: its program, or the host of its address. ``state``: configured, blocked or not installed."""

    name: str
    kind: str  # command | url
    reached_by: str
    state: str
    why: str = ""


def listings_of(
    configured: Mapping[str, dict[str, Any]], commands: Sequence[str] | None
) -> tuple[McpListing, ...]:
    """Return what a person may see of the servers. ``commands``: as for :func:`refusal_of`."""
    return tuple(_listing(name, config, commands) for name, config in configured.items())


def _listing(name: str, config: dict[str, Any], commands: Sequence[str] | None) -> McpListing:
    words = [str(part) for part in config.get("command") or []]
    state, why = "configured", ""
    if (refused := refusal_of(config, commands)) is not None:
        state, why = "blocked", refused
    elif find_spec("mcp") is None:
        state, why = "not installed", HOW_TO_INSTALL
    kind = "command" if words else "url"
    reached_by = words[0] if words else _host(str(config.get("url") or ""))
    return McpListing(name=name, kind=kind, reached_by=reached_by, state=state, why=why)


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.hostname or '?'}{port}"
    except ValueError:
        return "?"


def refusal_of(config: dict[str, Any], commands: Sequence[str] | None) -> str | None:
    """Return why a server's command may not be started, None if it may. An entry is a command's first words."""
    words = [str(part) for part in config.get("command") or []]
    if commands is None or not words:
        return None
    allowed = [shlex.split(entry) for entry in commands]
    if any(entry and words[: len(entry)] == entry for entry in allowed):
        return None
    return f"the command {words[0]} is not in LobuApp.mcp_allowed_commands."
