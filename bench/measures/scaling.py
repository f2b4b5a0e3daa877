"""S: what a batch, a reader and a process cost, for the scale on paper in docs/performance.md. No targets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil

from bench.machine import Watch
from bench.peers import Product, cpu_seconds, product
from bench.scale import Scale
from bench.table import Row

RATE, MORE, HELD = 50, 5, 200  # an agent sends at most 50 batches a second


async def unit_costs(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    ones: list[float] = []
    mores: list[float] = []
    async with product(folder) as peer:
        await _cpu_us(peer, scale.runs, 20, 1)
        for _ in range(scale.repeats):
            watch.settle()
            one = await _cpu_us(peer, scale.runs, scale.paced // 2, 1)
            ones.append(one)
            mores.append((await _cpu_us(peer, scale.runs, scale.paced // 2, MORE) - one) / (MORE - 1))
    watch.settle()
    server, worker, held = await _memory(folder)
    return [
        Row(id="S.batch", what="server CPU of a batch of one text, with its reader", unit="µs", product=ones, bound=None),
        Row(id="S.reader", what="server CPU of each further reader of it", unit="µs", product=mores, bound=None),
        Row(id="S.held", what="memory of a reader that is held", unit="kB", product=[held], bound=None),
        Row(id="S.server", what="memory of a Jupyter server with the extension", unit="MB", product=[server], bound=None),
        Row(id="S.worker", what="memory of a worker that has run once", unit="MB", product=[worker], bound=None),
    ]  # fmt: skip


async def _cpu_us(peer: Product, runs: int, tokens: int, readers: int) -> float:
    """µs of the server's CPU for one batch of one text."""
    all_runs = [peer.new_run() for _ in range(runs)]
    reading = [await run.read() for run in all_runs for _ in range(readers)]
    for run in all_runs:
        await run.start(tokens, 0, RATE)
    used = cpu_seconds(peer.pid)
    await asyncio.gather(*(reader.over() for reader in reading))
    return (cpu_seconds(peer.pid) - used) / (runs * tokens) * 1e6


async def _memory(folder: Path) -> tuple[float, float, float]:
    """MB of a server of its own and of its worker after one run, and kB of each reader that is held."""
    async with product(folder, worker=False) as peer:
        run = peer.new_run()
        reader = await run.read(stop=b'"RUN_FINISHED"')
        body = {"agent": "script", "prompt": "say hello"}
        (await peer.http.post(f"threads/{run.thread}/runs", json=body)).raise_for_status()
        await reader.over(60)
        server = psutil.Process(peer.pid)
        (worker,) = [child for child in server.children() if "lobu_jupyter.worker" in child.cmdline()]
        alone = server.memory_info().rss
        held = [await run.read(stop=b'"never"') for _ in range(HELD)]
        grown = server.memory_info().rss - alone
        for reader in held:
            reader.close()
        return alone / 1e6, worker.memory_info().rss / 1e6, grown / HELD / 1e3
