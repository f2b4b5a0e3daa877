"""Evals: thirty small tasks, driven through the product by a model, with checkers that look at kernel and notebook.

The model is a real one, or answers that we wrote (``recordings/``, provider ``script``). With the latter the figures
say what the product sends and asks, and how long it takes, and nothing of how good a model is.
"""

from __future__ import annotations

from .data import CLEAN, JOIN, LOAD
from .task import Task
from .work import CELLS, ERRORS, PEOPLE, PLOT

TASKS: dict[str, Task] = {task.name: task for task in (*LOAD, *CLEAN, *JOIN, *PLOT, *ERRORS, *CELLS, *PEOPLE)}
