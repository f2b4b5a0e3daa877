"""A question whose caller has given up is closed and says so; the same call, asked again, joins it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.agents.acp import process
from lobu_jupyter.agents.acp.process import AcpProcess
from lobu_jupyter.model.ports import Task
from tests.agents.bench import Ended, FakeKernel, resume, run
from tests.extending.test_acp import WITH_KERNEL, Rig, held_of
from tests.servers import wait_for

CODE = {"name": "run_code", "args": {"code": "1 + 1"}}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    for agent in rig.agents:
        await agent.close()


def process_of(rig: Rig) -> AcpProcess:
    session = rig.agent._sessions.get("thread_1")
    assert session is not None
    return session.process


async def asked(rig: Rig, task: Task, kernel: FakeKernel) -> tuple[Ended, asyncio.Task[Any]]:
    """A run that waits with a question whose caller is in the test's hands."""
    running = asyncio.create_task(run(rig.agent, task, kernel))
    await asyncio.to_thread(wait_for, "the prompt", lambda: (rig.home / "log").exists() and rig.log("prompt"))
    caller = asyncio.create_task(process_of(rig).ask("tool", **CODE))
    return await running, caller


async def give_up(caller: asyncio.Task[Any]) -> None:
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)


async def test_a_question_whose_caller_gave_up_is_closed_and_says_so(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GIVE_UP_SECONDS", 0.01)
    kernel = FakeKernel()
    ended, caller = await asked(rig, rig.task("hold", **WITH_KERNEL), kernel)

    await give_up(caller)

    assert "gave up waiting" in str(await asyncio.wait_for(held_of(ended).ended(), 60))
    await asyncio.to_thread(wait_for, "the prompt's end", lambda: rig.log("cancel"))
    assert kernel.ran == []


async def test_what_is_approved_after_its_caller_gave_up_does_not_run(rig: Rig) -> None:
    kernel, task = FakeKernel(), rig.task("hold\nsay done", **WITH_KERNEL)
    ended, caller = await asked(rig, task, kernel)

    await give_up(caller)
    rig.home.joinpath("now").touch()
    done = await resume(rig.agent, task, ended, kernel, "approve")

    assert kernel.ran == []
    assert "gave up waiting for the decision" in next(iter(done.results.values()))
    assert (done.text, done.error) == ("done ", None)


async def test_the_same_call_asked_again_joins_the_open_question(rig: Rig) -> None:
    kernel, task = FakeKernel(), rig.task("hold", **WITH_KERNEL)
    ended, caller = await asked(rig, task, kernel)

    await give_up(caller)
    again = asyncio.create_task(process_of(rig).ask("tool", **CODE))
    other = asyncio.create_task(process_of(rig).ask("tool", name="run_code", args={"code": "2"}))
    await asyncio.sleep(0)
    more = await resume(rig.agent, task, ended, kernel, "approve")

    assert (kernel.ran, (await again).text) == (["1 + 1"], "2")
    assert [interrupt.args for interrupt in more.interrupts] == [{"code": "2"}]
    await give_up(other)


async def test_two_equal_calls_at_once_are_one_question_and_run_once(rig: Rig) -> None:
    kernel = FakeKernel()
    task = rig.task('retool run_code {"code": "1 + 1"}', **WITH_KERNEL)

    ended = await run(rig.agent, task, kernel)
    both = process_of(rig).asked
    await asyncio.to_thread(wait_for, "both calls", lambda: sum(ask.callers for ask in both) == 2)
    done = await resume(rig.agent, task, ended, kernel, "approve")

    assert (len(ended.interrupts), done.pause, kernel.ran, done.text) == (1, None, ["1 + 1"], "22")
