"""How each real agent is started against a provider on loopback, and what its model has to call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.providers import Call, Provider, Reply, says

BIN = Path(__file__).with_name("node_modules") / ".bin"


class Model(Provider):
    """Follows its script for what the agent is prompted; whatever else the agent asks for gets a title."""

    def next(self) -> Reply:
        return super().next() if self.requests[-1].body.get("tools") else says("A title")


@dataclass(frozen=True)
class Kit:
    """``run_code``: what the agent calls our tool."""

    name: str
    config: dict[str, Any]
    run_code: str

    def write(self, path: Path, text: str) -> Call:
        """A call of the agent's own tool that writes a file."""
        if self.name == "claude-code":
            return Call("Write", json.dumps({"file_path": str(path), "content": text}))
        return Call("write", json.dumps({"filePath": str(path), "content": text}))


def kit(name: str, model: Model, home: Path) -> Kit:
    """An agent with a home of its own; nothing of this machine's person reaches it."""
    places = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_STATE_HOME": str(home / "state"),
    }
    if name == "claude-code":
        env = {
            **places,
            "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": "test-key",
            "CLAUDE_CONFIG_DIR": str(home / "claude"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "IS_SANDBOX": "",
        }
        return Kit(name, {"command": [str(BIN / "claude-agent-acp")], "env": env}, "mcp__notebook__run_code")
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Test",
        "options": {"baseURL": f"{model.url}/v1", "apiKey": "test-key"},
        "models": {"test-model": {"name": "Test", "tool_call": True}},
    }
    settings = {
        "provider": {"test": provider},
        "model": "test/test-model",
        "small_model": "test/test-model",
        "permission": {"edit": "ask", "bash": "ask"},
        "autoupdate": False,
        "share": "disabled",
    }
    env = {
        **places,
        "OPENCODE_CONFIG_CONTENT": json.dumps(settings),
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
    }
    return Kit(name, {"command": [str(BIN / "opencode"), "acp"], "env": env}, "notebook_run_code")
