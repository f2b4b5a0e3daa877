"""A short slice of the chaos (``make chaos`` is the long one): one server, six faults, a few decisions."""

from __future__ import annotations

from pathlib import Path

import pytest

from .deaths import Deaths
from .decisions import trials
from .faults import KINDS, schedule
from .figures import Figures
from .harness import play

SEED, FAULTS = 27457, 6  # kills of each kind, a full disk's like, a cut and a slow way

TRIALS = 10


@pytest.mark.scenario("A1", "E19", "W5", "W17")
@pytest.mark.timeout(400)
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
    assert outcome.injected.total() == FAULTS
    assert outcome.verdict.counts["runs"] >= 4


def test_a_seed_reproduces_its_schedule_and_every_kind_comes_up() -> None:
    once, again = schedule(7, 30), schedule(7, 30)

    assert once == again
    assert {fault.kind for fault in once} == KINDS.keys()
    assert schedule(8, 30) != once


@pytest.mark.scenario("A2")
@pytest.mark.timeout(400)
async def test_of_twenty_decisions_through_two_servers_one_is_taken_in_every_trial(tmp_path: Path) -> None:
    lines: list[str] = []

    found = await trials(tmp_path / "trials", TRIALS, lines.append)

    assert [trial.right for trial in found] == [True] * TRIALS, "\n".join(lines)


def test_a_figure_that_is_missed_is_named_and_fails_the_session() -> None:
    quick, slow = (
        Deaths([10.0] * 99 + [499.0], {"kernel_died"}),
        Deaths([10.0] * 98 + [900.0] * 2, {"kernel_died"}),
    )
    other = Deaths([10.0], {"kernel_died", "worker_lost"})

    assert Figures(deaths=quick).reached
    assert "MISSED" not in Figures(deaths=quick).table()
    for missed in (slow, other):
        assert not Figures(deaths=missed).reached
        assert "MISSED" in Figures(deaths=missed).table()
