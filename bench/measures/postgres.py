"""P: the store in PostgreSQL, beside a PostgreSQL floor of the same minutes, and several servers on one store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import psutil

from bench import workload
from bench.figures import latencies_ms, percentile
from bench.machine import Watch
from bench.peers import OPTIONS, Product, ProductRun, cpu_seconds, postgres_floor, product
from bench.scale import Scale
from bench.table import Row
from tests import postgres

from .streaming import burst, crowd, middle_and_late, paced

SERVERS, THREADS_OF_A_RUN = 8, 4


@contextmanager
def cluster() -> Iterator[str]:
    """The address of a database that keeps what it acknowledges."""
    cluster = postgres.new_cluster(fsync="on", full_page_writes="on", synchronous_commit="on")
    try:
        yield cluster.address
    finally:
        cluster.remove()


async def p1(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    ours: list[float] = []
    floors: list[float] = []
    with cluster() as address:
        async with product(folder, store=address) as peer, postgres_floor(address) as yardstick:
            await burst(peer, 1, 500, 5)
            for _ in range(scale.repeats):
                watch.settle()
                ours.append(await burst(peer, 1, scale.tokens, scale.tools))
                floors.append(await burst(yardstick, 1, scale.tokens, scale.tools))
    return [
        Row(id="P1", what="PostgreSQL: events/s, worker to one reader", unit="/s", product=ours, yardstick=floors,
            against="floor", bound=0.5, least=True),
    ]  # fmt: skip


async def p2(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    figures: dict[str, list[tuple[float, float]]] = {"product": [], "floor": []}
    with cluster() as address:
        async with product(folder, store=address) as peer, postgres_floor(address) as yardstick:
            await burst(peer, 1, 500, 5)
            for _ in range(scale.repeats):
                watch.settle()
                for each in (peer, yardstick):
                    figures[each.name].append(middle_and_late(await paced(each, scale.paced, 100)))
    return [
        Row(id=f"P2.{name}", what=f"PostgreSQL: worker's process to receipt at 100 events/s, {name}", unit="ms",
            product=[pair[i] for pair in figures["product"]], yardstick=[pair[i] for pair in figures["floor"]],
            against="floor", bound=bound)
        for i, (name, bound) in enumerate((("p50", 1.6), ("p99", None)))
    ]  # fmt: skip


async def p5(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    figures: dict[str, list[dict[str, float]]] = {"product": [], "floor": []}
    with cluster() as address:
        async with product(folder, store=address) as peer, postgres_floor(address) as yardstick:
            await burst(peer, 1, 500, 5)
            for _ in range(scale.repeats):
                for each in (peer, yardstick):
                    watch.settle()
                    figures[each.name].append(await crowd(each, scale.runs, scale.crowd, 100))
    ours = {name: [each[name] for each in figures["product"]] for name in ("p50", "p99", "cpu", "wall")}
    floors = {name: [each[name] for each in figures["floor"]] for name in ours}
    runs = f"PostgreSQL: {scale.runs} runs x 100/s"
    return [
        Row(id="P5.wall", what=f"{runs}: wall over nominal, all delivered", unit="x", product=ours["wall"], bound=1.05),
        Row(id="P5.p99", what=f"{runs}: latency, p99", unit="ms", product=ours["p99"], yardstick=floors["p99"],
            against="floor", bound=1.5, note=f"p50: {ours['p50']} against {floors['p50']}"),
    ]  # fmt: skip


async def p6(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    """A worker writes through one server, and a reader follows at another."""
    here: list[tuple[float, float]] = []
    there: list[tuple[float, float]] = []
    with cluster() as address:
        one = product(folder, store=address)
        async with one as writer, product(folder, store=address, worker=False) as other:
            await burst(writer, 1, 500, 5)
            for _ in range(scale.repeats):
                watch.settle()
                run = writer.new_run()
                readers = [await run.read(), await ProductRun(other, run.thread).read()]
                await run.start(scale.paced, 0, 100)
                for reader, found in zip(readers, (here, there), strict=True):
                    await reader.over(scale.paced / 100 + 30)
                    found.append(middle_and_late(reader.stamps()))
    lag = [max(0.0, far[1] - near[1]) for near, far in zip(here, there, strict=True)]
    return [
        Row(id="P6.p50", what="PostgreSQL: worker to a reader at another server, p50", unit="ms",
            product=[pair[0] for pair in there], yardstick=[pair[0] for pair in here], against="same server", bound=None),
        Row(id="P6.p99", what="PostgreSQL: the same, p99", unit="ms", product=[pair[1] for pair in there],
            yardstick=[pair[1] for pair in here], against="same server", bound=None),
        Row(id="P6.wake", what="PostgreSQL: what the way by another server adds at p99", unit="ms", product=lag, bound=20),
    ]  # fmt: skip


async def p8(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    """Eight servers, 200 threads on them, and 50 runs at once whose readers are at the next server."""
    tokens, rate, at_once = scale.paced, 20, scale.runs
    count, threads = SERVERS if at_once >= 50 else 3, THREADS_OF_A_RUN * scale.runs
    with cluster() as address:
        async with AsyncExitStack() as stack:
            peers: list[Product] = []
            for _ in range(count):
                options = [*OPTIONS, "--LobuApp.pool=bench", f"--LobuApp.max_runs={2 * at_once}"]
                peers.append(await stack.enter_async_context(product(folder, store=address, options=options)))
            runs = [peers[number % count].new_run() for number in range(threads)]
            used = [cpu_seconds(peer.pid) for peer in peers]
            database = _database_cpu(address)
            late, took = await _waves(peers, runs, at_once, tokens, rate)
            servers = sum(cpu_seconds(peer.pid) for peer in peers) - sum(used)
            batches = threads * tokens
            cost = (_database_cpu(address) - database) / batches * 1e6
            for peer in peers:
                peer.server.kill()  # one after the other, their ends take a minute
    what = f"PostgreSQL: {count} servers, {threads} threads, {at_once} runs at once x {rate}/s"
    return [
        Row(id="P8.p50", what=f"{what}, reader at another server, p50", unit="ms", product=[percentile(late, 50)], bound=None),
        Row(id="P8.p99", what=f"{what}, p99", unit="ms", product=[percentile(late, 99)], bound=None),
        Row(id="P8.wall", what=f"{what}: wall over nominal", unit="x", bound=None,
            product=[took / ((workload.count(tokens, 0) - 1) / rate * threads / at_once)]),
        Row(id="P8.server", what="the same: CPU of all servers for each event", unit="µs", product=[servers / batches * 1e6], bound=None),
        Row(id="P8.database", what="the same: CPU of PostgreSQL for each event", unit="µs", product=[cost], bound=None),
    ]  # fmt: skip


async def _waves(
    peers: list[Product], runs: list[ProductRun], at_once: int, tokens: int, rate: float
) -> tuple[list[float], float]:
    """Each thread's run, so many at once. Returns all latencies in ms, and the seconds that all took."""
    late: list[float] = []
    began = time.monotonic()
    for first in range(0, len(runs), at_once):
        wave = runs[first : first + at_once]
        elsewhere = [ProductRun(peers[(n + 1) % len(peers)], run.thread) for n, run in enumerate(wave, first)]
        reading = [await run.read() for run in elsewhere]
        await asyncio.gather(*(run.start(tokens, 0, rate, phase=n / at_once) for n, run in enumerate(wave)))
        await asyncio.gather(*(reader.over(tokens / rate + 60) for reader in reading))
        late += latencies_ms(pair for reader in reading for pair in reader.stamps())
    return late, time.monotonic() - began


def _database_cpu(address: str) -> float:
    """The CPU seconds of all processes of this user's database at a port, as far as they live."""
    port = address.rpartition(":")[2].partition("/")[0]
    for process in psutil.process_iter(["cmdline"]):
        words: list[str] = process.info["cmdline"] or []
        if words and words[0].endswith("postgres") and port in words:
            family = [process, *process.children(recursive=True)]
            return sum(cpu_seconds(each.pid) for each in family)
    return 0.0
