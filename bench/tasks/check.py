"""The judgement of a task: what of its kernel, its notebook and the last answer is not as it must be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .task import Task


@dataclass
class Result:
    """What there is after a task. ``holds``: evaluates an expression in the kernel, as True or False."""

    holds: Callable[[str], bool]
    cells: list[str]
    kinds: list[str]
    outputs: list[str]
    answer: str


def wrong_of(task: Task, result: Result) -> list[str]:
    """Return what is wrong. Empty: the task is done."""
    seen: dict[str, Any] = {"cells": result.cells, "kinds": result.kinds, "outputs": result.outputs}
    wrong = [f"state: {each}" for each in task.state if not result.holds(each)]
    for each in task.notebook:
        try:
            held = bool(eval(each, dict(seen)))
        except (IndexError, KeyError):
            held = False
        wrong += [] if held else [f"notebook: {each}"]
    wrong += [f"answer: {each}" for each in task.answer if not re.search(each, result.answer, re.IGNORECASE)]
    return wrong


def spoiled(task: Task, result: Result, execute: Callable[[str], None]) -> list[str]:
    """Return the kinds of check that take a wrong result for a right one. Spoils the kernel."""
    blind: list[str] = []
    if task.notebook:
        cells, outputs, kinds = list(result.cells), list(result.outputs), list(result.kinds)
        exec(task.spoil_notebook, {"cells": cells, "outputs": outputs, "kinds": kinds})
        other = Result(result.holds, cells, kinds, outputs, result.answer)
        blind += [] if wrong_of(task, other) else ["notebook"]
    if task.answer:
        other = Result(result.holds, result.cells, result.kinds, result.outputs, task.spoil_answer)
        blind += [] if wrong_of(task, other) else ["answer"]
    if task.state:
        execute(task.spoil_state)
        blind += [] if wrong_of(task, result) else ["state"]
    return blind
