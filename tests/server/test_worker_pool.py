"""The worker pool: children come when they are needed, are missed when they go, and leave no orphan."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import psutil
import pytest

from lobu_jupyter.server.worker_pool import Child, Pool

WAITING = "import sys; sys.stdin.readline(); sys.stdin.read()"
NEVER_ENDS = "import sys, time; sys.stdin.readline(); time.sleep(600)"


class Told:
    """A gateway that writes down what the pool tells it."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.greeted = asyncio.Semaphore(0)  # once per child that was started
        self._changed = asyncio.Event()

    async def gone(self, worker_id: str, why: str = "", exit_code: int | None = None) -> list[str]:
        return self._tell("gone", worker_id, exit_code)

    async def none_starts(self, message: str) -> list[str]:
        return self._tell("none", message)

    async def stop(self, worker_id: str) -> None:
        self._tell("stop", worker_id)

    def _tell(self, *what: Any) -> list[str]:
        self.told.append(what)
        self._changed.set()
        return []

    async def hear(self) -> tuple[Any, ...]:
        async with asyncio.timeout(30):
            while not self.told:
                self._changed.clear()
                await self._changed.wait()
        return self.told.pop(0)


MakePool = Callable[..., Pool]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def make_pool(told: Told) -> AsyncIterator[MakePool]:
    pools: list[Pool] = []

    def greet() -> dict[str, Any]:
        told.greeted.release()
        return {"url": "http://127.0.0.1:9/"}

    def make(code: str, **options: Any) -> Pool:
        defaults: dict[str, Any] = {"size": 1, "start_seconds": 20.0, "command": [sys.executable, "-c", code]}
        pool = Pool(
            greeting=greet,
            environment=lambda: dict(os.environ),
            gateway_workers=lambda: told,
            log=logging.getLogger("test"),
            **{**defaults, **options},
        )
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        await pool.close()


async def spawned(told: Told, pool: Pool) -> Child:
    """The child that was started; it has not registered."""
    async with asyncio.timeout(30):
        await told.greeted.acquire()
    (child,) = pool._children
    return child


async def started(told: Told, pool: Pool, worker_id: str = "w1") -> Child:
    """The child that was started, registered with its ticket."""
    child = await spawned(told, pool)
    assert pool.redeem(child.ticket) is child
    child.registered(worker_id)
    return child


async def test_waking_twice_starts_one_child(make_pool: MakePool, told: Told) -> None:
    pool = make_pool(WAITING)

    pool.wake()
    pool.wake()
    await started(told, pool)
    pool.wake()

    assert pool.count == 1


async def test_a_ticket_is_good_once(make_pool: MakePool, told: Told) -> None:
    pool = make_pool(WAITING)
    pool.wake()
    ticket = (await spawned(told, pool)).ticket

    assert pool.redeem(ticket) is not None
    assert pool.redeem(ticket) is None
    assert not pool.has_ticket(ticket)
    assert pool.redeem("") is None


@pytest.mark.scenario("W5")
async def test_a_killed_child_is_told_with_its_exit_code(make_pool: MakePool, told: Told) -> None:
    pool = make_pool(WAITING)
    pool.wake()
    child = await started(told, pool)

    os.kill(child.process.pid, signal.SIGKILL)

    assert await told.hear() == ("gone", "w1", -9)
    pool.wake()
    await started(told, pool, "w2")


@pytest.mark.scenario("W5")
async def test_a_child_that_ends_well_is_told_too(make_pool: MakePool, told: Told) -> None:
    pool = make_pool("import sys, time; sys.stdin.readline(); time.sleep(0.3)")
    pool.wake()
    await started(told, pool)

    assert await told.hear() == ("gone", "w1", 0)


@pytest.mark.scenario("S19")
async def test_a_child_that_cannot_start_is_told_with_what_it_said(make_pool: MakePool, told: Told) -> None:
    pool = make_pool("import sys; sys.stderr.write('no such module: brain'); sys.exit(3)")

    pool.wake()

    kind, message = await told.hear()
    assert kind == "none"
    assert "exit code 3" in message
    assert "no such module: brain" in message


@pytest.mark.scenario("S19")
async def test_a_command_that_is_not_there_is_told(make_pool: MakePool, told: Told) -> None:
    pool = make_pool("", command=["/nowhere/python"])

    pool.wake()

    kind, message = await told.hear()
    assert kind == "none"
    assert "/nowhere/python" in message
    assert pool.count == 0


async def test_a_child_that_never_registers_is_given_up(make_pool: MakePool, told: Told) -> None:
    pool = make_pool(NEVER_ENDS, start_seconds=0.2)

    pool.wake()

    kind, message = await told.hear()
    assert kind == "none"
    assert "did not register" in message


async def test_an_idle_child_is_asked_to_end_and_the_next_wake_starts_another(
    make_pool: MakePool, told: Told
) -> None:
    pool = make_pool(WAITING)
    pool.wake()
    await started(told, pool)

    await pool.reap()

    assert await told.hear() == ("stop", "w1")
    assert pool.count == 0


async def test_closing_leaves_no_process(make_pool: MakePool, told: Told) -> None:
    stubborn = make_pool(NEVER_ENDS)
    stubborn.wake()
    child = await started(told, stubborn)

    await stubborn.close()

    assert not psutil.pid_exists(child.process.pid)
    assert told.told == [], "the gateway, which closes next, ends the runs"
    stubborn.wake()
    assert stubborn.count == 0


async def test_a_worker_is_started_ahead_of_the_first_run_and_only_one(
    make_pool: MakePool, told: Told
) -> None:
    pool = make_pool(WAITING, size=2)
    pool.warm()
    pool.warm()  # while it is on its way

    child = await spawned(told, pool)
    pool.warm()

    assert (pool.count, pool._starting) == (1, 0)
    child.registered("w1")
    pool.warm()
    assert (pool.count, pool._starting) == (1, 0)
