"""Agents of others that speak the Agent Client Protocol: which there are, and whether they are installed.

Known ones are found on the PATH; the server's configuration adds others, or changes these:
``{name: {"command": [...], "env"?: {…}, "cwd"?: absolute, "description"?, "hint"?}}``.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lobu_jupyter.agents.keys import Settings

Config = dict[str, Any]

PRESETS: dict[str, Config] = {
    "claude-code": {
        "command": ["claude-agent-acp"],
        "description": "Claude Code.",
        "hint": "npm install -g @agentclientprotocol/claude-agent-acp",
    },
    "codex": {
        "command": ["codex-acp"],
        "description": "OpenAI's Codex.",
        "hint": "npm install -g @zed-industries/codex-acp",
    },
    "opencode": {
        "command": ["opencode", "acp"],
        "description": "opencode.",
        "hint": "npm install -g opencode-ai",
    },
    "gemini-cli": {
        "command": ["gemini", "--experimental-acp"],
        "description": "Google's Gemini CLI.",
        "hint": "npm install -g @google/gemini-cli",
    },
    "goose": {
        "command": ["goose", "acp"],
        "description": "goose.",
        "hint": "install goose; its `goose acp` must be on the server's PATH",
    },
}
NEEDS_LOGIN = "needs login"
NO_SDK = "pip install 'lobu_jupyter[acp]'"


def configured(settings: Settings) -> dict[str, Config]:
    """All of them by name, the configured ones over the known ones."""
    own: dict[str, Config] = settings.get("acp_agents") or {}
    names = [*PRESETS, *(name for name in own if name not in PRESETS)]
    return {name: {**PRESETS.get(name, {}), **own.get(name, {})} for name in names}


def hint_of(config: Config) -> str | None:
    """How to install it, None if it is there."""
    from importlib.util import find_spec

    if shutil.which(str(config["command"][0])) is None:
        return str(config.get("hint") or f"{config['command'][0]} is not on the server's PATH")
    return NO_SDK if find_spec("acp") is None or find_spec("mcp") is None else None


def state_of(config: Config) -> dict[str, str]:
    """``{"state": "ready"}``, or ``"not installed"`` with the hint."""
    hint = hint_of(config)
    return {"state": "ready"} if hint is None else {"state": "not installed", "hint": hint}


def description_of(name: str, config: Config) -> str:
    return str(config.get("description") or f"{name}, over ACP.")
