"""The pytest plugin: ``pytest --lobu`` runs each notebook that has a recording beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lobu")
    group.addoption("--lobu", action="store_true", help="Run notebooks against their lobu recordings.")
    group.addoption(
        "--lobu-timeout", type=float, default=600.0, help="Seconds for each cell of such a notebook."
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not parent.config.getoption("--lobu") or file_path.suffix != ".ipynb":
        return None
    from .runner import recording_for

    if not recording_for(file_path).exists():
        return None
    return RecordedNotebook.from_parent(parent, path=file_path)


class RecordedNotebook(pytest.File):
    """A notebook with a recording."""

    def collect(self) -> Iterator[pytest.Item]:
        yield NotebookTest.from_parent(self, name="lobu")


class NotebookTest(pytest.Item):
    """The execution of a notebook against its recording."""

    def runtest(self) -> None:
        from .runner import replay

        outcome = replay(self.path, cast("float", self.config.getoption("--lobu-timeout")))
        if outcome.failures:
            raise NotebookFailed("\n\n".join(failure.told(self.path.name) for failure in outcome.failures))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, NotebookFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"lobu recording of {self.path.name}"


class NotebookFailed(Exception):
    """A notebook that does what it did no more. The message says in which cell, and how it differs."""
