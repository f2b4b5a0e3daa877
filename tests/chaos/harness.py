"""One seed's chaos: people live on the stage while the schedule's faults come down, then the verdict."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests import stores

from .database import to_file
from .faults import Fault, inject, schedule
from .people import People
from .stage import Stage
from .verdict import Verdict, judge

CALM_SECONDS = 2.0  # before the first fault, so that something is under way


@dataclass(frozen=True)
class Outcome:
    seed: int
    injected: Counter[str]
    refused: dict[int, int]
    small_disk: bool
    seconds: float
    verdict: Verdict


async def play(
    seed: int,
    faults: int,
    home: Path,
    *,
    servers: int = 2,
    mount: bool = True,
    say: Callable[[str], None] = lambda line: None,
    keep: Path | None = None,
    kind: stores.Kind = "sqlite",
) -> Outcome:
    """Run the seed's schedule; ``keep``: where a copy of the store goes."""
    began, stage = time.monotonic(), Stage(home, servers=servers, mount=mount, kind=kind)
    try:
        try:
            await stage.open()
            people = People(stage, seed)
            living = asyncio.create_task(people.live(), name="people")
            injected = await _storm(schedule(seed, 2 * faults, kind), faults, stage, say)
            people.go_home()
            await living
        finally:
            orphans = await stage.end()
        if kind == "postgres":
            await asyncio.to_thread(to_file, str(stage.store), stage.file)
        if keep is not None:
            stage.save(keep)
        verdict = judge(stage.file, stage.ran, people.record, orphans)
        for name, found in verdict.failures().items():
            say(f"  {name}: {found[:5]}")
            if keep is None and name == "problems":
                say("\n".join(server.log()[-3000:] for server in stage.servers))
        return Outcome(
            seed, injected, people.record.refused, stage.disk.small, time.monotonic() - began, verdict
        )
    finally:
        stage.close()


async def _storm(planned: list[Fault], faults: int, stage: Stage, say: Callable[[str], None]) -> Counter[str]:
    """Inject so many; one that finds nothing to do it to does not count, and the next one comes."""
    await asyncio.sleep(CALM_SECONDS)
    injected: Counter[str] = Counter()
    for fault in planned:
        if injected.total() == faults:
            break
        await asyncio.sleep(fault.after)
        if await asyncio.to_thread(inject, fault, stage):
            injected[fault.kind] += 1
            say(f"  {fault}")
    return injected
