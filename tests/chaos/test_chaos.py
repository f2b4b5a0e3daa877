"""A short slice of the chaos (``make chaos`` is the long one): one server, six faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.faults import KINDS, schedule
from tests.chaos.harness import play

SEED, FAULTS = 826, 6


@pytest.mark.scenario("A1", "E19", "W5", "W17")
@pytest.mark.timeout(170)
async def test_whatever_dies_nothing_is_lost_doubled_or_run_unasked(tmp_path: Path) -> None:
    lines: list[str] = []

    outcome = await play(
        SEED,
        FAULTS,
        tmp_path / "stage",
        servers=1,
        mount=False,
        say=lines.append,
        keep=tmp_path / "kept.sqlite",
    )

    assert outcome.verdict.failures() == {}, "\n".join(lines)
    assert outcome.injected.total() >= FAULTS - 1
    assert outcome.verdict.counts["runs"] >= 4


def test_a_seed_reproduces_its_schedule_and_every_kind_comes_up() -> None:
    once, again = schedule(7, 30), schedule(7, 30)

    assert once == again
    assert {fault.kind for fault in once} == KINDS.keys()
    assert schedule(8, 30) != once
