"""What each test came to when it last ran: kept by every session of pytest and of jest, read by list_scenarios.

An outcome counts only while its test's file is older than it: what was changed since has not been tested.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[1]
FOLDER = REPOSITORY / ".outcomes"
WORST_FIRST = ("failed", "not run", "skipped", "passed")


class Keeper:
    """A pytest plugin: keeps what this session's tests came to, in `folder`."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._found: dict[str, list[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if not session.config.option.collectonly:
            self._found = {item.nodeid: [] for item in session.items}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._found.setdefault(report.nodeid, []).append(report.outcome)

    def pytest_sessionfinish(self) -> None:
        if self._found:
            keep(self._folder, {name: worst(parts or ["not run"]) for name, parts in self._found.items()})


def worst(outcomes: list[str]) -> str:
    """What several outcomes amount to: setup, test and teardown of one, or the variants of one."""
    return min(outcomes, key=WORST_FIRST.index)


def keep(folder: Path, found: dict[str, str]) -> None:
    """Write these over what is kept; sessions may end at the same time."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file, now = folder / "pytest.json", time.time()
        kept: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        kept |= {name: {"outcome": outcome, "at": now} for name, outcome in found.items()}
        draft = folder / "pytest.draft"
        draft.write_text(json.dumps(kept))
        os.replace(draft, file)


def last(folder: Path = FOLDER) -> dict[str, str]:
    """The outcome of each test by name, without its parameters: ``file::name`` to one of WORST_FIRST."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in folder.glob("*.json"):
        for name, entry in json.loads(file.read_text()).items():
            source = REPOSITORY / name.partition("::")[0]
            if source.exists() and source.stat().st_mtime <= entry["at"]:
                found[name.split("[")[0] if file.name == "pytest.json" else name].append(entry["outcome"])
    return {name: worst(outcomes) for name, outcomes in found.items()}
