"""The lane itself, with a stand-in for the model: it is green if all is right, and red for each thing that is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.tasks.endpoint import KEY, MODEL, URL, Endpoint
from tests.servers import REPOSITORY

from .lane import CHECKS, Seen, Table, run_checks, table
from .stand_in import NAME, StandIn, standing_in


def test_without_a_model_the_lane_says_loudly_what_to_set_and_fails() -> None:
    env = {name: value for name, value in os.environ.items() if name not in (URL, MODEL, KEY)}
    lane = [sys.executable, "-m", "tests.real_model"]

    ended = subprocess.run(
        lane, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    nobody = {**env, URL: "http://127.0.0.1:9/v1"}
    dead = subprocess.run(
        lane, cwd=REPOSITORY, env=nobody, capture_output=True, text=True, timeout=120, check=False
    )

    assert ended.returncode == 2
    assert "NOTHING WAS TESTED" in ended.stderr
    assert f"export {URL}=" in ended.stderr
    assert (dead.returncode, "lists no model" in dead.stderr) == (1, True)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    with standing_in() as found:
        yield found


@pytest.fixture(scope="module")
def at(stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    with table(tmp_path_factory.mktemp("lane"), Endpoint(stand_in.url, NAME, "none")) as found:
        yield found


def test_the_lane_passes_with_what_answers_as_a_model_should(stand_in: StandIn, at: Table) -> None:
    told: list[Seen] = []

    seen = run_checks(at, told.append)

    assert {each.check: each.why for each in seen} == dict.fromkeys(CHECKS, "")
    assert told == seen
    assert stand_in.dropped.wait(10), "the cancelled answer was not broken off"


@pytest.mark.parametrize("wrong", CHECKS)
def test_the_lane_sees_what_is_wrong(wrong: str, stand_in: StandIn, at: Table) -> None:
    stand_in.wrong = wrong
    try:
        with pytest.raises(AssertionError):
            CHECKS[wrong](at)
    finally:
        stand_in.wrong = ""
