"""How much is measured: all of it for a verdict, a little of everything to see that it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Counts. ``paced``, ``crowd``: texts of a run at 100/s; ``long``: texts of the longest run."""

    repeats: int = 5
    tokens: int = 5000
    tools: int = 50
    paced: int = 500
    runs: int = 50
    crowd: int = 400
    readers: int = 50
    long: int = 100_000
    cold: int = 50_000
    trials: int = 500
    deaths: int = 15
    threads: int = 10_000


FULL = Scale()
SMALL = Scale(
    repeats=2, tokens=2000, tools=20, paced=100, runs=20, crowd=100, readers=10, long=10_000, cold=5_000,
    trials=40, deaths=3, threads=300,
)  # fmt: skip
