"""A cell that waits for a run, and meanwhile lends its main thread to the agent's code."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .errors import RunFailed, RunTimeout
from .run import cancel_quietly

if TYPE_CHECKING:
    from .run import Run

TICK = 0.25
"""Seconds after which a wait looks again, whether or not something came."""


def wait(run: Run, timeout: float | None, *, through_decisions: bool) -> None:
    """Wait until `run` ends, or, unless ``through_decisions``, until it asks.

    Raises:
        RunFailed: it ended with an error.
        RunTimeout: `timeout` seconds went by; it was cancelled.
        LobuError: the journal cannot be followed any more.
        KeyboardInterrupt: the person stopped the cell; the run was cancelled.
    """
    end = None if timeout is None else time.monotonic() + timeout
    try:
        _wait(run, end, through_decisions)
    except KeyboardInterrupt:
        cancel_quietly(run)
        raise
    except TimeoutError as error:
        cancel_quietly(run)
        raise RunTimeout(timeout or 0) from error
    finally:
        run.update_outputs()
    if run.error is not None:
        raise run.error


def _wait(run: Run, end: float | None, through_decisions: bool) -> None:
    watch = run.watch()
    while not _over(run, through_decisions):
        if watch is not None and watch.error is not None:
            raise watch.error
        if end is not None and time.monotonic() >= end:
            raise TimeoutError
        run.changed.wait(TICK if end is None else max(0.0, min(TICK, end - time.monotonic())))
        run.changed.clear()


def _over(run: Run, through_decisions: bool) -> bool:
    chain = run.chain
    return chain.ended or (chain.status == "interrupted" and not through_decisions)


def raise_unless_answered(run: Run) -> None:
    """For a cell that needs the answer: a run that was cancelled or expired has none.

    Raises:
        RunFailed: there is no answer.
    """
    if run.chain.status in ("cancelled", "expired"):
        raise RunFailed(run.chain.status, f"The run was {run.chain.status} before it ended.")
