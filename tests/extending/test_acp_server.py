"""An ACP agent at a real server: chosen, asked, decided by REST, killed; nothing of it is left."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.scenarios.person import Person, ends_of, text_of
from tests.servers import RealServer, wait_for

from .test_acp import SCRIPTED


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A person at a server with the agent `robot`, and one that is not installed."""
    home = tmp_path_factory.mktemp("server")
    files = ["--sessions", str(home / "sessions.json"), "--log", str(home / "log")]
    agents: dict[str, Any] = {
        "robot": {"command": [sys.executable, SCRIPTED, *files]},
        "guest": {"command": [sys.executable, SCRIPTED, *files, "--login", str(home / "login")]},
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


def test_the_list_of_agents_tells_the_state_of_each_before_anything_ran(person: Person) -> None:
    assert person.server.worker_pids() == []

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
    wait_for("the agent's end", lambda: not psutil.pid_exists(pid))


@pytest.mark.parametrize("what", ["the agent", "its worker"])
def test_a_question_ends_at_once_when_what_holds_it_is_killed(person: Person, what: str) -> None:
    thread = person.thread()
    ask(person, thread, f"leave\nask {person.server.root}/never.txt hello")
    left = log(person, "left")[-1]["left"]
    pid = log(person, "initialize")[-1]["pid"] if what == "the agent" else person.server.worker_pids()[0]

    os.kill(pid, signal.SIGKILL)
    wait_for("the pause's end", lambda: person.interrupts(thread) == [])

    state = person.snapshot(thread)
    assert (state["status"], state["runs"][-1]["error"]["code"]) == ("idle", "worker_died")
    assert not (person.server.root / "never.txt").exists()
    wait_for("the end of what the agent started", lambda: not psutil.pid_exists(left))
    assert text_of(ask(person, thread, "say on")) == "on "


def test_an_agent_that_needs_a_login_is_listed_so_until_it_has_it(person: Person) -> None:
    def guest() -> dict[str, Any]:
        agents = person.ok(person.http.get("agents"))["agents"]
        return next(agent for agent in agents if agent["name"] == "guest")

    def ask_guest() -> list[dict[str, Any]]:
        thread = person.thread()
        return person.finish(thread, person.start(thread, "say hi", agent="guest")["runId"])

    (end,) = ends_of(ask_guest())
    wait_for("its state", lambda: guest()["state"] == "needs login")
    assert "Run robot login" in end["message"]
    assert "Run robot login" in guest()["hint"]

    (person.server.home / "login").touch()
    assert text_of(ask_guest()) == "hi "
    wait_for("its state", lambda: guest()["state"] == "ready")


def test_it_runs_code_in_the_live_kernel_once_approved(person: Person) -> None:
    kernel = person.server.start_kernel()
    thread = person.thread(kernelId=kernel)

    ask(person, thread, 'tool run_code {"code": "answer = 6 * 7; print(answer)"}\ntool list_variables')
    done = person.finish(thread, person.approve(thread)["runId"])

    assert "42" in text_of(done)
    assert "answer" in text_of(done)
    (card,) = [i for i in person.snapshot(thread)["items"] if i.get("name") == "run_code"]
    assert (card["status"], card["outputs"][0]["text"]) == ("done", "42\n")


@pytest.mark.scenario("H12")
@pytest.mark.scenario("H13")
def test_a_crash_is_one_end_and_watching_ends_nothing(person: Person) -> None:
    thread = person.thread()
    waiting = ask(person, thread, f"say part\nask {person.server.root}/h13.txt hello\ncrash")
    for _ in range(2):
        person.journal(thread)
        person.snapshot(thread)
        person.interrupts(thread)

    done = person.finish(thread, person.approve(thread)["runId"])

    assert [end["type"] for end in ends_of(waiting)] == ["RUN_FINISHED"]
    assert [(end["type"], end["code"]) for end in ends_of(done)] == [("RUN_ERROR", "worker_died")]
    assert "exit code 7" in ends_of(done)[0]["message"]


def test_a_killed_server_leaves_no_agent_and_one_error(person: Person) -> None:
    thread = person.thread()
    ask(person, thread, f"leave\nask {person.server.root}/never.txt hello")
    agent, left = log(person, "initialize")[-1]["pid"], log(person, "left")[-1]["left"]

    person.server.kill()
    wait_for("the end of the agent", lambda: not psutil.pid_exists(agent))
    wait_for("the end of what it started", lambda: not psutil.pid_exists(left))
    person.server.start()

    state = person.snapshot(thread)
    assert (state["interrupts"], state["runs"][-1]["error"]["code"]) == ([], "worker_died")
