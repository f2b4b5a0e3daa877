"""One kernel's watch: a death is told once, by whomever it is noticed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
import zmq
from jupyter_client.session import Session
from zmq.eventloop.zmqstream import ZMQStream

from lobu_jupyter.server.kernels.attendance import Cells
from lobu_jupyter.server.kernels.kernels import Kernels
from lobu_jupyter.server.kernels.monitor import KernelMonitor
from lobu_jupyter.server.tasks import Tasks


class Process:
    """A kernel manager whose answer is held back until all have asked."""

    shutting_down = False

    def __init__(self, askers: int) -> None:
        self.session = Session(key=b"k")
        self.alive = False
        self.callbacks: dict[str, Callable[[], None]] = {}
        self._all_ask = asyncio.Barrier(askers)

    async def is_alive(self) -> bool:
        await self._all_ask.wait()
        return self.alive

    def get_connection_info(self) -> dict[str, Any]:
        return {}  # no ports: nothing to connect to

    def add_restart_callback(self, callback: Callable[[], None], event: str) -> None:
        self.callbacks[event] = callback


def _watch(process: Process, told: list[KernelMonitor]) -> KernelMonitor:
    log = logging.getLogger("test")
    return KernelMonitor("k1", cast("Any", process), Cells(), told.append, Tasks(log), log)


async def test_monitor_poll_and_callback_that_notice_one_death_tell_it_once() -> None:
    told: list[KernelMonitor] = []
    watch = _watch(Process(3), told)

    await asyncio.gather(watch.check(), watch.check(), watch.check())

    assert told == [watch]


async def test_a_second_death_is_told_too() -> None:
    told: list[KernelMonitor] = []
    process = Process(1)
    watch = _watch(process, told)
    await watch.check()

    process.alive = True
    await watch.check()
    process.alive = False
    await watch.check()

    assert told == [watch, watch]


class Manager(dict[str, Process]):
    """A kernel manager of one kernel, whose connection is known and never made."""

    def list_kernel_ids(self) -> list[str]:
        return list(self)

    def get_kernel(self, kernel_id: str) -> Process:
        return self[kernel_id]


class Started(Process):
    execution_state = "idle"

    def get_connection_info(self) -> dict[str, Any]:
        return {"iopub_port": 1}


class Unclear(Process):
    """A process that is still asked whether it lives. Its connection can be broken."""

    def __init__(self) -> None:
        super().__init__(2)
        self.is_asked = asyncio.Event()
        self.is_heard = asyncio.Event()
        self._publisher = ZMQStream(zmq.Context.instance().socket(zmq.XPUB))
        self._publisher.on_recv(lambda _subscription: self.is_heard.set())
        self._port = self._publisher.socket.bind_to_random_port("tcp://127.0.0.1")

    async def is_alive(self) -> bool:
        self.is_asked.set()
        return await super().is_alive()

    def get_connection_info(self) -> dict[str, Any]:
        return {"ip": "127.0.0.1", "iopub_port": self._port}

    def connect_iopub(self) -> ZMQStream:
        socket = zmq.Context.instance().socket(zmq.SUB)
        socket.connect(f"tcp://127.0.0.1:{self._port}")
        return ZMQStream(socket)

    def break_off(self) -> None:
        self._publisher.close(linger=0)


async def test_a_look_after_a_broken_connection_ends_with_the_server() -> None:
    process = Unclear()
    kernels = await _kernels(Manager(k1=process), [])
    await asyncio.wait_for(process.is_heard.wait(), 30)

    process.break_off()
    await asyncio.wait_for(process.is_asked.wait(), 30)
    await kernels.close()

    assert [task for task in asyncio.all_tasks() if task.get_name() == "confirm k1"] == []


@pytest.mark.scenario("W17")
@pytest.mark.parametrize(("by_jupyter", "said"), [(True, "died"), (False, "restarted")])
async def test_a_restart_that_jupyter_makes_of_a_dead_kernel_is_a_death_and_a_persons_is_a_restart(
    by_jupyter: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KernelMonitor, "connect", lambda self: None)
    told: list[str] = []
    process = Started(1)
    kernels = await _kernels(Manager(k1=process), told)

    if by_jupyter:
        process.callbacks["restart"]()
    process.shutting_down = True  # from here on both are one: the process is replaced
    await kernels._watches["k1"].check()
    await kernels.on_action(None, "", {"kernel_id": "k1", "action": "restart", "status": "success"})
    for _ in range(50):  # all that there is to say is said by now
        await asyncio.sleep(0)

    assert told == [said]
    await kernels.close()


class Stalled(Started):
    """Found dead twice; at the first look the machine stands still for as long as `stall` says."""

    def __init__(self, stall: Callable[[], None]) -> None:
        super().__init__(1)
        self.shutting_down = True
        self.lives = asyncio.Event()
        self._looks = [stall, lambda: None]

    async def is_alive(self) -> bool:
        if self._looks:
            self._looks.pop(0)()
            return False
        self.lives.set()
        return True


@pytest.mark.scenario("W17")
async def test_of_two_restarts_one_fails_and_a_stall_does_not_make_it_the_kernels_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(KernelMonitor, "connect", lambda self: None)
    clock, told = time.monotonic, list[str]()
    process = Stalled(lambda: monkeypatch.setattr(time, "monotonic", lambda: clock() + 4))
    kernels = await _kernels(Manager(k1=process), told)

    failed = {"kernel_id": "k1", "action": "restart", "status": "error", "msg": "ports taken"}
    await kernels.on_action(None, "", failed)
    await asyncio.wait_for(process.lives.wait(), 30)
    for _ in range(50):  # all that there is to say is said by now
        await asyncio.sleep(0)

    assert told == []
    await kernels.close()


async def _kernels(manager: Manager, told: list[str]) -> Kernels:
    """Kernels that know k1."""

    async def tell(kernel_id: str, what: str, detail: str) -> None:
        told.append(what)

    async def no_path(kernel_id: str) -> None:
        return None

    kernels = Kernels(
        manager,
        tell=tell,
        decisions=True,
        notebook_path=no_path,
        kernel_of=no_path,
        log=logging.getLogger("test"),
    )
    kernels.connection("k1")  # asked for, it is watched
    return kernels
