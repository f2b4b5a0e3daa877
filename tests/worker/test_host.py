"""The host: each task ends with one terminal event, whatever its agent does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from lobu_jupyter.model.interrupts import Interrupt
from lobu_jupyter.model.ports import AgentError, KernelInfo, KernelPort, Pause, Task
from lobu_jupyter.worker.gateway_link import Link
from lobu_jupyter.worker.host import Host

from .conftest import connection_of
from .gateway import a_gateway

if TYPE_CHECKING:
    from jupyter_client.manager import KernelManager

    from lobu_jupyter.model.events import Event

    from .gateway import FakeGateway

Body = Callable[[Task, KernelPort | None], AsyncIterator[Any]]


class Agent:
    description = "for tests"

    def __init__(self, name: str, body: Body) -> None:
        self.name = name
        self.run = body


async def says(task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
    yield {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"}
    yield {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "hello"}
    yield {"type": "TEXT_MESSAGE_END", "messageId": "m"}
    yield {"type": "lobu.usage", "usage": [{"inputTokens": 3}]}


async def asks(task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
    yield {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "run_code"}
    yield {"type": "TOOL_CALL_END", "toolCallId": "c"}
    question = Interrupt(id="i", thread_id="t", run_id=task.run_id, reason="tool_call", tool_call_id="c")
    raise Pause([question], "the checkpoint", [])


async def gives_up(task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
    yield {"type": "STEP_STARTED", "stepName": "s"}
    raise AgentError("provider_error", "429: slow down")


async def breaks(task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
    yield {"type": "STEP_STARTED", "stepName": "s"}
    raise ZeroDivisionError("a bug")


async def lies(task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
    yield {"type": "BAD"}


async def hangs(task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
    yield {"type": "CUSTOM", "name": "began", "value": 1}
    try:
        await asyncio.Event().wait()
    finally:
        STOPPED.append(task.run_id)


async def works(task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
    assert kernel is not None
    yield {"type": "CUSTOM", "name": "began", "value": 1}
    outputs: list[Any] = []

    async def keep(output: Any) -> None:
        outputs.append(output)

    async def note(text: str) -> None: ...

    await kernel.run_code(task.messages[-1]["content"], keep, note)
    yield {"type": "CUSTOM", "name": "outputs", "value": outputs}


async def holds(task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
    """Acts only once what it said is durable; tells how many batches the gateway had by then."""
    yield {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "t"}
    yield {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": "{}"}
    done = asyncio.get_running_loop().create_future()
    yield {"type": "lobu.sync", "done": done}
    await done
    ACTED.append(task.run_id)
    yield {"type": "TOOL_CALL_END", "toolCallId": "c"}
    yield {"type": "TOOL_CALL_RESULT", "messageId": "m", "toolCallId": "c", "content": "ok"}


STOPPED: list[str] = []
ACTED: list[str] = []
AGENTS = {
    body.__name__: Agent(body.__name__, body)
    for body in (says, asks, gives_up, breaks, lies, hangs, works, holds)
}


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with a_gateway() as gateway:
        link = Link(gateway.url, "ticket", patience=5)
        serving = asyncio.create_task(Host(link, {}, AGENTS).serve())
        yield gateway
        gateway.put("stop")
        async with asyncio.timeout(20):
            await serving
        await link.close()


def start(gateway: FakeGateway, run: str, agent: str, **more: Any) -> None:
    task = Task(run_id=run, thread_id="t", incarnation=7, agent=agent, **more)
    gateway.put("start", runId=run, task=msgspec.to_builtins(task))


async def test_a_worker_announces_its_agents_and_tools_under_its_ticket(gateway: FakeGateway) -> None:
    await gateway.until(lambda: bool(gateway.registered))

    (told,) = gateway.registered
    assert gateway.tickets == ["Lobu-Worker ticket"]
    assert {agent["name"] for agent in told["agents"]} >= {"says", "asks"}
    assert {agent["state"] for agent in told["agents"]} == {"ready"}
    assert "run_code" in {tool["name"] for tool in told["tools"]}


async def test_a_run_succeeds_with_its_usage(gateway: FakeGateway) -> None:
    start(gateway, "r1", "says")

    end = await gateway.end_of("r1")

    assert end == {
        "type": "RUN_FINISHED",
        "threadId": "t",
        "runId": "r1",
        "outcome": {"type": "success"},
        "usage": [{"inputTokens": 3}],
    }
    assert gateway.types("r1")[:-1] == ["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END"]


async def test_a_tool_acts_only_once_what_was_said_before_is_durable(gateway: FakeGateway) -> None:
    gateway.hold = asyncio.Event()
    start(gateway, "r-acts", "holds")

    await gateway.until(lambda: gateway.posts > 0)
    acted_before = "r-acts" in ACTED
    gateway.hold.set()
    await gateway.end_of("r-acts")

    assert not acted_before
    assert "r-acts" in ACTED
    assert gateway.types("r-acts")[:2] == ["TOOL_CALL_START", "TOOL_CALL_ARGS"]


async def test_a_pause_carries_interrupts_and_checkpoint(gateway: FakeGateway) -> None:
    start(gateway, "r1", "asks")

    end = await gateway.end_of("r1")

    assert end["outcome"]["type"] == "interrupt"
    assert [interrupt["toolCallId"] for interrupt in end["outcome"]["interrupts"]] == ["c"]
    assert gateway.checkpoints == {"r1": "the checkpoint"}


@pytest.mark.parametrize(
    ("agent", "code", "words"),
    [
        ("gives_up", "provider_error", "429: slow down"),
        ("breaks", "internal", "a bug"),
        ("lies", "internal", "not valid"),
        ("nobody", "internal", "There is no agent 'nobody' here; choose from asks"),
    ],
)
async def test_whatever_an_agent_does_its_run_ends_once(
    gateway: FakeGateway, agent: str, code: str, words: str
) -> None:
    start(gateway, "r1", agent)

    end = await gateway.end_of("r1")

    assert (end["type"], end["code"]) == ("RUN_ERROR", code)
    assert words in end["message"]
    assert gateway.types("r1").count("RUN_ERROR") == 1


async def test_a_cancelled_run_stops_quietly_and_others_go_on(gateway: FakeGateway) -> None:
    STOPPED.clear()
    start(gateway, "r1", "hangs")
    await gateway.until(lambda: "r1" in gateway.events)
    gateway.ended_runs.add("r1")
    posts = gateway.posts

    gateway.put("cancel", runId="r1", reason="cancelled")
    start(gateway, "r2", "says")
    await gateway.end_of("r2")

    assert STOPPED == ["r1"]
    assert gateway.types("r1") == ["CUSTOM"]
    assert gateway.posts > posts


async def test_a_run_refused_as_ended_stops_its_agent(gateway: FakeGateway) -> None:
    start(gateway, "r1", "works", messages=({"role": "user", "content": "1"},))
    gateway.ended_runs.add("r1")

    start(gateway, "r2", "says")

    assert (await gateway.end_of("r2"))["type"] == "RUN_FINISHED"
    assert "r1" not in gateway.events


async def test_the_same_task_twice_is_one_run(gateway: FakeGateway) -> None:
    start(gateway, "r1", "hangs")
    start(gateway, "r1", "hangs")
    start(gateway, "r2", "says")

    await gateway.end_of("r2")
    await gateway.until(lambda: "r1" in gateway.events)

    assert gateway.types("r1") == ["CUSTOM"]
    gateway.put("cancel", runId="r1")


async def test_agent_code_runs_in_the_kernel_of_the_task(
    gateway: FakeGateway, shared_kernel: KernelManager
) -> None:
    info = KernelInfo(kernel_id="k", incarnation=1, connection=connection_of(shared_kernel))

    start(gateway, "r1", "works", kernel=info, messages=({"role": "user", "content": "print('here')"},))
    await gateway.end_of("r1")

    assert gateway.events["r1"][1]["value"] == [{"output_type": "stream", "name": "stdout", "text": "here\n"}]


async def test_a_dead_kernel_ends_its_run_even_if_nobody_else_notices(
    gateway: FakeGateway, own_kernel: KernelManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lobu_jupyter.worker.host.KERNEL_GRACE_SECONDS", 0.1)
    info = KernelInfo(kernel_id="k", incarnation=1, connection=connection_of(own_kernel))

    start(
        gateway, "r1", "works", kernel=info, messages=({"role": "user", "content": "import os; os._exit(1)"},)
    )
    end = await gateway.end_of("r1")

    assert (end["type"], end["code"]) == ("RUN_ERROR", "kernel_died")


async def test_life_is_shown_while_a_run_is_under_way(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lobu_jupyter.worker.host.HEARTBEAT_SECONDS", 0.05)
    start(gateway, "r1", "hangs")

    await gateway.until(lambda: gateway.beats >= 3)

    gateway.put("cancel", runId="r1")


@pytest.mark.scenario("W3")
async def test_a_sign_of_life_that_is_refused_is_logged_and_the_run_goes_on(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lobu_jupyter.worker.host.HEARTBEAT_SECONDS", 0.02)
    gateway.refused_beats = 3
    start(gateway, "r1", "hangs")
    await gateway.until(lambda: gateway.beats >= 5)

    start(gateway, "r2", "says")
    end = await gateway.end_of("r2")

    assert end["type"] == "RUN_FINISHED"
    assert "a sign of life was not taken" in caplog.text
    gateway.put("cancel", runId="r1")
