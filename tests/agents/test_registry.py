"""Which agents there are, known without loading any of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from lobu_jupyter.agents import registry as module
from lobu_jupyter.agents.registry import announced_agents, announced_tools, default_agent, registry
from lobu_jupyter.model.events import Event
from lobu_jupyter.model.ports import KernelPort, Task
from tests.servers import REPOSITORY, best_of

from .bench import run, task_for


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.processes
def test_announcing_loads_no_llm_library_and_is_quick() -> None:
    code = (
        "import sys, time, asyncio, msgspec, importlib.metadata\n"
        "begin = time.process_time()\n"
        "from lobu_jupyter.agents.registry import announced_agents, announced_tools, registry\n"
        "agents, tools = announced_agents({}, registry({})), announced_tools()\n"
        "print(time.process_time() - begin, 'pydantic_ai' in sys.modules, 'pydantic' in sys.modules)"
    )

    def seconds() -> float:
        told = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
        )
        seconds, *loaded = told.stdout.split()
        assert loaded == ["False", "False"]
        return float(seconds)

    assert best_of(3, seconds, 0.25) < 0.25


@pytest.mark.processes
def test_a_worker_builds_no_grammar_of_addresses_before_its_first_run() -> None:
    code = (
        "import sys\n"
        "from lobu_jupyter.agents.builtin import assistant\n"
        "from lobu_jupyter.agents.acp import agent\n"
        "from lobu_jupyter.model.json_schema import errors_of\n"
        "print(len(list(errors_of({'type': 'object'}, 3))), 'rfc3987_syntax' in sys.modules)\n"
        "import rfc3987_syntax"  # code of a person's own agent still can
    )
    usual = {**os.environ, "PYTHONPATH": str(REPOSITORY)}  # not as tests/starts has it
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=usual
    )

    assert told.stdout.split() == ["1", "False"]


def test_the_default_is_demo_until_a_model_can_be_had() -> None:
    assert default_agent({}) == "demo"
    assert default_agent({"keys": {"OPENAI_API_KEY": "k"}}) == "assistant"
    assert default_agent({"default_model": "ollama:llama3"}) == "assistant"
    assert default_agent({"default_agent": "script", "default_model": "ollama:x"}) == "script"


def test_what_a_worker_announces() -> None:
    settings = {"keys": {"ANTHROPIC_API_KEY": "k-123"}}
    agents, tools = announced_agents(settings, registry(settings)), announced_tools()

    by_name = {agent["name"]: agent for agent in agents}
    assert set(by_name) >= {"assistant", "demo", "script"}
    assert [name for name, agent in by_name.items() if agent.get("hidden")] == [
        "rebuild",
        "mcp-client",
    ]
    assert by_name["assistant"]["default"] is True
    assert by_name["assistant"]["model"].startswith("anthropic:")
    assert {"run_code", "ask_user", "write_file"} <= {tool.name for tool in tools}
    assert "k-123" not in str(agents)


class Echo:
    name = "echo"
    description = "Repeats."

    def __init__(self, settings: dict[str, Any] | None = None) -> None:
        self.settings = settings

    async def run(self, task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
        for kind, more in (("START", {"role": "assistant"}), ("CONTENT", {"delta": "echo"}), ("END", {})):
            yield {"type": f"TEXT_MESSAGE_{kind}", "messageId": "m", **more}


def make_echo(settings: dict[str, Any]) -> Echo:
    return Echo(settings)


ready = Echo()


@pytest.mark.parametrize("target", ["make_echo", "Echo", "ready"])
async def test_a_package_adds_an_agent_but_takes_no_built_in_name(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = f"{__name__}:{target}"
    points = [EntryPoint(name, value, module.GROUP) for name in ("echo", "demo")]
    monkeypatch.setattr(module, "entry_points", lambda group: points)

    agents = registry({})
    ended = await run(agents["echo"], task_for("hi"))

    assert ended.text == "echo"
    assert agents["demo"].description == module.DEMO


async def test_an_agent_that_cannot_be_imported_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("broken", "no_such_module_anywhere:x", module.GROUP)
    monkeypatch.setattr(module, "entry_points", lambda group: [point])

    ended = await run(registry({})["broken"], task_for("hi"))

    assert ended.error is not None
    assert "no_such_module_anywhere" in ended.error.message


async def test_the_built_in_agents_run_from_the_registry() -> None:
    for name in ("demo", "script"):
        ended = await run(registry({})[name], task_for("what can you do", agent=name))

        assert ended.text
        assert ended.error is None
