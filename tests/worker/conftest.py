"""Real ipykernels, a person who works in them, and the executor of a run beside that person."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import KernelManager

from lobu_jupyter.model.ports import Executed, Output
from lobu_jupyter.worker.executor import Executor
from lobu_jupyter.worker.kernel import Kernel


def connection_of(manager: KernelManager) -> dict[str, Any]:
    """Connection info as it travels to a worker: JSON."""
    info = dict(manager.get_connection_info())
    info["key"] = info["key"].decode()
    return info


def _environment() -> dict[str, str]:
    """As outside of pytest: ipykernel does not watch its file descriptors under it."""
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture(scope="session")
def shared_kernel() -> Iterator[KernelManager]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=_environment())
    yield manager
    manager.shutdown_kernel(now=True)
    manager.context.destroy(linger=0)


@pytest.fixture
def own_kernel() -> Iterator[KernelManager]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=_environment())
    yield manager
    manager.shutdown_kernel(now=True)
    manager.context.destroy(linger=0)


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
            message = await self.client.get_iopub_msg(timeout=20)
            kinds.append(message["msg_type"])
            idle = message["content"].get("execution_state") == "idle"
            if idle and message["parent_header"].get("msg_id") == request_id:
                return kinds

    async def _status(self, request_id: str, state: str) -> None:
        while True:
            message = await self.client.get_iopub_msg(timeout=20)
            if message["parent_header"].get("msg_id") != request_id:
                continue
            self.outputs.append(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == state:
                return

    async def finished(self, request_id: str) -> dict[str, Any]:
        """The reply to a cell."""
        while True:
            reply = await self.client.get_shell_msg(timeout=30)
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

    async def on_output(self, output: Output) -> None:
        self.outputs.append(output)
        self.heard.set()

    async def on_waiting(self, text: str) -> None:
        self.notes.append(text)
        self.noted.set()

    async def run(self, code: str) -> Executed:
        async with asyncio.timeout(60):
            return await self.executor.run_code(code, self.on_output, self.on_waiting)

    def start(self, code: str) -> asyncio.Task[Executed]:
        return asyncio.create_task(self.run(code))

    @property
    def text(self) -> str:
        return "".join(o["text"] for o in self.outputs if o["output_type"] == "stream")

    async def says(self, text: str, length: int = 0) -> None:
        """Until the code has printed `text`, and so many characters in all."""
        async with asyncio.timeout(20):
            while text not in self.text or len(self.text) < length:
                self.heard.clear()
                await self.heard.wait()

    async def sees(self, cell: str) -> None:
        """Until the executor knows that the kernel runs that cell; the person may hear of it before."""
        kernel = self.executor._kernel
        async with asyncio.timeout(20):
            while kernel._running != cell:
                await kernel.change(1)

    async def waits(self) -> None:
        """Until the code says that it waits, or no longer does."""
        async with asyncio.timeout(20):
            await self.noted.wait()
        self.noted.clear()


MakeHand = Callable[..., Awaitable[Hand]]


@pytest.fixture
async def hand_in() -> AsyncIterator[MakeHand]:
    """Make an executor in a kernel."""
    kernels: list[Kernel] = []

    async def make(manager: KernelManager, **options: Any) -> Hand:
        kernel = Kernel(connection_of(manager))
        kernels.append(kernel)
        await kernel.open()
        return Hand(Executor(kernel, **options))

    yield make
    for kernel in kernels:
        await kernel.close()


@pytest.fixture
async def hand(shared_kernel: KernelManager, hand_in: MakeHand) -> Hand:
    return await hand_in(shared_kernel)
