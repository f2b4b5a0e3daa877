"""The execution of one notebook against its recording, or for a new one.

The notebook runs in a fresh kernel with a gateway of its own, which answers from the recording alone: it has no key,
and asks no provider. Recorded decisions are made again. What differs names its cell.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from lobu_jupyter.model.errors import LobuError
from lobu_jupyter.model.recording import parse, text_in
from lobu_jupyter.model.terminal import screen_text

if TYPE_CHECKING:
    from collections.abc import Iterable

SUFFIX = ".recording.json"
FINISH = "from lobu_jupyter.notebook.recording import finish\nfinish({record_to!r}, {note!r})"
DIFFERS = "the request to the model is not the recorded one"
_KEYS = ("_API_KEY", "_AUTH_TOKEN")


@dataclass(frozen=True)
class Failure:
    """A failure of a notebook. ``cell`` counts from 1, and is None for the notebook as a whole."""

    cell: int | None
    why: str

    def told(self, name: str) -> str:
        """Return the failure for a person."""
        where = name if self.cell is None else f"{name}, cell {self.cell}"
        return f"{where}: {self.why}"


@dataclass
class NotebookOutcome:
    """The end of a notebook. ``answered``: the number of requests that the recording answered."""

    failures: list[Failure] = field(default_factory=list[Failure])
    answered: int = 0


def recording_for(notebook: Path) -> Path:
    """Return where a notebook's recording is: beside it, with another ending."""
    return notebook.with_name(notebook.stem + SUFFIX)


def notebooks_in(paths: Iterable[Path]) -> list[Path]:
    """Return the notebooks that are named, and in folders those that have a recording."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.rglob("*.ipynb"))
            found += [p for p in inside if ".ipynb_checkpoints" not in p.parts and recording_for(p).exists()]
        else:
            found.append(path)
    return found


def replay(notebook: Path, timeout: float) -> NotebookOutcome:
    """Execute a notebook against its recording."""
    recording = recording_for(notebook)
    if not recording.exists():
        why = f"it has no recording ({recording.name}); make one with lobu test --record"
        return NotebookOutcome([Failure(None, why)])
    try:
        text = text_in(recording.read_bytes(), recording.name)
        expected = len(parse(text, recording.name).exchanges)
    except LobuError as error:
        return NotebookOutcome([Failure(None, str(error))])
    with TemporaryDirectory(prefix="lobu-test-") as folder:
        report = Path(folder) / "report.jsonl"
        given = {"LOBU_REPLAY": str(recording.resolve()), "LOBU_REPLAY_REPORT": str(report)}
        execution = _Execution(notebook, timeout, report)
        execution.run({**_without_keys(), **given}, FINISH.format(record_to="", note=""))
        lines = execution.report()
        outcome = NotebookOutcome(execution.failures, sum(line["answered"] for line in lines))
        if not outcome.failures and outcome.answered < expected:
            left = expected - outcome.answered
            outcome.failures.append(Failure(None, f"{left} recorded requests to the model were not made"))
        return outcome


def record(notebook: Path, timeout: float, note: str = "") -> NotebookOutcome:
    """Execute a notebook with the real models, and write its recording."""
    to = str(recording_for(notebook).resolve())
    with TemporaryDirectory(prefix="lobu-test-") as folder:
        execution = _Execution(notebook, timeout, Path(folder) / "report.jsonl")
        execution.run(dict(os.environ), FINISH.format(record_to=to, note=note))
        return NotebookOutcome(execution.failures)


def _without_keys() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.endswith(_KEYS)}


class _Execution:
    """One execution of a notebook, with the failures of its cells."""

    def __init__(self, notebook: Path, timeout: float, report: Path) -> None:
        self._notebook, self._timeout, self._report = notebook, timeout, report
        self.failures: list[Failure] = []
        self._told = 0  # lines of the report that were read

    def run(self, environment: dict[str, str], last: str) -> None:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

        document: Any = nbformat.read(self._notebook, 4)  # pyright: ignore[reportUnknownMemberType]
        self._sources = [cell.source for cell in document.cells]
        document.cells.append(cast("Any", nbformat.v4.new_code_cell(last)))  # pyright: ignore[reportUnknownMemberType]
        client = NotebookClient(
            document,
            timeout=round(self._timeout),
            resources={"metadata": {"path": str(self._notebook.parent)}},
            on_cell_executed=self._executed,
        )
        env = {**environment, "LOBU_EMBEDDED": "1", "LOBU_ANSWERABLE": "1", "LOBU_LIVE": "0"}
        try:
            client.execute(env=env)
        except CellExecutionError as error:
            if not self.failures:
                self.failures.append(Failure(None, f"{error.ename}: {error.evalue}"))
        except (CellTimeoutError, DeadKernelError, RuntimeError, OSError) as error:
            self.failures.append(Failure(None, screen_text(str(error))))

    def _executed(self, cell: Any, cell_index: int, execute_reply: dict[str, Any]) -> None:
        """Note what failed in a cell: what the model was asked, else the cell's own error."""
        content: dict[str, Any] = execute_reply["content"]
        lines = self.report()
        new, self._told = lines[self._told :], len(lines)
        differing = [line for line in new if not line["answered"]]
        for line in differing:
            at = self._cell_of(line["asked"], cell_index)
            self.failures.append(Failure(at, f"{DIFFERS}\n{line['diff']}"))
        if content.get("status") == "error" and not differing:
            why = screen_text(f"{content.get('ename')}: {content.get('evalue')}")
            own = cell_index < len(self._sources)
            self.failures.append(Failure(cell_index + 1 if own else None, why))

    def _cell_of(self, asked: list[str], running: int) -> int:
        """Return the cell that asked: the running one, or behind the last one that which has the prompt."""
        if running < len(self._sources):
            return running + 1
        prompt = asked[1].strip() if len(asked) > 1 and asked[0] == "Person:" else ""
        named = [n for n, source in enumerate(self._sources) if prompt and prompt in source]
        asks = [n for n, source in enumerate(self._sources) if "lobu" in source]
        return (named or asks or [running - 1])[-1] + 1

    def report(self) -> list[dict[str, Any]]:
        """Return what the replay has told so far."""
        try:
            text = self._report.read_text("utf-8")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines()]
