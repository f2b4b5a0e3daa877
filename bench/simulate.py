"""How long a batch waits for the server's one loop when many runs stream at once: a queue with measured costs."""

from __future__ import annotations

import random
from itertools import pairwise

from lobu_jupyter.worker.batcher import GATHER_SECONDS

from .figures import percentile

BATCHES = 1 / GATHER_SECONDS  # a second that an agent's run sends at most
SECONDS = 10.0


def wait_ms(runs: int, batch_us: float, reader_us: float, readers: int = 1) -> tuple[float, float]:
    """(share of the loop in use, p99 in ms that a batch waits) for `runs` that stream, with `readers` each.

    Batches come at random times, as those of independent runs do; the loop takes them one after the other.
    """
    chance = random.Random(7)
    cost = (batch_us + reader_us * (readers - 1)) / 1e6
    arrivals = sorted(chance.uniform(0, SECONDS) for _ in range(round(runs * BATCHES * SECONDS)))
    waits = [0.0]
    for before, now in pairwise(arrivals):
        waits.append(max(0.0, waits[-1] + cost - (now - before)))
    return runs * BATCHES * cost, percentile(waits, 99) * 1000


def most_runs(batch_us: float, reader_us: float, readers: int = 1, limit_ms: float = 20.0) -> int:
    """How many runs may stream at once while 99 of 100 batches, and Jupyter's own calls, wait less than that."""
    runs = 0
    while wait_ms(runs + 10, batch_us, reader_us, readers)[1] <= limit_ms:
        runs += 10
    return runs
