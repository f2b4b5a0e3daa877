"""A short slice of the chaos with the store in PostgreSQL: all that can happen to the database, and two servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from .faults import DATABASE, schedule
from .harness import play

SEED, FAULTS = 302, 6  # each fault of the database, and a kernel that hangs


@pytest.mark.scenario("A1", "E19", "W5")
@pytest.mark.timeout(400)
async def test_whatever_happens_to_the_database_nothing_is_lost_doubled_or_run_unasked(
    tmp_path: Path,
) -> None:
    lines: list[str] = []

    outcome = await play(
        SEED,
        FAULTS,
        tmp_path / "stage",
        say=lines.append,
        keep=tmp_path / "kept.sqlite",
        kind="postgres",
    )

    assert outcome.verdict.failures() == {}, "\n".join(lines)
    assert outcome.injected.total() == FAULTS
    assert outcome.verdict.counts["runs"] >= 4


def test_the_seed_has_all_that_can_happen_to_the_database() -> None:
    assert {fault.kind for fault in schedule(SEED, FAULTS, "postgres")} >= DATABASE.keys()
