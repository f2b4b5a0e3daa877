"""A cell that waits for a run, and meanwhile lends its main thread to the agent's code."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

from lobu_jupyter.notebook.guest.inline import InlineRunner
from lobu_jupyter.notebook.output.cell_output import live_front_end

from .errors import RunFailed, RunTimeout
from .run import cancel_quietly

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobu_jupyter.notebook.guest.inline import InlineJob

    from .run import Run

_ENDED_FROM_ELSEWHERE = ("cancelled", "failed", "expired")
TICK = 0.25
"""Seconds between two polls of a wait, whether or not something came."""
QUEUE_TICK = 1.0
"""Seconds after which a queued run's wait checks again that a person can decide the question ahead of it."""
_NOBODY_DECIDES = (
    "This chat needs a decision first, and no front end is open to make it, so the message was not run. "
    "Decide first (%lobu approve, %lobu reject, %lobu answer), then ask again."
)


def wait(run: Run, timeout: float | None, *, through_decisions: bool) -> None:
    """Wait until `run` ends, or, unless ``through_decisions``, until it asks.

    Raises:
        RunFailed: it ended with an error, or is queued behind a question that nobody can decide.
        RunTimeout: `timeout` seconds went by, and it was cancelled.
        LobuError: the journal cannot be followed any more.
        KeyboardInterrupt: the person stopped the cell, and the run was cancelled.
    """
    end = None if timeout is None else time.monotonic() + timeout
    try:
        _wait(run, end, through_decisions)
    except KeyboardInterrupt:
        cancel_quietly(run)
        raise
    except TimeoutError:
        cancel_quietly(run)
        raise RunTimeout(timeout or 0) from None
    finally:
        run.update_outputs()
    if run.error is not None:
        raise run.error


def _wait(run: Run, end: float | None, through_decisions: bool) -> None:
    with _place_of(run) as place, run.told(place.wake):
        watch = run.watch()
        next_look = 0.0
        while not _over(run, through_decisions):
            if watch is not None and watch.error is not None:
                raise watch.error
            if run.chain.status == "queued" and time.monotonic() >= next_look:
                _refuse_to_hang(run)
                next_look = time.monotonic() + QUEUE_TICK
            if end is not None and time.monotonic() >= end:
                raise TimeoutError
            place.turn(TICK if end is None else max(0.0, min(TICK, end - time.monotonic())))


def _refuse_to_hang(run: Run) -> None:
    """Cancel a queued run if an open question is ahead of it and no front end is there to decide it.

    Raises:
        RunFailed: nobody can decide, so the run would never begin.
    """
    if run.session.front_end_attached():
        return
    # The run may have begun, and asked, before this kernel has read so in the journal.
    ahead = [
        i for i in run.session.client.policy.interrupts(thread_id=run.thread_id) if i.run_id != run.run_id
    ]
    if not ahead:
        return
    cancel_quietly(run)
    raise RunFailed("waiting", _NOBODY_DECIDES)


class _Idle:
    """A plain wait, if there is no main thread of a kernel to lend."""

    def __init__(self) -> None:
        self._news = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def turn(self, seconds: float) -> None:
        self._news.wait(seconds)
        self._news.clear()

    def wake(self) -> None:
        self._news.set()


class _Lent:
    """The main thread of this kernel, which runs the agent's code while the cell waits."""

    def __init__(self, run: Run, kernel_id: str) -> None:
        from IPython.core.getipython import get_ipython

        self._run = run
        self._kernel_id = kernel_id
        self._stopped = False
        client = run.session.client
        poll = cast("Callable[[float], InlineJob | None]", partial(client.kernels.poll_job, kernel_id))
        self._runner = InlineRunner(get_ipython(), poll, self._report)
        self.wake = self._runner.wake

    def __enter__(self) -> Self:
        self._runner.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._runner.__exit__(*exc)

    def turn(self, seconds: float) -> None:
        """Run the agent's code if some comes.

        Raises:
            KeyboardInterrupt: the cell was stopped, also while the agent's code ran.
        """
        self._runner.turn(seconds)
        # An end from elsewhere interrupts the code too, and the journal has it by now. Any other run was
        # interrupted here, even if it has succeeded before this check.
        if self._stopped and self._run.status not in _ENDED_FROM_ELSEWHERE:
            raise KeyboardInterrupt
        self._stopped = False

    def _report(self, job_id: str, done: dict[str, Any]) -> None:
        self._stopped = (done.get("error") or {}).get("ename") == "KeyboardInterrupt"
        self._run.session.client.kernels.end_job(self._kernel_id, job_id, done)


def _place_of(run: Run) -> _Lent | _Idle:
    kernel_id = run.session.kernel_id
    if kernel_id is None or threading.current_thread() is not threading.main_thread():
        return _Idle()
    return _Lent(run, kernel_id)


def _over(run: Run, through_decisions: bool) -> bool:
    chain = run.chain
    return chain.ended or (chain.status == "interrupted" and not through_decisions)


def show_when_settled(run: Run) -> None:
    """Show a run: at once where outputs are updated, else once it has ended or asks, because they stay as they are.

    Raises:
        RunFailed: it ended with an error.
    """
    if live_front_end(run.session.found.embedded):
        run.show()
        return
    try:
        wait(run, None, through_decisions=False)
    finally:
        run.show()


def raise_unless_answered(run: Run) -> None:
    """Raise for a cell that needs the answer, if the run was cancelled or expired.

    Raises:
        RunFailed: there is no answer.
    """
    if run.chain.status in ("cancelled", "expired"):
        raise RunFailed(run.chain.status, f"The run was {run.chain.status} before it ended.")
