"""An ACP agent at a real server: chosen, asked, decided by REST, killed; nothing of it is left."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.extending.test_acp import SCRIPTED
from tests.scenarios.person import Person, ends_of, text_of
from tests.servers import RealServer, wait_for


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A person at a server with the agent `robot`, and one that is not installed."""
    home = tmp_path_factory.mktemp("server")
    files = ["--sessions", str(home / "sessions.json"), "--log", str(home / "log")]
    agents: dict[str, Any] = {
        "robot": {"command": [sys.executable, SCRIPTED, *files]},
        "ghost": {"command": ["no-such-ghost"], "hint": "brew install ghost"},
    }
    (home / "config").mkdir()
    config = {"LobuApp": {"acp_agents": agents}}
    (home / "config" / "jupyter_server_config.json").write_text(json.dumps(config))
    server = RealServer(home)
    try:
        yield Person(server.start())
    finally:
        server.stop()


def ask(person: Person, thread: str, prompt: str) -> list[dict[str, Any]]:
    return person.finish(thread, person.start(thread, prompt, agent="robot")["runId"])


def log(person: Person, what: str) -> list[dict[str, Any]]:
    lines = (person.server.home / "log").read_text().splitlines()
    return [entry for line in lines if (entry := json.loads(line))["what"] == what]


def test_the_list_of_agents_tells_the_state_of_each(person: Person) -> None:
    ask(person, person.thread(), "say hi")

    agents = {a["name"]: a for a in person.ok(person.http.get("agents"))["agents"]}

    assert (agents["robot"]["state"], agents["demo"]["state"]) == ("ready", "ready")
    assert (agents["ghost"]["state"], agents["ghost"]["hint"]) == ("not installed", "brew install ghost")


def test_a_permission_is_decided_by_rest_and_the_agent_goes_on(person: Person) -> None:
    thread, root = person.thread(), person.server.root

    asked = ask(person, thread, f"say first\nask {root}/by-robot.txt hello\nsay after")
    done = person.finish(thread, person.approve(thread)["runId"])

    assert ends_of(asked)[0]["outcome"]["type"] == "interrupt"
    assert text_of(done) == "after "
    assert (root / "by-robot.txt").read_text() == "hello\n"


@pytest.mark.scenario("H14")
def test_another_worker_goes_on_in_the_session(person: Person) -> None:
    thread = person.thread()
    ask(person, thread, "say one")
    session = log(person, "prompt")[-1]["session"]

    (worker,) = person.server.worker_pids()
    os.kill(worker, signal.SIGKILL)
    wait_for("the worker's end", lambda: not psutil.pid_exists(worker))
    events = ask(person, thread, "say two")

    assert text_of(events) == "two "
    assert [(e["session"], e["cwd"]) for e in log(person, "load")][-1] == (session, str(person.server.root))


def test_a_killed_worker_is_one_error_and_leaves_no_agent_behind(person: Person) -> None:
    thread = person.thread()
    run = person.start(thread, "slow", agent="robot")["runId"]
    person.wait_until_seen(thread, "TEXT_MESSAGE_CONTENT")
    pid = log(person, "initialize")[-1]["pid"]

    (worker,) = person.server.worker_pids()
    os.kill(worker, signal.SIGKILL)
    (end,) = ends_of(person.finish(thread, run))

    assert end["code"] == "worker_died"
    wait_for("the agent's end", lambda: not psutil.pid_exists(pid), 5)


def test_an_answer_after_the_worker_died_is_one_error(person: Person, tmp_path: Path) -> None:
    thread = person.thread()
    ask(person, thread, f"ask {person.server.root}/never.txt hello")

    (worker,) = person.server.worker_pids()
    os.kill(worker, signal.SIGKILL)
    wait_for("the worker's end", lambda: not psutil.pid_exists(worker))
    events = person.finish(thread, person.approve(thread)["runId"])

    assert ends_of(events)[0]["code"] == "worker_died"
    assert not (person.server.root / "never.txt").exists()
