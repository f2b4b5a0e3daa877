"""The load of many runs is the same for every peer: evenly spread, by the machine's clock."""

from __future__ import annotations

import time

import pytest

from bench import workload


@pytest.mark.parametrize("phase", [0.0, 0.25, 0.98])
def test_a_run_with_a_phase_begins_at_that_place_of_its_period(phase: float) -> None:
    rate = 100.0
    before = time.monotonic()

    began = workload.beginning(rate, phase)

    assert before <= began <= time.monotonic() + 1 / rate
    periods = began * rate - phase
    assert periods == pytest.approx(round(periods), abs=1e-4)


def test_a_run_without_a_phase_or_a_rate_begins_now() -> None:
    for rate, phase in ((100.0, None), (0.0, 0.5)):
        before = time.monotonic()
        assert before <= workload.beginning(rate, phase) <= time.monotonic()
