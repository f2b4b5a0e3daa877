"""A list of external agents that speak the Agent Client Protocol, with their state of installation.

Known ones are found on the PATH. The server's configuration adds others, or changes these:
``{name: {"command": [...], "env"?: {…}, "inherit"?: [variables], "cwd"?: absolute, "description"?, "hint"?, "mode"?,
"asks"?}}``. ``mode`` is the id of the mode in which the agent asks before it acts. ``asks`` marks an agent that has
no such mode and asks by its own settings. Configured variables are added to those of a known agent.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from lobu_jupyter.agents.models.keys import inheriting

if TYPE_CHECKING:
    from lobu_jupyter.agents.models.keys import Settings

Config = dict[str, Any]

_NODE = "needs node 22, which `npm install -g node@22` brings"
PRESETS: dict[str, Config] = {
    "claude-code": {
        "command": ["claude-agent-acp"],
        "description": "Claude Code.",
        "hint": f"npm install -g @agentclientprotocol/claude-agent-acp ({_NODE})",
        "mode": "default",
    },
    "codex": {
        "command": ["codex-acp"],
        "description": "OpenAI's Codex.",
        "hint": f"npm install -g @agentclientprotocol/codex-acp ({_NODE})",
        "mode": "read-only",
        "env": {"INITIAL_AGENT_MODE": "read-only"},
    },
    "opencode": {
        "command": ["opencode", "acp"],
        "description": "opencode.",
        "hint": "npm install -g opencode-ai",
        "asks": True,  # by this setting, as its modes (build, plan) say nothing about permissions
        "env": {"OPENCODE_PERMISSION": '{"edit": "ask", "bash": "ask", "webfetch": "ask"}'},
    },
    "gemini-cli": {
        "command": ["gemini", "--experimental-acp"],
        "description": "Google's Gemini CLI.",
        "hint": "npm install -g @google/gemini-cli",
        "mode": "default",
    },
    "goose": {
        "command": ["goose", "acp"],
        "description": "goose.",
        "hint": "install goose; its `goose acp` must be on the server's PATH",
        "mode": "approve",
        "env": {"GOOSE_MODE": "approve"},
    },
}
NEEDS_LOGIN = "needs login"
NO_SDK = "pip install 'lobu_jupyter[acp]'"


def configured(settings: Settings) -> dict[str, Config]:
    """Return all agents by name. A configured member overrides a known one."""
    own: dict[str, Config] = settings.get("acp_agents") or {}
    names = [*PRESETS, *(name for name in own if name not in PRESETS)]
    must_ask: Config = {"must_ask": True} if settings.get("acp_must_ask") else {}
    merged = {name: {**_merged(PRESETS.get(name, {}), own.get(name, {})), **must_ask} for name in names}
    return {name: inheriting(settings, config) for name, config in merged.items()}


def _merged(known: Config, own: Config) -> Config:
    env = {**known.get("env", {}), **(own.get("env") or {})}
    return {**known, **own, **({"env": env} if env else {})}


def hint_of(config: Config) -> str | None:
    """Return how to install the agent, None if it is installed."""
    from importlib.util import find_spec

    if shutil.which(str(config["command"][0])) is None:
        return str(config.get("hint") or f"{config['command'][0]} is not on the server's PATH")
    return NO_SDK if find_spec("acp") is None or find_spec("mcp") is None else None


def state_of(config: Config) -> dict[str, str]:
    """Return ``{"state": "ready"}``, or ``"not installed"`` with the hint."""
    hint = hint_of(config)
    return {"state": "ready"} if hint is None else {"state": "not installed", "hint": hint}


def description_of(name: str, config: Config) -> str:
    return str(config.get("description") or f"{name}, over ACP.")
