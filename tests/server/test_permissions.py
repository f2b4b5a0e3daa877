"""The page of permissions: what is allowed, by whom, and the limits above it."""

from __future__ import annotations

from typing import Any

import pytest

from .wire import Wire


@pytest.fixture
def lobu_config() -> dict[str, Any]:
    return {
        "workers": 1,
        "deny": ["delete_cell"],
        "max_mode": "ask",
        "mcp_servers": {
            "files": {"command": ["mcp-files", "--token", "SECRET"], "env": {"KEY": "SECRET"}},
            "other": {"command": ["elsewhere", "SECRET"]},
            "web": {"url": "https://ada:SECRET@mcp.example.org:8443/SECRET?key=SECRET"},
        },
        "mcp_allowed_commands": ["mcp-files"],
    }


async def test_the_limits_and_the_servers_are_told_without_a_credential(wire: Wire) -> None:
    found = await wire.ok("GET", "permissions")

    (server,) = found["layers"]
    assert (server["name"], server["rules"]["deny"]) == ("server", ["delete_cell"])
    assert found["maxMode"] == "ask"
    assert found["grants"] == found["notebooks"] == []
    files, other, web = found["mcpServers"]
    assert (files["kind"], files["reachedBy"], files["state"]) == ("command", "mcp-files", "configured")
    assert other["state"] == "blocked"
    assert "mcp_allowed_commands" in other["why"]
    assert (web["kind"], web["reachedBy"]) == ("url", "mcp.example.org:8443")
    assert "SECRET" not in str(found)


async def test_the_rules_of_each_notebook_are_listed_until_they_are_removed(wire: Wire) -> None:
    rules = {"ask": ["write_*"], "mode": "deny"}
    await wire.ok("PUT", "policy", {"notebookPath": "b.ipynb", "rules": rules})
    await wire.ok("PUT", "policy", {"notebookPath": "a.ipynb", "rules": {"deny": ["run_code"]}})

    before = (await wire.ok("GET", "permissions"))["notebooks"]
    await wire.ok("PUT", "policy", {"notebookPath": "a.ipynb", "rules": {}})
    (after,) = (await wire.ok("GET", "permissions"))["notebooks"]

    assert [entry["notebookPath"] for entry in before] == ["a.ipynb", "b.ipynb"]
    assert after["notebookPath"] == "b.ipynb"
    assert (after["rules"]["ask"], after["rules"]["mode"]) == (["write_*"], "deny")
