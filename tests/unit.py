"""``make unit``: the tests that start no process and use no PostgreSQL, within a budget of CPU time."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import pytest

BUDGET = 90.0
"""Seconds of this process's CPU time for all of them: about 45 on an idle machine, and twice as many where each core has
ten processes to serve."""


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that start a process, and those on PostgreSQL."""
    left_out = [item for item in items if _is_heavy(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not _is_heavy(item)]


def _is_heavy(item: pytest.Item) -> bool:
    kind = (
        item.callspec.params.get("store_kind")
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        else None
    )
    return item.get_closest_marker("processes") is not None or kind == "postgres"


class Guard:
    """A plugin: a test that starts a process fails, and so does a session over its budget."""

    def pytest_sessionstart(self) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise AssertionError("a unit test starts no process: mark it with pytest.mark.processes")

        subprocess.Popen.__init__ = refuse  # type: ignore[method-assign]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if time.process_time() > BUDGET and not session.testsfailed:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        took = time.process_time()
        terminalreporter.write_line(f"{took:.0f} s of CPU time, of {BUDGET:.0f}", red=took > BUDGET)
