"""Chat frameworks work unchanged: CopilotKit's core and assistant-ui's AG-UI runtime, from npm, against POST agui."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.servers import RealServer

CLIENTS = Path(__file__).parents[1] / "agui" / "clients"
pytestmark = pytest.mark.parametrize("framework", ["copilotkit", "assistant-ui"])


def play(server: RealServer, framework: str, scenario: str) -> dict[str, Any]:
    env = {
        **os.environ,
        "LOBU_AGUI": server.api + "agui",
        "LOBU_AUTH": server.auth["Authorization"],
        "LOBU_PROPS": json.dumps({"agent": "script"}),
        "COPILOTKIT_TELEMETRY_DISABLED": "true",
    }
    command = ["node", f"{framework}.mjs", scenario]
    done = subprocess.run(
        command, cwd=CLIENTS, env=env, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["errors"] == []
    return told


def said(told: dict[str, Any]) -> str:
    return " ".join(str(m.get("content")) for m in told["messages"] if m["role"] == "assistant")


def test_a_message_is_answered(shared_server: RealServer, framework: str) -> None:
    told = play(shared_server, framework, "text")

    assert "hello there" in said(told)


def test_the_pages_tool_is_run_by_the_page_and_the_agent_goes_on(
    shared_server: RealServer, framework: str
) -> None:
    told = play(shared_server, framework, "tool")

    assert told["calls"] == [{"hint": "sky"}]
    assert "after the call" in said(told)
    assert "pick_color: " in said(told)
    assert "picked blue for sky" in said(told)
    assert "next turn" in said(told)


def test_an_answer_is_made_anew(shared_server: RealServer, framework: str) -> None:
    told = play(shared_server, framework, "regenerate")

    assert [m["role"] for m in told["messages"]] == ["user", "assistant"] * 3
    assert "third answer" in str(told["messages"][-1]["content"])
