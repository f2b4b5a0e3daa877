"""One module per group of targets; each measure gives a :class:`~bench.table.Row` per figure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.machine import Watch
from bench.measures import (
    attaching,
    browser,
    crowded,
    deaths,
    evals,
    growing,
    guest,
    idle,
    memory,
    postgres,
    scaling,
    size,
    starting,
    streaming,
    tokens,
    trials,
)
from bench.scale import Scale
from bench.table import Row

Measure = Callable[[Path, Scale, Watch], Awaitable[list[Row]]]

MEASURES: dict[str, Measure] = {
    "B1": streaming.b1,
    "B2": streaming.b2,
    "B2e": browser.b2e,
    "B3": attaching.b3,
    "B3c": attaching.b3c,
    "B3d": attaching.b3d,
    "B4": trials.b4,
    "B5": streaming.b5,
    "B6": streaming.b6,
    "B7": attaching.b7,
    "B8": memory.b8,
    "B9": starting.b9,
    "B10": deaths.b10,
    "B11": guest.b11,
    "B12": browser.b12,
    "B13": size.b13,
    "B15": idle.b15,
    "B16": tokens.b16,
    "B18": crowded.b18,
    "tasks": evals.tasks,
    "P1": postgres.p1,
    "P2": postgres.p2,
    "P5": postgres.p5,
    "P6": postgres.p6,
    "P8": postgres.p8,
    "G": growing.growth,
    "S": scaling.unit_costs,
}

COUNTED = frozenset({"B16", "tasks"})
"""Those that measure no time, or give no verdict on it, so that the machine may be busy."""
