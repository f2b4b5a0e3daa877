"""B11: the extension as a guest: how Jupyter's own calls fare while runs stream through the server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from bench.figures import percentile
from bench.machine import Watch
from bench.peers import OPTIONS, Product, ProductRun, product
from bench.scale import Scale
from bench.table import Row

PROBE = "--ServerApp.jpserver_extensions=bench.probe=True"
OUTPUT = 10_000_000
EVERY = 0.02


async def b11(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    found: dict[str, list[dict[str, float]]] = {"idle": [], "crowd": [], "output": []}
    async with product(folder, options=[*OPTIONS, PROBE]) as peer:
        for _ in range(scale.repeats):
            watch.settle()
            found["idle"].append(await _beside(peer, asyncio.sleep(2)))
            found["crowd"].append(await _beside(peer, _stream(_new(peer, scale.runs), scale.crowd, 100)))
            found["output"].append(await _beside(peer, _stream(_new(peer, 1), 10, 0, output=OUTPUT)))
    note = f"idle: {found['idle'][-1]}"
    whats = {"crowd": f"{scale.runs} runs stream", "output": "a run ends with 10 MB of output"}
    rows = [
        Row(id=f"B11.{name}", what=f"p99 of /api/status while {what}", unit="ms",
            product=[each["p99"] for each in found[name]], bound=20, note=note)
        for name, what in whats.items()
    ]  # fmt: skip
    stalls = [
        Row(id=f"B11.{name}.stall", what=f"longest stall of the loop while {what}", unit="ms",
            product=[each["stall"] for each in found[name]], bound=10, note=note)
        for name, what in whats.items()
    ]  # fmt: skip
    return [*rows, *stalls]


def _new(peer: Product, runs: int) -> list[ProductRun]:
    """Made before it is measured: each holds up our own loop for 25 ms, and so whoever asks meanwhile."""
    return [peer.new_run() for _ in range(runs)]


async def _stream(runs: list[ProductRun], tokens: int, rate: float, **more: Any) -> None:
    reading = [await run.read() for run in runs]
    for run in runs:
        await run.start(tokens, 0, rate, **more)
    for reader in reading:
        await reader.over()


async def _beside(peer: Product, work: Any) -> dict[str, float]:
    """Ask /api/status every 20 ms while `work` goes on."""
    base = peer.server.url
    await peer.http.get(base + "bench/stall")
    times: list[float] = []
    task = asyncio.ensure_future(work)
    while not task.done():
        began = time.monotonic()
        (await peer.http.get(base + "api/status")).raise_for_status()
        times.append((time.monotonic() - began) * 1000)
        await asyncio.sleep(EVERY)
    await task
    stall = (await peer.http.get(base + "bench/stall")).json()["ms"]
    return {"p50": percentile(times, 50), "p99": percentile(times, 99), "stall": stall}
