"""`make scenarios` believes reports alone: what failed, was skipped, never ran or has changed since proves nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import outcomes

from .list_scenarios import judge

SUITE = """
import pytest
@pytest.mark.parametrize("n", [1, 2])
def test_two(n): assert n == 1
def test_right(): pass
def test_skipped(): pytest.skip("not here")
@pytest.fixture
def breaks():
    yield
    assert False
def test_teardown(breaks): pass
"""


def test_a_session_keeps_the_worst_of_each_test_and_what_changed_since_counts_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    (tmp_path / "conftest.py").write_text(
        "from pathlib import Path\nfrom tests.outcomes import Keeper\n"
        "def pytest_configure(config):\n"
        "    config.pluginmanager.register(Keeper(Path(__file__).parent / 'kept'))\n"
    )
    env = {**os.environ, "PYTHONPATH": str(outcomes.REPOSITORY)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    subprocess.run([*command, str(tmp_path)], env=env, capture_output=True, timeout=60, check=False)
    monkeypatch.setattr(outcomes, "REPOSITORY", tmp_path)

    told = outcomes.last(tmp_path / "kept")
    later = json.loads((tmp_path / "kept/pytest.json").read_text())["test_it.py::test_right"]["at"] + 5
    os.utime(tmp_path / "test_it.py", (later, later))

    assert told == {
        "test_it.py::test_two": "failed",
        "test_it.py::test_right": "passed",
        "test_it.py::test_skipped": "skipped",
        "test_it.py::test_teardown": "failed",
    }
    assert outcomes.last(tmp_path / "kept") == {}


@pytest.mark.parametrize(
    ("came_to", "said"),
    [
        ({"a": "passed", "b": "passed"}, ""),
        ({"a": "passed", "b": "skipped"}, ""),
        ({"a": "passed", "b": "failed"}, "E1 (failed)"),
        ({"a": "passed"}, "E1 (not run)"),
        ({"a": "skipped", "b": "skipped"}, "E1 (no test that passed)"),
        ({}, "run `make test` first"),
    ],
)
def test_a_scenario_is_proved_by_tests_that_passed_alone(
    came_to: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = judge(["E1"], ["E1"], {"E1": ["a", "b"]}, came_to)

    assert code == (1 if said else 0)
    assert said in capsys.readouterr().out


def test_a_scenario_without_a_test_and_a_test_without_a_scenario_fail(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert judge(["E1"], ["E1"], {}, {"a": "passed"}) == 1
    assert judge(["E1"], ["E1"], {"E1": ["a"], "E99": ["a"]}, {"a": "passed"}) == 1

    assert "no such scenario: E99" in capsys.readouterr().out
