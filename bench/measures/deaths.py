"""B10: from a death to the reader who is told of it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

from bench.figures import percentile
from bench.machine import Watch
from bench.peers import Product, product
from bench.reader import Reader, read
from bench.scale import Scale
from bench.table import Row

BUSY = "run import time; time.sleep(60)"
ERROR = b'"RUN_ERROR"'


async def b10(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    kernels: list[float] = []
    servers: list[float] = []
    async with product(folder, worker=False) as peer:
        for _ in range(scale.deaths):
            watch.settle()
            kernels.append(await _kernel_dies(peer))
        for _ in range(max(3, scale.deaths // 3)):
            watch.settle()
            servers.append(await _server_dies(peer))
    what = "{} to RUN_ERROR at a reader, p99 of {}"
    kernel, server = percentile(kernels, 99), percentile(servers, 99)
    return [
        Row(id="B10.kernel", what=what.format("kernel SIGKILL", len(kernels)), unit="ms", product=[kernel], bound=500,
            note=f"all, ms: {[round(t) for t in kernels]}"),
        Row(id="B10.server", what=what.format("the restarted server's first answer", len(servers)), unit="ms",
            product=[server], bound=250, note=f"all, ms: {[round(t) for t in servers]}"),
    ]  # fmt: skip


async def _kernel_dies(peer: Product) -> float:
    kernel = await asyncio.to_thread(peer.server.start_kernel)
    pid = await asyncio.to_thread(peer.server.kernel_pid, kernel)
    _, reader = await _begin(peer, BUSY, kernelId=kernel)
    killed = time.monotonic_ns()
    os.kill(pid, signal.SIGKILL)
    await reader.over(30)
    await asyncio.to_thread(peer.server.shut_down_kernel, kernel)
    return (reader.last - killed) / 1e6


async def _server_dies(peer: Product) -> float:
    thread, reader = await _begin(peer, "slow 5000 10")
    reader.close()
    await asyncio.to_thread(peer.server.kill)
    await asyncio.to_thread(peer.server.start)  # returns with health's first answer
    answered = time.monotonic_ns()
    late = await _follow(peer, thread, ERROR)
    await late.over(30)
    return (late.last - answered) / 1e6


async def _begin(peer: Product, prompt: str, **more: Any) -> tuple[str, Reader]:
    """A run of the script agent that is in the middle of its work."""
    thread = peer.new_run().thread
    begun = b'"TOOL_CALL_END"' if "kernelId" in more else b'"TEXT_MESSAGE_CONTENT"'
    reader, first = await _follow(peer, thread, ERROR), await _follow(peer, thread, begun)
    body = {"agent": "script", "prompt": prompt, "mode": "allow", **more}
    (await peer.http.post(f"threads/{thread}/runs", json=body)).raise_for_status()
    await first.over(60)
    await asyncio.sleep(0.3)  # the code has reached the kernel
    return thread, reader


async def _follow(peer: Product, thread: str, stop: bytes) -> Reader:
    server = peer.server
    reader = await read(server.port, f"/lobu/api/threads/{thread}/events", server.auth, stop=stop)
    await reader.attached()
    return reader
