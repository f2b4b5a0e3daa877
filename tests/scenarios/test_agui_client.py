"""Any AG-UI client works unchanged: the real one, from npm, against POST agui."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.servers import RealServer

from .person import Person, ends_of, types_of

CLIENT = Path(__file__).parents[1] / "agui" / "client.mjs"


def play(server: RealServer, scenario: str, **props: Any) -> dict[str, Any]:
    env = {
        **os.environ,
        "LOBU_AGUI": server.api + "agui",
        "LOBU_AUTH": server.auth["Authorization"],
        "LOBU_PROPS": json.dumps({"agent": "script", **props}),
    }
    done = subprocess.run(
        ["node", CLIENT, scenario], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["warnings"] == []
    return told


def texts_of(told: dict[str, Any], role: str) -> str:
    return " ".join(str(m.get("content")) for m in told["messages"] if m["role"] == role)


def test_a_text_run_becomes_one_assistant_message(shared_server: RealServer) -> None:
    told = play(shared_server, "text")

    assert "hello there" in texts_of(told, "assistant")
    assert [m["role"] for m in told["messages"]] == ["user", "assistant"]
    assert ends_of(told["events"])[0]["outcome"]["type"] == "success"


def test_an_approval_is_an_interrupt_that_the_client_resumes(shared_server: RealServer) -> None:
    told = play(shared_server, "approval", kernelId=shared_server.start_kernel())

    outcomes = [end["outcome"]["type"] for end in ends_of(told["events"])]
    assert outcomes == ["interrupt", "success"]
    assert "42" in texts_of(told, "tool")


def test_a_cancelled_resume_entry_is_a_rejection(shared_server: RealServer) -> None:
    told = play(shared_server, "rejection", kernelId=shared_server.start_kernel())

    assert "42" not in texts_of(told, "tool")
    assert ends_of(told["events"])[-1]["outcome"]["type"] == "success"


def test_a_provider_error_is_a_run_error(shared_server: RealServer) -> None:
    told = play(shared_server, "error")

    (end,) = ends_of(told["events"])
    assert (end["type"], end["code"]) == ("RUN_ERROR", "provider_error")


def test_a_run_cancelled_elsewhere_ends_as_cancelled_with_its_partial_text(shared_server: RealServer) -> None:
    told = play(shared_server, "cancel")

    assert ends_of(told["events"])[0]["outcome"] == {"type": "cancelled"}
    assert "word1" in texts_of(told, "assistant")


def test_a_second_turn_goes_on_with_the_same_thread(shared_server: RealServer) -> None:
    told = play(shared_server, "twoTurns")

    assert types_of(told["events"]).count("RUN_STARTED") == 2
    assert [m["role"] for m in told["messages"]] == ["user", "assistant", "user", "assistant"]


def test_a_call_of_the_clients_tool_goes_on_with_its_result(shared_server: RealServer) -> None:
    told = play(shared_server, "clientTool")

    assert [m["role"] for m in told["messages"]] == [
        *("user", "assistant", "tool", "assistant"),
        *("user", "assistant"),
    ]
    assert texts_of(told, "tool") == "picked blue"
    outcomes = [(end.get("outcome") or {}).get("type") for end in ends_of(told["events"])]
    assert outcomes == [None, "success", "success"]
    assert "after the call" in texts_of(told, "assistant")
    assert "pick_color: picked blue" in texts_of(told, "assistant")  # the agent has it


def test_an_older_message_is_answered_anew_and_the_chat_goes_on_from_there(shared_server: RealServer) -> None:
    told = play(shared_server, "regenerate")

    assert [m["role"] for m in told["messages"]] == ["user", "assistant"] * 3
    assert [end["outcome"]["type"] for end in ends_of(told["events"])] == ["success"] * 4
    assert "third answer" in told["messages"][-1]["content"]


def test_an_edited_message_replaces_what_came_after(shared_server: RealServer) -> None:
    told = play(shared_server, "edit")

    assert [m["role"] for m in told["messages"]] == ["user", "assistant"] * 2
    assert "edited answer" in told["messages"][-1]["content"]


def test_the_state_is_shared_with_the_agent_which_changes_it(shared_server: RealServer) -> None:
    told = play(shared_server, "state")

    assert told["state"] == {"page": 2, "seen": True}
    assert [e["snapshot"] for e in told["events"] if e["type"] == "STATE_SNAPSHOT"] == [
        {"page": 1},
        {"page": 2, "seen": True},
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tools": [{"name": "not a name", "description": "", "parameters": {}}]}, "tools[0].name"),
        ({"messages": []}, "messages"),
        ({"threadId": ""}, "threadId"),
        ({"runId": 7}, "runId"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(person: Person, change: dict[str, Any], field: str) -> None:
    wish = {
        "threadId": "t", "runId": "r", "state": {}, "tools": [], "context": [], "forwardedProps": {},
        "messages": [{"id": "m", "role": "user", "content": "hi"}],
    }  # fmt: skip

    reply = person.http.post("agui", json={**wish, **change})

    assert reply.status_code == 422
    assert field in reply.json()["error"]["field"]
