"""A queued run's wait gives up behind a question that nobody can decide, and never behind its own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lobu_jupyter.notebook.errors import RunFailed
from lobu_jupyter.notebook.waiting import _refuse_to_hang  # pyright: ignore[reportPrivateUsage]


def queued_run(asking: str, *, attached: bool = False) -> Any:
    """The run r1, queued as far as its kernel knows, in a thread where the run `asking` asks."""
    policy = SimpleNamespace(interrupts=lambda thread_id: [SimpleNamespace(run_id=asking)])
    client = SimpleNamespace(policy=policy)
    session = SimpleNamespace(front_end_attached=lambda: attached, client=client)
    return SimpleNamespace(run_id="r1", thread_id="t", session=session, cancel=lambda: None)


def test_a_question_of_the_run_itself_is_none_ahead_of_it() -> None:
    _refuse_to_hang(queued_run("r1"))


def test_a_question_that_a_front_end_can_decide_is_waited_for() -> None:
    _refuse_to_hang(queued_run("r0", attached=True))


def test_a_question_that_nobody_can_decide_ends_the_wait() -> None:
    with pytest.raises(RunFailed, match="no front end is open"):
        _refuse_to_hang(queued_run("r0"))
