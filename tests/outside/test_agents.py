"""Claude Code, Codex and opencode, as npm installs them, under our laws; their model is a provider on loopback."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from lobu_jupyter.agents.acp.agent import AcpAgent
from lobu_jupyter.model.ports import AgentError, Task
from tests.agents.bench import Ended, FakeKernel, registered, resume, run, said, task_for
from tests.outside import kits
from tests.providers import Reply, calls, says

from .kits import Kit, Model, kit

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def model() -> Iterator[Model]:
    with Model() as model:
        yield model


class Rig:
    """One real agent in a folder of its own."""

    def __init__(self, kit: Kit, model: Model, root: Path) -> None:
        self.kit, self.model, self.root = kit, model, root
        self.agents: list[AcpAgent] = []
        self.agent = self.anew()

    def anew(self) -> AcpAgent:
        """The agent as another worker has it."""
        self.agent = AcpAgent(self.kit.name, self.kit.config)
        self.agents.append(self.agent)
        return self.agent

    def task(self, prompt: str, *replies: Reply, **more: Any) -> Task:
        self.model.script = list(replies)
        return task_for(prompt, agent=self.kit.name, root=str(self.root), kernel=registered(), **more)

    def processes(self) -> list[psutil.Process]:
        """All that runs of the agent: below the leashes that this process started."""
        leashes = [p for p in psutil.Process().children() if "leash.py" in " ".join(p.cmdline())]
        return [child for leash in leashes for child in leash.children(recursive=True)]

    def kill(self) -> None:
        for process in self.processes():
            os.kill(process.pid, signal.SIGKILL)


@pytest.fixture(params=kits.NAMES)
async def rig(request: pytest.FixtureRequest, model: Model, tmp_path: Path) -> AsyncIterator[Rig]:
    (tmp_path / "root").mkdir()
    rig = Rig(kit(request.param, model, tmp_path), model, tmp_path / "root")
    yield rig
    for agent in rig.agents:
        await agent.close()
    assert rig.processes() == []


def sessions(ended: Ended) -> dict[str, dict[str, Any]]:
    return {value["agent"]: value for value in ended.customs("lobu.session")}


async def until_text(rig: Rig, task: Task) -> None:
    """Read a run until the agent has said something, then go away."""
    async with aclosing(cast("Any", said(rig.agent, task))) as events:
        async for event in events:
            if event["type"] == "TEXT_MESSAGE_CONTENT":
                return


async def run_and_kill(rig: Rig, task: Task) -> AgentError | None:
    """Kill the agent once it says something; the error in which its run ends."""
    try:
        async with aclosing(cast("Any", said(rig.agent, task))) as events:
            async for event in events:
                if event["type"] == "TEXT_MESSAGE_CONTENT":
                    rig.kill()
    except AgentError as error:
        return error
    return None


async def test_it_streams_what_its_model_says(rig: Rig) -> None:
    ended = await run(rig.agent, rig.task("Hi", says("Hello there, my friend, how are you?")))

    assert ended.error is None
    assert ended.text == "Hello there, my friend, how are you?"
    assert ended.types.count("TEXT_MESSAGE_CONTENT") > 1
    assert ended.types.count("TEXT_MESSAGE_START") == 1


@pytest.mark.parametrize("decision", ["approve", "reject"])
async def test_what_it_wants_to_write_is_decided_by_the_person(rig: Rig, decision: str) -> None:
    if not rig.kit.writes:
        pytest.skip("its sandbox refuses a write in its asking mode, without a question")
    path = rig.root / "a.txt"
    task = rig.task("Write a.txt", calls(rig.kit.write(path, "hello\n")), says("So be it."))

    asked = await run(rig.agent, task)
    before = path.exists()
    done = await resume(rig.agent, task, asked, None, {"kind": decision, "reason": "use b.txt"})

    (interrupt,) = asked.interrupts
    assert (before, interrupt.tool_name, interrupt.in_memory) == (False, f"{rig.kit.name}__edit", True)
    assert "+hello" in str(interrupt.diff)
    assert (done.error, path.exists()) == (None, decision == "approve")
    if decision == "reject":
        assert "use b.txt" in rig.model.told


async def test_it_runs_code_in_the_live_kernel_after_one_question(rig: Rig) -> None:
    kernel = FakeKernel(x=20)
    task = rig.task("Compute", calls(rig.kit.computes("x + 1")), says("It is 21."))

    asked = await run(rig.agent, task, kernel)
    done = await resume(rig.agent, task, asked, kernel, "approve")

    assert [interrupt.tool_name for interrupt in asked.interrupts] == ["run_code"]
    assert (done.error, done.text, kernel.ran) == (None, "It is 21.", ["x + 1"])
    assert "21" in rig.model.told


async def test_cancelled_it_stops_and_serves_the_next_prompt(rig: Rig) -> None:
    await until_text(rig, rig.task("Hi", Reply("This goes on and on and on and on and on", end="hang")))
    dropped = await asyncio.to_thread(rig.model.closed.wait, 20)

    ended = await run(rig.agent, rig.task("Again", says("Here I am.")))

    assert dropped
    assert (ended.error, ended.text) == (None, "Here I am.")


async def test_killed_it_is_one_error_and_another_process_goes_on_in_its_session(rig: Rig) -> None:
    first = await run(rig.agent, rig.task("Remember the word kingfisher", says("I will.")))
    told = sessions(first)
    hanging = rig.task("Hi", Reply("This goes on and on and on", end="hang"), sessions=told)
    killed = await run_and_kill(rig, hanging)
    rig.anew()
    after = await run(rig.agent, rig.task("Which word?", says("It was kingfisher."), sessions=told))

    assert killed is not None
    assert killed.code == "worker_died"
    assert (after.error, after.text, sessions(after)) == (None, "It was kingfisher.", {})
    assert "kingfisher" in rig.model.told


async def test_killed_while_it_waits_its_question_ends_at_once(rig: Rig) -> None:
    path = rig.root / "a.txt"
    wants = rig.kit.write(path, "hello\n") if rig.kit.writes else rig.kit.computes("1")
    task = rig.task("Write a.txt", calls(wants), says("So be it."))
    asked = await run(rig.agent, task, FakeKernel())
    assert asked.pause is not None
    assert asked.pause.held is not None

    rig.kill()
    how = await asyncio.wait_for(asked.pause.held.ended(), 20)

    assert "exit code 137" in str(how)
    assert not path.exists()


async def test_its_session_is_in_its_asking_mode_and_says_so(rig: Rig) -> None:
    ended = await run(rig.agent, rig.task("Hi", says("Hello.")))

    told = sessions(ended)[rig.kit.name]
    assert told["asks"] is True
    if mode := rig.kit.config.get("mode"):
        assert told["mode"] == mode


async def test_a_command_of_its_own_does_nothing_without_a_person(rig: Rig) -> None:
    path = rig.root / "a.txt"
    task = rig.task("Write a.txt", calls(rig.kit.shell(f"echo hello > {path}")), says("So be it."))

    ended = await run(rig.agent, task)

    assert not path.exists()
    if ended.pause is None:
        assert not rig.kit.writes
    else:
        assert ended.interrupts[0].tool_name == f"{rig.kit.name}__execute"
