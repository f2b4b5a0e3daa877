"""Every error that a caller may see, in one tree. Its docstring is the message that a person reads.

::

    LobuError
    ├── InvalidField            422  a field of a request is wrong, and is named
    ├── TooLarge                413
    ├── NotAllowed              403
    ├── NotFound                404
    │   ├── ThreadNotFound  ├── RunNotFound  ├── InterruptNotFound
    │   └── WorkerNotFound  └── KernelNotFound
    ├── Conflict                409
    │   ├── ThreadBusy      ├── ThreadWaiting  ├── AlreadyDecided
    │   ├── InterruptClosed ├── QuestionChanged  ├── StaleIncarnation
    │   ├── RunEnded        ├── KernelMissing
    │   └── PreviewChanged
    ├── TooManyRuns             429
    ├── TooManyThreads          429
    └── StoreUnavailable        503
        └── StoreTooNew

``code`` is the wire's ``error.code``. ``STATUS_OF`` is the one table from class to HTTP status.
"""

from __future__ import annotations

import inspect
import linecache
import traceback
from typing import Any, ClassVar


class LobuError(Exception):
    """Something went wrong inside lobu_jupyter."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str = "", *, field: str | None = None, **detail: Any) -> None:
        self.message = message or inspect.cleandoc(type(self).__doc__ or "")
        self.field = field
        self.detail = detail
        super().__init__(self.message)

    def __str__(self) -> str:
        """Return the message as a sentence: `expiresAt must be an ISO 8601 time`."""
        return (
            f"{self.field} {self.message}"
            if self.field and self.message.startswith("must ")
            else self.message
        )

    def to_wire(self) -> dict[str, Any]:
        """Return ``{"code", "message", "field"?, …detail}``, the value of ``error`` in a response."""
        wire: dict[str, Any] = {"code": self.code, "message": self.message, **self.detail}
        if self.field is not None:
            wire["field"] = self.field
        return wire

    def _render_traceback_(self) -> list[str]:
        return brief(self)


def brief(error: BaseException) -> list[str]:
    """Return the lines that IPython shows of an error of ours: the person's code, and the message.

    The frames below are ours and of no use to a person.
    """
    lines: list[str] = []
    for frame, number in traceback.walk_tb(error.__traceback__):
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if package == "lobu_jupyter":
            break
        code = linecache.getline(frame.f_code.co_filename, number).strip()
        if package != "IPython" and not code.startswith("get_ipython()."):
            lines.append(f"line {number} of {'the cell' if package == '__main__' else package}: {code}")
    return [*lines, f"{type(error).__name__}: {error}"]


class InvalidField(LobuError):
    """A field of the request has a value that cannot be used."""

    code = "invalid"


class TooLarge(LobuError):
    """The request is larger than this server accepts."""

    code = "too_large"


class NotAllowed(LobuError):
    """You may not do this here."""

    code = "forbidden"


class NotFound(LobuError):
    """There is nothing here by that name."""

    code = "not_found"


class ThreadNotFound(NotFound):
    """There is no such thread; it may have been deleted."""

    code = "thread_not_found"


class RunNotFound(NotFound):
    """There is no such run."""

    code = "run_not_found"


class InterruptNotFound(NotFound):
    """There is no such question on this thread."""

    code = "interrupt_not_found"


class WorkerNotFound(NotFound):
    """There is no such worker; register again."""

    code = "worker_not_found"


class KernelNotFound(NotFound):
    """There is no such kernel on this server."""

    code = "kernel_not_found"


class Conflict(LobuError):
    """The state of things does not allow this now."""

    code = "conflict"


class ThreadBusy(Conflict):
    """A run is under way on this thread; wait for it, cancel it, or queue with ifRunning."""

    code = "thread_busy"


class ThreadWaiting(Conflict):
    """The agent needs a decision on this thread. Decide first, or set ifWaiting to queue or cancel."""

    code = "thread_waiting"


class AlreadyDecided(Conflict):
    """Someone decided this already; reload to see who and how."""

    code = "already_decided"


class InterruptClosed(Conflict):
    """This question has expired or was cancelled; start a new run instead."""

    code = "interrupt_closed"


class QuestionChanged(Conflict):
    """The question is not the one that you were shown. Nothing was decided; read it again."""

    code = "question_changed"


class PreviewChanged(Conflict):
    """Something changed since the preview. Nothing was restored; look at the new preview."""

    code = "preview_changed"


class StaleIncarnation(Conflict):
    """This worker or kernel was superseded; what it still writes is refused."""

    code = "stale_incarnation"


class RunEnded(Conflict):
    """This run has ended; its journal is closed."""

    code = "run_ended"


class KernelMissing(Conflict):
    """The kernel of this question is gone. Start one for the notebook, then decide again; nothing was decided."""

    code = "kernel_missing"


class TooManyRuns(LobuError):
    """Too many runs are under way; wait for one to end."""

    code = "too_many_runs"


class TooManyThreads(LobuError):
    """This notebook and kernel have too many threads for one more; delete some in the panel."""

    code = "too_many_threads"


class StoreUnavailable(LobuError):
    """The lobu store cannot be opened; `lobu doctor` says why."""

    code = "store_unavailable"


class StoreTooNew(StoreUnavailable):
    """The store was written by a newer lobu_jupyter; upgrade this one, or set another path."""

    code = "store_too_new"


STATUS_OF: dict[type[LobuError], int] = {
    InvalidField: 422,
    TooLarge: 413,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    TooManyRuns: 429,
    TooManyThreads: 429,
    StoreUnavailable: 503,
    LobuError: 500,
}


def status_of(error: LobuError) -> int:
    """Return the HTTP status of an error: that of its nearest class in :data:`STATUS_OF`."""
    return next(STATUS_OF[cls] for cls in type(error).__mro__ if cls in STATUS_OF)


def _tree(cls: type[LobuError]) -> dict[str, type[LobuError]]:
    found = {cls.code: cls}
    for sub in cls.__subclasses__():
        found |= _tree(sub)
    return found


def from_wire(error: dict[str, Any]) -> LobuError:
    """Return the error that a response's ``error`` object stands for. The inverse of ``to_wire``."""
    rest = {k: v for k, v in error.items() if k not in ("code", "message", "field")}
    cls = _tree(LobuError).get(str(error.get("code")), LobuError)
    return cls(str(error.get("message", "")), field=error.get("field"), **rest)
