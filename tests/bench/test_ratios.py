"""The guard of the speed: small runs beside the floor; what is twice off its target fails.

These are ratios of one minute on one machine, and the best of a few tries counts, so that a busy
machine fails nothing that is not broken. The figures themselves are `make bench`'s.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.machine import Watch
from bench.measures import attaching, starting, streaming
from bench.scale import FULL, Scale
from bench.table import Row

pytestmark = pytest.mark.timeout(600)

SCALE: Scale = replace(FULL, repeats=3, tokens=3000, tools=30, long=10_000)
HURRY = Watch(patience=0)


def best(row: Row) -> float:
    """The figure that is bounded, of the best repetition."""
    pick = max if row.least else min
    if not row.yardstick:
        return pick(row.product)
    return pick(ours / theirs for ours, theirs in zip(row.product, row.yardstick, strict=True))


def assert_not_twice_off(row: Row) -> None:
    if row.least:
        assert best(row) >= row.bound / 2, row
    else:
        assert best(row) <= row.bound * 2, row


async def test_events_reach_a_reader_at_a_share_of_the_floors_rate(tmp_path: Path) -> None:
    (row,) = await streaming.b1(tmp_path, SCALE, HURRY)

    assert_not_twice_off(row)


async def test_a_tail_costs_the_same_however_long_the_thread(tmp_path: Path) -> None:
    (row,) = await attaching.b3c(tmp_path, SCALE, HURRY)

    assert_not_twice_off(row)


async def test_an_event_costs_the_same_however_long_the_thread(tmp_path: Path) -> None:
    cost, size = await attaching.b7(tmp_path, SCALE, HURRY)

    assert_not_twice_off(cost)
    assert_not_twice_off(size)


async def test_servers_kernels_and_runs_start_without_waiting_for_us(tmp_path: Path) -> None:
    with_it, without = starting.server_starts(tmp_path, 3, HURRY)
    rows = await starting.within_a_server(tmp_path, replace(SCALE, repeats=3), HURRY)

    # What the extension adds is far less than what a start differs from the next one on a busy machine.
    assert min(a / b for a, b in zip(with_it, without, strict=True)) <= 1.25, (with_it, without)
    for row in rows:
        assert_not_twice_off(row)
