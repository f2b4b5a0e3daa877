"""Print each scenario of docs/scenarios.md with the tests that prove it; exit 1 if one that is due has none.

usage: python -m tests.list_scenarios [ID …]      the ids that are due; without, all
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
        for ids, title in re.findall(
            r"(?:it|test)\(\s*['\"`]((?:[SEPAWH]\d+b?(?:, | and )?)+): (.+?)['\"`],", file.read_text()
        ):
            for scenario in re.findall(r"[SEPAWH]\d+b?", ids):
                yield scenario, f"labextension/test/{file.name}::{title}"


def main(due: list[str]) -> int:
    known = re.findall(r"^\| ([SEPAWH]\d+b?) \|", DOC.read_text(), re.M)
    collector = Collector()
    with contextlib.redirect_stdout(io.StringIO()) as told:
        code = pytest.main(["--collect-only", "-qq", str(Path(__file__).parent)], [collector])
    if code != pytest.ExitCode.OK:
        print(told.getvalue())
        return int(code)
    for scenario, name in jest_tests():
        collector.tests[scenario].append(name)
    for scenario in known:
        print(scenario, *collector.tests[scenario] or ["-"], sep="\n    ")
    missing = [scenario for scenario in due or known if not collector.tests[scenario]]
    unknown = sorted(collector.tests.keys() - set(known))
    print(
        f"{len(known) - len([s for s in known if not collector.tests[s]])} of {len(known)} scenarios have a test"
    )
    if missing:
        print("no test:", *missing)
    if unknown:
        print("no such scenario:", *unknown)
    return 1 if missing or unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
