"""Print each scenario of docs/scenarios.md with the tests that prove it, and what they came to when they last ran.

usage: python -m tests.list_scenarios [ID …]      the ids that are due; without, all

Exits 1 if one that is due has no test that passed, or one that failed or did not run. Outcomes are read from
the reports of the last sessions (tests/outcomes.py), never taken on trust: run ``make test`` first.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from .outcomes import FOLDER, last

DOC = Path(__file__).parent.parent / "docs" / "scenarios.md"


class Collector:
    """A pytest plugin that notes which test carries which scenario."""

    def __init__(self) -> None:
        self.tests: dict[str, list[str]] = defaultdict(list)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            name = item.nodeid.split("[")[0]
            for marker in item.iter_markers("scenario"):
                for scenario in marker.args:
                    if name not in self.tests[scenario]:
                        self.tests[scenario].append(name)


def jest_tests() -> Iterator[tuple[str, str]]:
    """The front end's tests name their scenarios first: ``it('E12, E14: two equal …', …)``."""
    folder = DOC.parents[1] / "labextension" / "test"
    for file in sorted(folder.glob("*.test.ts*")):
        for title in re.findall(
            r"(?:it|test)\(\s*['\"`]((?:[SEPAWH]\d+b?(?:, | and )?)+: .+?)['\"`],", file.read_text()
        ):
            for scenario in re.findall(r"[SEPAWH]\d+b?", title.partition(":")[0]):
                yield scenario, f"labextension/test/{file.name}::{title}"


def main(due: list[str], outcomes: Path = FOLDER) -> int:
    known = re.findall(r"^\| ([SEPAWH]\d+b?) \|", DOC.read_text(), re.M)
    collector = Collector()
    with contextlib.redirect_stdout(io.StringIO()) as told:
        code = pytest.main(["--collect-only", "-qq", str(Path(__file__).parent)], [collector])
    if code != pytest.ExitCode.OK:
        print(told.getvalue())
        return int(code)
    for scenario, name in jest_tests():
        collector.tests[scenario].append(name)
    return judge(known, due or known, collector.tests, last(outcomes))


def judge(known: list[str], due: list[str], tests: dict[str, list[str]], outcomes: dict[str, str]) -> int:
    """Print each row, and what is wrong with those that are due."""
    wrong: dict[str, str] = {}
    for scenario in known:
        found = [(outcomes.get(name, "not run"), name) for name in tests.get(scenario, [])]
        print(scenario, *(f"{outcome:8}{name}" for outcome, name in found or [("no test", "")]), sep="\n    ")
        bad = [outcome for outcome, _ in found if outcome in ("failed", "not run")]
        if not found or bad or "passed" not in [outcome for outcome, _ in found]:
            wrong[scenario] = bad[0] if bad else "no test that passed"
    wrong = {scenario: why for scenario, why in wrong.items() if scenario in due}
    unknown = sorted(tests.keys() - set(known))
    print(
        f"{len(due) - len(wrong)} of {len(due)} scenarios are proved by tests that passed when they last ran"
    )
    if not outcomes:
        print("no test has run here yet, or all have changed since: run `make test` first")
    elif wrong:
        print("not proved:", ", ".join(f"{scenario} ({why})" for scenario, why in wrong.items()))
    if unknown:
        print("no such scenario:", *unknown)
    return 1 if wrong or unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
