"""B8: memory of the server while much passes through it, with a reader that holds on and one that stalls."""

from __future__ import annotations

import re
from pathlib import Path

import psutil

from bench import workload
from bench.figures import latencies_ms, percentile
from bench.machine import Watch
from bench.peers import Product, product
from bench.scale import Scale
from bench.table import Row

from .streaming import burst

PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


async def b8(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    grown: list[float] = []
    alone: list[float] = []
    beside: list[float] = []
    async with product(folder) as peer:
        for _ in range(2):
            await burst(peer, 2, scale.tokens, scale.tools)
        grown = [await _growth(peer, scale.long)]
        for _ in range(scale.repeats):
            watch.settle()
            alone.append(await _p99(peer, scale, stalled=False))
            beside.append(await _p99(peer, scale, stalled=True))
    return [
        Row(id="B8", what="peak memory for 100,000 events, one reader held", unit="MB",
            product=[g * 100_000 / scale.long for g in grown], bound=30),
        Row(id="B8.stalled", what="others' p99 beside a stalled reader, which ends whole", unit="ms", product=beside,
            yardstick=alone, against="without it", bound=1.2),
    ]  # fmt: skip


async def _growth(peer: Product, tokens: int) -> float:
    """MB of peak over what the server held before."""
    Path(f"/proc/{peer.pid}/clear_refs").write_text("5")
    before = psutil.Process(peer.pid).memory_info().rss
    run = peer.new_run()
    reader = await run.read()
    await run.start(tokens, 0)
    await reader.over(600)
    found = PEAK.search(Path(f"/proc/{peer.pid}/status").read_text())
    assert found is not None, "Linux tells the peak"
    return (int(found[1]) * 1024 - before) / 1e6


async def _p99(peer: Product, scale: Scale, *, stalled: bool) -> float:
    """p99 in ms of a run at 1,000 events/s; a second reader of it reads nothing until it has ended."""
    run = peer.new_run()
    reader, other = await run.read(), await run.read()
    if stalled:
        other.pause()
    await run.start(scale.tokens, 0, 1000)
    await reader.over()
    other.resume()
    await other.over()
    assert len(workload.TOKEN.findall(other.body())) == scale.tokens, "the stalled reader ends whole"
    return percentile(latencies_ms(reader.stamps()), 99)
