"""The example worker of docs/worker-protocol.md: 80 lines, none of our code, and a whole run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.person import Person, ends_of, text_of
from tests.servers import REPOSITORY, RealServer, wait_for

EXAMPLE = REPOSITORY / "examples" / "worker.py"


@pytest.fixture
def worker(shared_server: RealServer, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The example in an environment that has none of our packages."""
    env = {**os.environ, "LOBU_URL": shared_server.url, "LOBU_TOKEN": shared_server.token}
    process = subprocess.Popen([sys.executable, "-I", "-S", str(EXAMPLE)], env=env, cwd=tmp_path)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=60)


def agents(person: Person) -> set[str]:
    return {agent["name"] for agent in person.ok(person.http.get("agents"))["agents"]}


def test_the_example_is_at_most_80_lines_of_the_standard_library() -> None:
    source = EXAMPLE.read_text()

    assert len(source.splitlines()) <= 80
    assert "import lobu" not in source


def test_any_program_can_be_a_worker(worker: subprocess.Popen[bytes], person: Person) -> None:
    wait_for("its registration", lambda: "echo" in agents(person), 60)
    thread = person.thread()

    first = person.finish(thread, person.start(thread, "one two", agent="echo")["runId"])
    second = person.finish(thread, person.start(thread, "three", agent="echo")["runId"])

    assert text_of(first) == "ONE TWO "
    assert text_of(second) == "THREE "
    assert [end["type"] for end in ends_of(first + second)] == ["RUN_FINISHED"] * 2


def test_its_agents_stand_beside_the_servers_own(worker: subprocess.Popen[bytes], person: Person) -> None:
    wait_for("its registration", lambda: "echo" in agents(person), 60)
    thread = person.thread()

    events = person.finish(thread, person.start(thread, "say hi", agent="script")["runId"])

    assert "hi" in text_of(events)
    assert {"echo", "demo", "script"} <= agents(person)
