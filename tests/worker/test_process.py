"""The worker process: started with one line, gone with whoever started it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from .conftest import in_time
from .gateway import a_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .gateway import FakeGateway

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-m", "lobu_jupyter.worker"], stdin=subprocess.PIPE)
child.stdin.write(sys.argv[1].encode() + b"\\n")
child.stdin.flush()
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with a_gateway() as gateway:
        yield gateway


def greeting(gateway: FakeGateway) -> str:
    return json.dumps({"url": gateway.url, "ticket": "once", "verify": True, "settings": {}})


async def a_worker(gateway: FakeGateway) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lobu_jupyter.worker", stdin=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(greeting(gateway).encode() + b"\n")
    await gateway.until(lambda: bool(gateway.registered))
    return process


async def test_it_ends_at_once_when_stdin_closes(gateway: FakeGateway) -> None:
    process = await a_worker(gateway)

    assert process.stdin is not None
    process.stdin.close()

    async with asyncio.timeout(90):
        assert await process.wait() == 0


async def test_it_is_gone_within_two_seconds_of_its_parents_sigkill(gateway: FakeGateway) -> None:
    loop = asyncio.get_running_loop()

    async def attempt() -> float:
        gateway.registered.clear()
        parent = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PARENT, greeting(gateway), stdout=asyncio.subprocess.PIPE
        )
        assert parent.stdout is not None
        worker = psutil.Process(int(await parent.stdout.readline()))
        await gateway.until(lambda: bool(gateway.registered))

        began = loop.time()
        os.kill(parent.pid, signal.SIGKILL)
        await asyncio.to_thread(worker.wait, 60)
        took = loop.time() - began

        await parent.wait()
        return took

    await in_time(2, attempt)


async def test_told_to_stop_it_ends_well(gateway: FakeGateway) -> None:
    process = await a_worker(gateway)

    gateway.put("stop")

    async with asyncio.timeout(90):
        assert await process.wait() == 0


async def test_a_script_run_goes_through_a_real_worker(gateway: FakeGateway) -> None:
    process = await a_worker(gateway)

    task = {
        "runId": "r1",
        "threadId": "t",
        "incarnation": 7,
        "agent": "script",
        "messages": [{"id": "1", "role": "user", "content": "say hello there"}],
    }
    gateway.put("start", runId="r1", task=task)
    end = await gateway.end_of("r1")

    assert end["outcome"] == {"type": "success"}, end
    told = "".join(e["delta"] for e in gateway.events["r1"] if e["type"] == "TEXT_MESSAGE_CONTENT")
    assert "hello there" in told
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()
