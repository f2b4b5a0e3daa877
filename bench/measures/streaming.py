"""B1, B2, B5, B6: events on their way from a worker to readers, beside the floor of the same minutes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench import workload
from bench.figures import latencies_ms, percentile
from bench.machine import Watch
from bench.peers import Peer, cpu_seconds, floor, product, raw
from bench.reader import Reader
from bench.scale import Scale
from bench.table import Row


async def burst(peer: Peer, readers: int, tokens: int, tools: int) -> float:
    """Items per second, over all readers, of one run that its producer sends as fast as it can."""
    run = peer.new_run()
    reading = [await run.read() for _ in range(readers)]
    await run.start(tokens, tools)
    await asyncio.gather(*(reader.over() for reader in reading))
    first = min(sent for sent, _ in reading[0].stamps())
    for reader in (reading[0], reading[-1]):
        _whole(reader, tokens)
    return readers * workload.count(tokens, tools) / ((max(r.last for r in reading) - first) / 1e9)


async def paced(peer: Peer, tokens: int, rate: float) -> list[tuple[int, int]]:
    """When each event was stamped by its producer and when it came to a reader, at `rate` events a second."""
    run = peer.new_run()
    reader = await run.read()
    await run.start(tokens, 0, rate)
    await reader.over(tokens / rate + 30)
    _whole(reader, tokens)
    return reader.stamps()


async def crowd(peer: Peer, runs: int, tokens: int, rate: float) -> dict[str, float]:
    """Many runs at once, each with its reader; their events come one after the other, evenly in time."""
    all_runs = [peer.new_run() for _ in range(runs)]
    reading = [await run.read() for run in all_runs]
    used = cpu_seconds(peer.pid)
    await asyncio.gather(*(run.start(tokens, 5, rate, phase=i / runs) for i, run in enumerate(all_runs)))
    await asyncio.gather(*(reader.over(tokens / rate + 60) for reader in reading))
    used = cpu_seconds(peer.pid) - used
    stamps = [reader.stamps() for reader in reading]
    nominal = (workload.count(tokens, 5) - 1) / rate
    wall = [(reader.last - each[0][0]) / 1e9 for reader, each in zip(reading, stamps, strict=True)]
    for reader in reading:
        _whole(reader, tokens)
    late = latencies_ms(pair for each in stamps for pair in each)
    p99 = percentile(late, 99)
    return {"p50": percentile(late, 50), "p99": p99, "cpu": used, "wall": max(wall) / nominal}


def _whole(reader: Reader, tokens: int) -> None:
    got = [int(name) for name in workload.TOKEN.findall(reader.body())]
    if got != list(range(tokens)):
        raise AssertionError(f"a reader got {len(got)} texts of {tokens}, or out of order")


async def b1(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    ours: list[float] = []
    floors: list[float] = []
    async with product(folder) as peer, floor(folder) as yardstick:
        await burst(peer, 1, 500, 5)
        for _ in range(scale.repeats):
            watch.settle()
            ours.append(await burst(peer, 1, scale.tokens, scale.tools))
            floors.append(await burst(yardstick, 1, scale.tokens, scale.tools))
    what = "events/s, worker to one reader"
    return [
        Row(
            id="B1",
            what=what,
            unit="/s",
            product=ours,
            yardstick=floors,
            against="floor",
            bound=0.6,
            least=True,
        )
    ]


async def b2(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    figures: dict[str, list[tuple[float, float]]] = {"product": [], "floor": [], "raw": []}
    async with product(folder) as peer, floor(folder) as yardstick, raw() as limit:
        await burst(peer, 1, 500, 5)
        for _ in range(scale.repeats):
            watch.settle()
            for each in (peer, yardstick, limit):
                figures[each.name].append(middle_and_late(await paced(each, scale.paced, 100)))
    rows: list[Row] = []
    for i, (name, bound) in enumerate((("p50", 1.3), ("p99", 2.0))):
        ours, floors, raws = ([pair[i] for pair in pairs] for pairs in figures.values())
        note = "raw, in one process, ms: " + ", ".join(f"{value:.2f}" for value in raws)
        what = f"worker's process to receipt at 100 events/s, {name}"
        rows.append(Row(id=f"B2.{name}", what=what, unit="ms", product=ours, yardstick=floors, against="floor",
                        bound=bound, note=note))  # fmt: skip
    return rows


def middle_and_late(stamps: list[tuple[int, int]]) -> tuple[float, float]:
    """p50 and p99 in ms."""
    late = latencies_ms(stamps)
    return percentile(late, 50), percentile(late, 99)


async def b5(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    figures: dict[str, list[dict[str, float]]] = {"product": [], "floor": []}
    async with product(folder) as peer, floor(folder) as yardstick:
        await burst(peer, 1, 500, 5)
        for _ in range(scale.repeats):
            for each in (peer, yardstick):
                watch.settle()
                figures[each.name].append(await crowd(each, scale.runs, scale.crowd, 100))
    ours = {name: [each[name] for each in figures["product"]] for name in ("p50", "p99", "cpu", "wall")}
    floors = {name: [each[name] for each in figures["floor"]] for name in ours}
    runs = f"{scale.runs} runs x 100/s"
    return [
        Row(id="B5.wall", what=f"{runs}: wall over nominal, all delivered", unit="x", product=ours["wall"], bound=1.05),
        Row(id="B5.p99", what=f"{runs}: latency, p99", unit="ms", product=ours["p99"], yardstick=floors["p99"],
            against="floor", bound=1.5, note=f"p50: {ours['p50']} against {floors['p50']}"),
        Row(id="B5.p99.ms", what="the same, in ms", unit="ms", product=ours["p99"], bound=12),
        Row(id="B5.cpu", what=f"{runs}: CPU of the server", unit="s", product=ours["cpu"], yardstick=floors["cpu"],
            against="floor", bound=1.0),
    ]  # fmt: skip


async def b6(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    ours: list[float] = []
    floors: list[float] = []
    async with product(folder) as peer, floor(folder) as yardstick:
        await burst(peer, 1, 500, 5)
        for _ in range(scale.repeats):
            watch.settle()
            ours.append(await burst(peer, scale.readers, scale.tokens, scale.tools))
            floors.append(await burst(yardstick, scale.readers, scale.tokens, scale.tools))
            await asyncio.sleep(0)
    what = f"deliveries/s, one run to {scale.readers} readers"
    return [
        Row(
            id="B6",
            what=what,
            unit="/s",
            product=ours,
            yardstick=floors,
            against="floor",
            bound=0.7,
            least=True,
        )
    ]
