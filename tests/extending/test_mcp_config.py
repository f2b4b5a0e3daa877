"""MCP servers in the server's configuration: credentials come from its environment, and are no kernel's."""

from __future__ import annotations

from lobu_jupyter.server.secrets import outside_resolved, outside_variables, take

SERVERS = {
    "web": {"url": "https://web/mcp", "headers": {"Authorization": "env:WEB_TOKEN"}},
    "files": {"command": ["files"], "env": {"KEY": "env:FILES_KEY", "MODE": "fast"}},
}


def test_credentials_are_taken_from_the_environment_and_known_as_secrets() -> None:
    environment = {"WEB_TOKEN": "Bearer w", "FILES_KEY": "f", "OTHER": "o"}

    keys = take(outside_variables(SERVERS.values()), hide=True, environment=environment)
    servers, secrets = outside_resolved(SERVERS, keys)

    assert environment == {"OTHER": "o"}
    assert servers["web"]["headers"] == {"Authorization": "Bearer w"}
    assert servers["files"]["env"] == {"KEY": "f", "MODE": "fast"}
    assert set(secrets) == {"Bearer w", "f"}
