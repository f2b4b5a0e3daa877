"""The main thread, lent to the agent by a cell that waits for it.

While `%lobu --wait` or `%lobu wait` holds the kernel, code that the worker sends would queue behind
that very cell. So the cell polls for jobs and runs them itself through guest.py, under the job's own
parent header, so that the worker sees the usual messages.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Any, Self, TypedDict

from . import guest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

POLL_SECONDS = 20.0
_RETRY_SECONDS = 0.5
_TICK_SECONDS = 0.2  # how long a wait on a queue may hold back a KeyboardInterrupt on some systems


class InlineJob(TypedDict):
    """A job from the server for the cell that polls."""

    jobId: str
    code: str


class InlineRunner:
    """A context manager around a cell's wait. It polls in its own thread and runs jobs in :meth:`turn`.

    The thread's last poll may outlive the cell. A job that it brings then goes back to the worker unrun.

    Args:
        shell: IPython's shell.
        poll: ``poll(seconds)`` asks the server for a job, and returns None if there is none in that
            time. If it raises, it is retried.
        report: ``report(job_id, done)`` tells the server how a job ended: ``{"state": "done", "ok",
            "error"?, "value"?}``.
    """

    def __init__(
        self,
        shell: Any,
        poll: Callable[[float], InlineJob | None],
        report: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._shell, self._poll, self._report = shell, poll, report
        self._jobs: queue.SimpleQueue[InlineJob | None] = queue.SimpleQueue()
        self._ready = threading.Semaphore(0)  # one poll per turn: a job is taken only where it can run
        self._left = threading.Event()
        self._handing_over = threading.Lock()
        self._thread = threading.Thread(target=self._poll_on, name="lobu inline", daemon=True)

    def __enter__(self) -> Self:
        self._ready.release()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop polling. A job that came too late goes back unrun."""
        with self._handing_over:
            self._left.set()
        self._ready.release()
        while not self._jobs.empty():
            self._refuse(self._jobs.get())

    def turn(self, seconds: float) -> bool:
        """Run a job if one comes in time. Returns True if one ran. :meth:`wake` ends the wait early.

        Raises:
            KeyboardInterrupt: the person stopped the cell while it waited. (While a job runs, an
                interrupt stops the agent's code only.)
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                job = self._jobs.get(timeout=min(left, _TICK_SECONDS))
            except queue.Empty:
                continue
            if job is None:
                return False
            self._run(job)
            return True
        return False

    def wake(self) -> None:
        """End a waiting turn, from any thread."""
        self._jobs.put(None)

    def _run(self, job: InlineJob) -> None:
        try:
            result = guest.serve_inline(self._shell, job["jobId"], job["code"])
        finally:
            self._ready.release()
        self._tell(job, result)

    def _tell(self, job: InlineJob, result: dict[str, Any]) -> None:
        done = {key: result[key] for key in ("ok", "error", "value") if result.get(key) is not None}
        self._report(job["jobId"], {"state": "done", "ok": False, **done})

    def _refuse(self, job: InlineJob | None) -> None:
        if job is not None:
            guest.refuse_inline(self._shell, job["jobId"])
            self._tell(job, guest.UNWANTED)

    # -- the thread

    def _poll_on(self) -> None:
        while True:
            self._ready.acquire()
            job = None
            while job is None and not self._left.is_set():
                job = self._poll_once()
            with self._handing_over:
                if not self._left.is_set():
                    self._jobs.put(job)
                    continue
            self._refuse(job)
            return

    def _poll_once(self) -> InlineJob | None:
        try:
            return self._poll(POLL_SECONDS)
        except Exception:  # noqa: BLE001  whatever fails, the cell that waits tells the person of it, not this thread
            self._left.wait(_RETRY_SECONDS)
            return None
