"""Real ipykernels, a person who works in them, and the executor of a run beside that person."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import KernelManager

from lobu_jupyter.model.ports import Executed, Output
from lobu_jupyter.worker.kernel.connection import Kernel
from lobu_jupyter.worker.kernel.executor import Executor
from tests.kernels import await_answer, start_kernel


def connection_of(manager: KernelManager) -> dict[str, Any]:
    """Connection info as it travels to a worker: JSON."""
    info = dict(manager.get_connection_info())
    info["key"] = info["key"].decode()
    return info


def _environment() -> dict[str, str]:
    """As outside of pytest: ipykernel does not watch its file descriptors under it."""
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


def _a_kernel() -> KernelManager:
    return start_kernel(KernelManager(kernel_name="python3"), env=_environment())


def _end(manager: KernelManager) -> None:
    manager.shutdown_kernel(now=True)
    manager.context.destroy(linger=0)


@pytest.fixture(scope="session")
def kernel_of_all() -> Iterator[KernelManager]:
    manager = _a_kernel()
    yield manager
    _end(manager)


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@pytest.fixture
def shared_kernel(kernel_of_all: KernelManager, request: pytest.FixtureRequest) -> Iterator[KernelManager]:
    """One kernel for many tests; what a test that failed left running in it goes with a restart."""
    yield kernel_of_all
    if request.node.stash.get(_FAILED, False):
        kernel_of_all.restart_kernel(now=True)
        await_answer(kernel_of_all)


@pytest.fixture
def own_kernel() -> Iterator[KernelManager]:
    manager = _a_kernel()
    yield manager
    _end(manager)


@dataclass
class Gate:
    """For a cell of the person that runs until the test lets it end, on any machine."""

    path: Path

    def cell(self, then: str = "") -> str:
        """The code of a cell that waits at the gate, and goes on with `then`."""
        return f"import os, time\nwhile not os.path.exists({str(self.path)!r}): time.sleep(0.02)\n{then}"

    def open(self) -> None:
        self.path.touch()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()


async def in_time(seconds: float, attempt: Callable[[], Awaitable[float]], tries: int = 3) -> None:
    """A promised limit: `attempt` tells how long it took, and the best of a few keeps it.

    A busy machine may delay one; a product that is too slow is too slow each time.
    """
    took = [await attempt()]
    while min(took) >= seconds and len(took) < tries:
        took.append(await attempt())
    assert min(took) < seconds, took


async def cancelled(task: asyncio.Task[Executed]) -> float:
    """Cancel `task`; how many seconds it took to end."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return loop.time() - began


@dataclass
class Person:
    """Runs cells as a front end does."""

    client: AsyncKernelClient
    outputs: list[dict[str, Any]] = field(default_factory=list)

    def send(self, code: str, **options: Any) -> str:
        return self.client.execute(code, **options)

    async def started(self, request_id: str) -> None:
        await self._status(request_id, "busy")

    async def kinds_until_idle(self, request_id: str) -> list[str]:
        """The types of all that the kernel publishes, whoever asked for it, until that cell is done."""
        kinds: list[str] = []
        while True:
            message = await self.client.get_iopub_msg(timeout=60)
            kinds.append(message["msg_type"])
            idle = message["content"].get("execution_state") == "idle"
            if idle and message["parent_header"].get("msg_id") == request_id:
                return kinds

    async def _status(self, request_id: str, state: str) -> None:
        while True:
            message = await self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != request_id:
                continue
            self.outputs.append(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == state:
                return

    async def finished(self, request_id: str) -> dict[str, Any]:
        """The reply to a cell."""
        while True:
            reply = await self.client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == request_id:
                return reply["content"]

    async def run(self, code: str, **options: Any) -> dict[str, Any]:
        return await self.finished(self.send(code, **options))

    async def value(self, expression: str) -> str:
        """The repr of an expression, without touching history."""
        reply = await self.run("", silent=True, user_expressions={"v": expression})
        shown = reply["user_expressions"]["v"]
        return shown["data"]["text/plain"] if shown["status"] == "ok" else shown["ename"]


async def a_person(manager: KernelManager) -> Person:
    client = AsyncKernelClient()
    client.load_connection_info(manager.get_connection_info())
    client.start_channels(hb=False)
    async with asyncio.timeout(60):
        while not await _answers(client):
            pass
    return Person(client)


async def _answers(client: AsyncKernelClient) -> bool:
    """Whether the kernel answers on shell and its iopub reaches us."""
    try:
        client.kernel_info()
        await client.get_shell_msg(timeout=2)
        await client.get_iopub_msg(timeout=2)
    except Empty:
        return False
    return True


@pytest.fixture
async def person(shared_kernel: KernelManager) -> AsyncIterator[Person]:
    someone = await a_person(shared_kernel)
    yield someone
    someone.client.stop_channels()
    someone.client.context.destroy(linger=0)


@dataclass
class Hand:
    """An executor, and what it said."""

    executor: Executor
    outputs: list[Output] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    noted: asyncio.Event = field(default_factory=asyncio.Event)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[Executed]] = field(default_factory=list)

    async def on_output(self, output: Output) -> None:
        self.outputs.append(output)
        self.heard.set()

    async def on_waiting(self, text: str) -> None:
        self.notes.append(text)
        self.noted.set()

    async def run(self, code: str, *, as_cell: bool = False) -> Executed:
        async with asyncio.timeout(60):
            return await self.executor.run_code(code, self.on_output, self.on_waiting, as_cell=as_cell)

    def start(self, code: str) -> asyncio.Task[Executed]:
        task = asyncio.create_task(self.run(code))
        self.tasks.append(task)
        return task

    async def stop(self) -> None:
        """End what a test that failed left under way, while the kernel can still be interrupted."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    @property
    def text(self) -> str:
        return "".join(o["text"] for o in self.outputs if o["output_type"] == "stream")

    async def says(self, text: str, length: int = 0) -> None:
        """Until the code has printed `text`, and so many characters in all."""
        async with asyncio.timeout(60):
            while text not in self.text or len(self.text) < length:
                self.heard.clear()
                await self.heard.wait()

    async def sees(self, cell: str) -> None:
        """Until the executor knows that the kernel runs that cell; the person may hear of it before."""
        kernel = self.executor._kernel
        async with asyncio.timeout(60):
            while kernel._running != cell:
                await kernel.change(1)

    async def waits(self) -> None:
        """Until the code says that it waits, or no longer does."""
        async with asyncio.timeout(60):
            await self.noted.wait()
        self.noted.clear()


MakeHand = Callable[..., Awaitable[Hand]]


@pytest.fixture
async def hand_in() -> AsyncIterator[MakeHand]:
    """Make an executor in a kernel."""
    hands: list[Hand] = []

    async def make(manager: KernelManager, **options: Any) -> Hand:
        kernel = Kernel(connection_of(manager))
        hands.append(Hand(Executor(kernel, **options)))
        await kernel.open()
        return hands[-1]

    yield make
    for hand in hands:
        await hand.stop()
        await hand.executor._kernel.close()


@pytest.fixture
async def hand(shared_kernel: KernelManager, hand_in: MakeHand) -> Hand:
    return await hand_in(shared_kernel)
