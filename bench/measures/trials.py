"""B4: readers that are cut off and come back, on two servers, some of them killed: nothing lost, doubled or moved."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from bench import workload
from bench.machine import Watch
from bench.peers import OPTIONS, Product, ProductRun, load_worker
from bench.reader import ID, Reader, read
from bench.scale import Scale
from bench.table import Row
from tests.servers import RealServer

RUNS = 8
SECONDS = 2.0


@dataclass
class Seen:
    """What one reader has, over all its connections."""

    frames: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    trials: int = 0

    def take(self, reader: Reader) -> None:
        """The whole frames; half a one is read again, as EventSource does."""
        body = reader.body()
        for frame in body[: body.rfind(b"\n\n") + 2].split(b"\n\n"):
            if found := ID.match(frame):
                self.frames.append((int(found[1]), frame))

    @property
    def cursor(self) -> int:
        return self.frames[-1][0] if self.frames else 0

    @property
    def ended(self) -> bool:
        return bool(self.frames) and b'"RUN_FINISHED"' in self.frames[-1][1]


async def b4(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    chance = random.Random(7)
    store = folder / "shared.sqlite"
    trials, faults = 0, {"lost": 0, "doubled": 0, "disordered": 0}
    first = RealServer(folder / "first", store=store, options=OPTIONS)
    second = RealServer(folder / "second", store=store, options=OPTIONS)
    with first, second, load_worker(first):
        kills = 0
        while trials < scale.trials:
            kill = (second, None, first, None)[kills % 4]
            kills += 1
            for seen, tokens in await _round(first, second, kill, chance):
                trials += seen.trials
                for fault, count in _faults(seen, tokens).items():
                    faults[fault] += count
    watch.settle()
    what = f"of {trials} reconnects at 100 and 1,000/s, two servers, {(kills + 1) // 2} kills: "
    return [
        Row(id=f"B4.{fault}", what=what + fault, unit="events", product=[float(count)], bound=0)
        for fault, count in faults.items()
    ]


async def _round(
    first: RealServer, second: RealServer, kill: RealServer | None, chance: random.Random
) -> list[tuple[Seen, int]]:
    """Some runs with a restless reader each, and perhaps a server that dies in between."""
    peer = Product(first)
    runs = [peer.new_run() for _ in range(RUNS)]
    rates = [100 if i % 2 else 1000 for i in range(RUNS)]
    counts = [int(rate * SECONDS) for rate in rates]
    async with peer.http:
        for run, rate, tokens in zip(runs, rates, counts, strict=True):
            await run.start(tokens, 0, rate, ascii=False)
    seen = [Seen() for _ in runs]
    async with asyncio.TaskGroup() as group:
        for run, each in zip(runs, seen, strict=True):
            group.create_task(_restless(run, each, (first, second), chance))
        if kill is not None:
            await asyncio.sleep(SECONDS / 3)
            await asyncio.to_thread(kill.restart)
    return list(zip(seen, counts, strict=True))


async def _restless(
    run: ProductRun, seen: Seen, servers: tuple[RealServer, ...], chance: random.Random
) -> None:
    """Read a while, cut the connection, go on at the cursor on either server."""
    async with asyncio.timeout(120):
        while not seen.ended:
            server = chance.choice(servers)
            path = f"/lobu/api/threads/{run.thread}/events?cursor={seen.cursor}"
            try:
                reader = await read(server.port, path, server.auth, stop=b'"RUN_FINISHED"')
            except OSError:
                await asyncio.sleep(0.02)  # that server is dead just now
                continue
            with suppress(TimeoutError):
                await reader.over(chance.uniform(0.02, 0.3))
            reader.close()
            seen.take(reader)
            seen.trials += 1


def _faults(seen: Seen, tokens: int) -> dict[str, int]:
    seqs = [seq for seq, _ in seen.frames]
    texts = [int(name) for _, frame in seen.frames for name in workload.TOKEN.findall(frame)]
    whole = workload.NOT_ASCII.encode()
    broken = sum(
        1 for _, frame in seen.frames if b"tok" in frame and b'"delta"' in frame and whole not in frame
    )
    return {
        "lost": len(set(range(1, seqs[-1] + 1)) - set(seqs)) + len(set(range(tokens)) - set(texts)) + broken,
        "doubled": len(seqs) - len(set(seqs)) + len(texts) - len(set(texts)),
        "disordered": sum(b <= a for a, b in pairwise(seqs)),
    }
