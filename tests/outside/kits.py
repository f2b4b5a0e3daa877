"""How each real agent is started against a provider on loopback, and what its model has to call."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lobu_jupyter.agents.acp.presets import PRESETS
from tests.providers import Call, Provider, Reply, says

BIN = Path(__file__).with_name("node_modules") / ".bin"
NEWEST = Path(__file__).with_name("newest") / "node_modules"
NAMES = ["claude-code", "opencode", "claude-code newest", "codex newest"]


class Model(Provider):
    """Follows its script for what the agent is prompted; whatever else the agent asks for gets a title."""

    def next(self) -> Reply:
        return super().next() if self.requests[-1].body.get("tools") else says("A title")

    @property
    def told(self) -> str:
        """What the last request says to the model."""
        body = self.requests[-1].body
        return json.dumps(body.get("messages") or body.get("input"))


@dataclass(frozen=True)
class Kit:
    """``run_code``: what the agent calls our tool; ``writes``: whether it asks before it writes, in its asking mode."""

    name: str
    config: dict[str, Any]
    run_code: str
    namespace: str | None = None
    writes: bool = True

    def shell(self, command: str) -> Call:
        """A call of the agent's own shell."""
        if self.name == "codex":
            return Call("exec_command", json.dumps({"cmd": command}))
        name = "Bash" if self.name == "claude-code" else "bash"
        return Call(name, json.dumps({"command": command, "description": "Write a file"}))

    def computes(self, code: str) -> Call:
        """A call of our tool."""
        return Call(self.run_code, json.dumps({"code": code}), namespace=self.namespace)

    def write(self, path: Path, text: str) -> Call:
        """A call of the agent's own tool that writes a file."""
        if self.name == "claude-code":
            return Call("Write", json.dumps({"file_path": str(path), "content": text}))
        return Call("write", json.dumps({"filePath": str(path), "content": text}))


def kit(label: str, model: Model, home: Path) -> Kit:
    """An agent with a home of its own, as its preset starts it; nothing of this machine's person reaches it."""
    made = _kit(label, model, home)
    env = {**PRESETS[made.name].get("env", {}), **made.config["env"]}
    return replace(made, config={**PRESETS[made.name], **made.config, "env": env})


def _newest(program: str) -> list[str]:
    """A program of the newest set, by the node that comes with it."""
    return [str(NEWEST / "node" / "bin" / "node"), str((NEWEST / ".bin" / program).resolve())]


def _kit(label: str, model: Model, home: Path) -> Kit:
    name, _, newest = label.partition(" ")
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
        command = _newest("claude-agent-acp") if newest else [str(BIN / "claude-agent-acp")]
        return Kit(name, {"command": command, "env": env}, "mcp__notebook__run_code")
    if name == "codex":
        ours = {"name": "Test", "base_url": f"{model.url}/v1", "wire_api": "responses", "env_key": "TEST_KEY"}
        settings = {"model_providers": {"test": ours}, "model": "test-model"}
        env = {
            **places,
            "CODEX_HOME": str(home / "codex"),
            "CODEX_CONFIG": json.dumps(settings),
            "MODEL_PROVIDER": "test",
            "TEST_KEY": "test-key",
        }
        (home / "codex").mkdir()
        return Kit(
            name, {"command": _newest("codex-acp"), "env": env}, "run_code", "mcp__notebook", writes=False
        )
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
