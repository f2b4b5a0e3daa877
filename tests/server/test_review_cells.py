"""A run whose changes of cells are reviewed: the server makes none without a person's approval, whatever a worker thinks."""

# ruff: noqa: F811 - the fixtures of test_notebooks.py

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .test_cells import starts
from .test_notebooks import at, file, lobu_config, post, settled, sources, worker  # noqa: F401
from .wire import PlainWorker, Wire

EDIT: dict[str, Any] = {"do": "edit", "cell": "a", "was": "x = 1", "source": "x = 2"}


INSERT: dict[str, Any] = {"do": "insert", "cell": "new", "source": "y", "after": "a"}
DELETE: dict[str, Any] = {"do": "delete", "cell": "a", "was": "x = 1"}
MOVE: dict[str, Any] = {"do": "move", "cell": "b", "was": "x + 1", "after": ""}


@pytest.mark.parametrize("mode", ["allow", None])
@pytest.mark.parametrize("request_", [EDIT, INSERT, DELETE, MOVE], ids=lambda wish: wish["do"])
async def test_the_server_refuses_a_change_that_nobody_approved(
    wire: Wire, worker: PlainWorker, file: Path, mode: str | None, request_: dict[str, Any]
) -> None:
    task = await starts(wire, worker, mode=mode, reviewCells=True)

    status, answer = await post(wire, worker, task, request_)

    assert task["policy"]["reviewCells"]
    assert (status, answer["error"]["code"]) == (403, "forbidden")
    assert sources(file) == ["x = 1", "x + 1"]


async def test_without_it_the_rules_decide(wire: Wire, worker: PlainWorker, file: Path) -> None:
    task = await starts(wire, worker, mode="allow")

    assert await at(wire, worker, task, **EDIT) == {"done": True}
