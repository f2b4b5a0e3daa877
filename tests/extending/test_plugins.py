"""The example package of docs/extending.md, installed: an agent, a tool and a guardrail of another's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.tools import plugins
from lobu_jupyter.agents.tools.plugins import Plugins, bound
from tests import starts
from tests.agents.bench import run, task_for
from tests.scenarios.person import Person, result_of, text_of
from tests.servers import REPOSITORY, RealServer

EXAMPLE = REPOSITORY / "examples" / "plugin"


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A person at a server in whose environment the example is installed."""
    site = tmp_path_factory.mktemp("site")
    uv = Path(sys.executable).with_name("uv")
    options = ["--quiet", "--offline", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.run(
        [uv, "pip", "install", "--python", sys.executable, *options, str(EXAMPLE)], check=True, timeout=60
    )
    path = f"{REPOSITORY}:{site}:{starts.FOLDER}"
    server = RealServer(tmp_path_factory.mktemp("server"), env={"PYTHONPATH": path})
    try:
        yield Person(server.start())
    finally:
        server.stop()


def test_the_example_is_thirty_lines() -> None:
    assert len((EXAMPLE / "lobu_example.py").read_text().splitlines()) <= 30


def test_an_installed_agent_is_listed_and_runs(person: Person) -> None:
    thread = person.thread()

    events = person.finish(thread, person.start(thread, "hello", agent="parrot")["runId"])

    assert text_of(events) == "hello"
    assert "parrot" in {a["name"] for a in person.ok(person.http.get("agents"))["agents"]}


def test_an_installed_tool_is_listed_and_called(person: Person) -> None:
    thread = person.thread()

    events = person.finish(thread, person.start(thread, 'tool weather {"city": "Wien", "days": 2}')["runId"])

    assert result_of(events) == '{"city":"Wien","days":["sunny","sunny"]}'
    assert "weather" in {t["name"] for t in person.ok(person.http.get("tools"))["tools"]}


def test_an_installed_guardrail_refuses_and_says_why(person: Person) -> None:
    thread = person.thread()

    refused = person.http.post(f"threads/{thread}/runs", json={"prompt": "-----BEGIN PRIVATE KEY-----"})

    assert refused.status_code == 403
    assert "private key in the prompt" in refused.json()["error"]["message"]


async def test_a_tool_asks_unless_it_says_otherwise_and_its_error_is_the_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def divide(a: int, b: int) -> float:
        """Divide."""
        return a / b

    source = Plugins()
    source._tools = [bound("divide", divide)]
    agent = script(sources=[source])

    asked = await run(agent, task_for('tool divide {"a": 1, "b": 2}'))
    divide.approval = False  # type: ignore[attr-defined]
    source._tools = [bound("divide", divide)]
    failed = await run(agent, task_for('tool divide {"a": 1, "b": 0}'))

    assert asked.interrupts[0].tool_name == "divide"
    assert "ZeroDivisionError" in next(iter(failed.results.values()))


async def test_a_tool_that_cannot_be_loaded_says_so_when_it_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point = EntryPoint("broken", "no_such_module:tool", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])

    ended = await run(script(sources=[Plugins()]), task_for("tool broken {}"))

    assert "cannot be loaded" in next(iter(ended.results.values()))


def fails_oddly() -> str:
    raise Unsayable


def leaves() -> str:
    sys.exit("bye")


def counts() -> Any:
    yield from (1, 2)


async def streams() -> Any:
    yield 3


class Unsayable(Exception):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (fails_oddly, "fails_oddly failed: Unsayable: (its message cannot be shown: ValueError)"),
        (leaves, "leaves failed: SystemExit: bye"),
        (counts, "[1,2]"),
        (streams, "[3]"),
    ],
)
async def test_whatever_an_installed_tool_does_is_its_calls_result(
    function: Callable[[], Any], told: str
) -> None:
    function.approval = False  # pyright: ignore[reportFunctionMemberAccess]
    source = Plugins()
    source._tools = [bound(function.__name__, function)]

    ended = await run(script(sources=[source]), task_for(f"tool {function.__name__} {{}}"))

    assert next(iter(ended.results.values())) == told
