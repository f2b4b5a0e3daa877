"""One module per group of targets; each measure gives a :class:`~bench.table.Row` per figure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.machine import Watch
from bench.measures import streaming
from bench.scale import Scale
from bench.table import Row

Measure = Callable[[Path, Scale, Watch], Awaitable[list[Row]]]

MEASURES: dict[str, Measure] = {
    "B1": streaming.b1,
    "B2": streaming.b2,
    "B5": streaming.b5,
    "B6": streaming.b6,
}
