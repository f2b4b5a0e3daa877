"""A small task of data science: what is there, what is asked, and how the result is judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task. Its notebook and files are in a folder of its own, in which its kernel runs.

    Args:
        cells: sources of the notebook's code cells, with the ids c0, c1 … They were run before the task begins.
        asked: the cells from this one on were not run.
        files: texts by name. ``{folder}`` in a prompt is the folder's path below the server's root.
        state: expressions that must hold in the kernel, or about files.
        notebook: expressions that must hold of the saved notebook: ``cells`` (sources), ``kinds`` and ``outputs`` (texts).
        answer: patterns that must occur in the last answer, without regard to case.
        decides: what the person answers to the first questions. Whatever else is asked is approved.
        spoil_state, spoil_notebook, spoil_answer: make a right result wrong. The check must see it. The first is code
            in the kernel, the second code on the notebook's ``cells`` and ``outputs``, the third another answer.
    """

    name: str
    prompt: str
    cells: tuple[str, ...] = ()
    asked: int | None = None
    files: dict[str, str] = field(default_factory=dict[str, str])
    state: tuple[str, ...] = ()
    notebook: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    decides: tuple[dict[str, Any], ...] = ()
    spoil_state: str = ""
    spoil_notebook: str = ""
    spoil_answer: str = ""
