"""B3, B3c, B3d, B7: late readers, long threads, a cold server."""

from __future__ import annotations

from pathlib import Path

from bench import workload
from bench.machine import Watch
from bench.peers import Peer, Product, ProductRun, Run, floor, product
from bench.reader import Reader
from bench.scale import Scale
from bench.table import Row


async def attach(run: Run, *, ended: bool, last: bytes) -> float:
    """ms from asking to the last byte of the whole run."""
    reader = await run.read(to_end=ended, stop=last)
    await reader.over()
    return (reader.last - reader.sent) / 1e6


async def filled(peer: Peer, tokens: int, tools: int, *, hold: bool = False) -> Run:
    """A run that has sent all it has; with ``hold`` it has not ended."""
    run = peer.new_run()
    reader = await run.read(stop=_last(tokens) if hold else None)
    await run.start(tokens, tools, hold=hold)
    await reader.over(600)
    return run


def _last(tokens: int) -> bytes:
    return b"tok%06d" % (tokens - 1)


async def b3(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    times: dict[tuple[str, bool], list[float]] = {}
    share = 0.0
    async with product(folder) as peer, floor(folder) as yardstick:
        for hold in (True, False):
            runs = [await filled(each, scale.tokens, 0, hold=hold) for each in (peer, yardstick)]
            for repeat in range(scale.repeats + 1):
                watch.settle()
                for each, run in zip((peer, yardstick), runs, strict=True):
                    took = await attach(run, ended=not hold, last=_last(scale.tokens))
                    if repeat:  # the first reads into the caches of both
                        times.setdefault((each.name, hold), []).append(took)
            if not hold:
                assert isinstance(runs[0], ProductRun)
                share = await _share(peer, runs[0])
    rows = [
        Row(id=f"B3.{name}", what=f"attach to the whole run, {name}", unit="ms", product=times["product", hold],
            yardstick=times["floor", hold], against="floor", bound=1.5)
        for name, hold in (("live", True), ("ended", False))
    ]  # fmt: skip
    rows += [
        Row(id=f"{row.id}.ms", what="the same, in ms", unit="ms", product=row.product, bound=4)
        for row in rows
    ]
    what = "snapshot and tail over the bytes of the events"
    return [*rows, Row(id="B3.bytes", what=what, unit="x", product=[share], bound=0.5)]


async def _share(peer: Product, run: ProductRun) -> float:
    snapshot = (await peer.http.get(f"threads/{run.thread}/snapshot")).raise_for_status()
    whole = await (await run.read(to_end=True)).over()
    tail = await (await run.read(snapshot.json()["cursor"], to_end=True)).over()
    return (len(snapshot.content) + len(tail.body())) / len(whole.body())


async def b3c(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    short: list[float] = []
    long: list[float] = []
    async with product(folder) as peer:
        runs = [await filled(peer, 1000, 0), await filled(peer, scale.long, 0)]
        cursors = [await _cursor(peer, run) for run in runs]
        for _ in range(max(20, 4 * scale.repeats)):
            for run, cursor, times in zip(runs, cursors, (short, long), strict=True):
                reader = await (await run.read(cursor - 10, to_end=True)).over()
                times.append((reader.last - reader.sent) / 1e6)
        watch.settle()
    what = f"the last 10 of {scale.long:,} events against the last 10 of 1,000"
    return [Row(id="B3c", what=what, unit="ms", product=long, yardstick=short, against="short", bound=1.5)]


async def _cursor(peer: Product, run: Run) -> int:
    assert isinstance(run, ProductRun)
    thread = (await peer.http.get(f"threads/{run.thread}")).raise_for_status().json()
    return int(thread["cursor"])


async def b3d(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    cold: list[float] = []
    warm: list[float] = []
    async with product(folder) as peer:
        run = await filled(peer, scale.cold, 0)
        assert isinstance(run, ProductRun)
        for _ in range(scale.repeats):
            watch.settle()
            peer.server.restart()
            for times in (cold, warm):
                reader = await (await run.read(to_end=True)).over()
                assert len(workload.TOKEN.findall(reader.body())) == scale.cold, "a whole run"
                times.append((reader.last - reader.sent) / 1e6)
    what = f"first attach to {scale.cold:,} events after a restart"
    return [
        Row(id="B3d", what=what, unit="ms", product=cold, bound=72),
        Row(id="B3d.warm", what="the same against the next attach", unit="ms", product=cold, yardstick=warm,
            against="warm", bound=3),
    ]  # fmt: skip


async def b7(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    """Cost of an event late in a thread over early in it: a run of 1,000 after so many, and after 1,000."""
    early: list[float] = []
    late: list[float] = []
    growth: list[float] = []
    async with product(folder) as peer:
        long = await filled(peer, scale.long - 1000, 0)
        assert isinstance(long, ProductRun)
        for _ in range(2 * scale.repeats):
            watch.settle()
            short = await filled(peer, 1000, 0)
            assert isinstance(short, ProductRun)
            soon, first = await _thousand(ProductRun(peer, short.thread), await _cursor(peer, short))
            on, last = await _thousand(ProductRun(peer, long.thread), await _cursor(peer, long))
            early.append(soon)
            late.append(on)
            growth.append(abs(last / first - 1) * 100)
    return [
        Row(id="B7", what=f"µs an event, at {scale.long:,} over at 1,000 events in a thread", unit="µs", product=late,
            yardstick=early, against="at 1k", bound=1.1),
        Row(id="B7.bytes", what="bytes on the wire an event, the same", unit="% apart", product=growth, bound=2),
    ]  # fmt: skip


async def per_event(run: Run) -> float:
    """µs an event of a run of 1,000."""
    return (await _thousand(run))[0]


async def _thousand(run: Run, cursor: int = 0) -> tuple[float, float]:
    """(µs an event, bytes an event) of a run of 1,000."""
    reader = await run.read(cursor)
    await run.start(1000, 0)
    await reader.over()
    stamps = reader.stamps()
    return (reader.last - stamps[0][0]) / 1e3 / len(stamps), _text_bytes(reader) / len(stamps)


def _text_bytes(reader: Reader) -> int:
    """Of the texts alone: what starts and ends a run names its prompt."""
    return sum(len(frame) + 2 for frame in reader.body().split(b"\n\n") if b"tok" in frame)
