"""Recordings of this notebook: `lobu.record`, `%lobu record`, and the last step of a notebook under `lobu test`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.requests import RunsQuery, ThreadsQuery

from . import session
from .run import Run
from .waiting import wait

if TYPE_CHECKING:
    from lobu_jupyter.model.runs import Thread

    from .session import Session


def record(path: str | Path, note: str = "") -> Path:
    """Write what models were asked and answered in this notebook to `path`, for ``lobu test``.

    Args:
        path: a new file, or an older recording, which is replaced.
        note: how it was made, for whoever reads the file.

    Raises:
        UsageError: the file is no recording, or no model has answered in this notebook.
    """
    file = Path(path)
    _check(file)
    link = session.reaching()
    recording: dict[str, Any] | None = None
    for thread in _threads(link):
        try:
            one = link.client.runs.export(thread.thread_id, "recording")
        except InvalidField:
            continue  # no model has answered there
        if recording is None:
            recording = {**one, "note": note}
        else:
            recording["exchanges"] += one["exchanges"]
            recording["decisions"] += one["decisions"]
    if recording is None:
        raise UsageError("No model has answered in this notebook yet, so there is nothing to record.")
    file.write_text(json.dumps(recording, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return file


def finish(record_to: str = "", note: str = "") -> None:
    """Wait for all runs of this notebook and, in a recording, write it. The last cell of ``lobu test`` calls this."""
    if session.opened() is None:
        return
    link = session.reaching()
    for thread in _threads(link):
        for row in reversed(link.client.runs.list(RunsQuery(thread_id=thread.thread_id))):
            if row.parent_run_id is None:
                wait(Run.of(link, row), None, through_decisions=True)
    if record_to:
        record(record_to, note)


def _threads(link: Session) -> list[Thread]:
    """Return the threads of this kernel, the oldest first."""
    found = link.client.threads.list(ThreadsQuery(kernel_id=link.kernel_id, limit=500))
    return sorted(found, key=lambda thread: thread.created_at)


def _check(file: Path) -> None:
    if not file.parent.is_dir():
        raise UsageError(f"There is no directory {file.parent}.")
    if file.exists() and "lobuRecording" not in file.read_text("utf-8", errors="replace")[:2000]:
        raise UsageError(f"{file} exists and is no recording; give a new name.")
