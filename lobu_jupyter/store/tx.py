"""A transaction: the named queries, the locks of several servers, and the actions that follow its commit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


Kind = Literal["owner", "thread", "run", "lease", "kernel"]
_RANK: dict[Kind, int] = {"owner": 1, "thread": 2, "run": 2, "lease": 3, "kernel": 4}


class Row(Protocol):
    """A row of a query: its columns by name or by position."""

    def __getitem__(self, key: Any, /) -> Any: ...

    def keys(self) -> Any: ...


class Tx(ABC):
    """The transaction of a ``Database.write`` or ``read`` body, its only awaitable. Its calls never suspend.

    Several servers may write to one store at the same time. So a body that reads what it then changes takes the locks of
    it first, in this order: the owner, the threads (all at once), the leases of these threads. A lock is held to the
    transaction's end. SQLite has one writer at a time and needs none, so these calls change nothing there. A kernel's and a
    worker's row are locked last: whoever relies on one shares it, and whoever changes one waits for nothing after that.
    """

    strict: ClassVar[bool] = False
    """Whether a lock out of order raises. Tests set it."""
    schema: str = ""
    """The name of the schema, if the database has several."""

    def __init__(self) -> None:
        self.wakes: set[str] = set()
        self.told: set[str] = set()
        self.afters: list[Callable[[], None]] = []
        self._held: set[tuple[Kind, str]] = set()

    @abstractmethod
    async def one(self, query: str, **params: Any) -> Row | None:
        """Return the first row of a query, or None. A guarded UPDATE returns a row if this call won."""

    @abstractmethod
    async def all(self, query: str, **params: Any) -> list[Row]:
        """Return all rows of a query."""

    @abstractmethod
    async def run(self, query: str, **params: Any) -> int:
        """Execute a statement and return the number of rows that it changed."""

    @abstractmethod
    async def ask(self, statement: str, **params: Any) -> list[Row]:
        """Return the rows of a statement that has no name, for copies and checks of whole tables."""

    @abstractmethod
    async def run_each(self, statement: str, rows: Sequence[dict[str, Any]]) -> None:
        """Execute a statement without a name once for each of `rows`, its parameters."""

    def wake(self, topic: str) -> None:
        """Wake the listeners of `topic` once this transaction is committed."""
        self.wakes.add(topic)

    def tell_others(self, topic: str) -> None:
        """Wake the listeners of `topic` on other servers once this transaction is committed."""
        self.told.add(topic)

    def after(self, action: Callable[[], None]) -> None:
        """Call `action` on the event loop after the commit, and never if the body is rolled back."""
        self.afters.append(action)

    # -- locks -----------------------------------------------------------------------------------

    async def lock_owner(self, owner: str) -> None:
        """Let no other body count or start what this person has."""
        self._lock("owner", [owner])

    async def lock_threads(self, *thread_ids: str) -> None:
        """Let no other body append to these threads, settle their questions or begin their runs."""
        self._lock("thread", thread_ids)

    async def lock_thread_of(self, run_id: str) -> None:
        """Lock the thread of a run, if there is such a run."""
        self._lock("run", [run_id])

    async def lock_leases(self, *thread_ids: str) -> None:
        """Let the workers that write to these threads, which are locked, journal nothing more until the end."""
        self._lock("lease", thread_ids)

    async def lock_kernel(self, kernel_id: str) -> None:
        """Let no kernel event happen to a kernel that a run is about to rely on."""
        self._lock("kernel", [kernel_id])

    def _lock(self, kind: Kind, names: Sequence[str]) -> None:
        wanted = [name for name in sorted(names) if (kind, name) not in self._held]
        if not wanted:
            return
        if self.strict:
            self._check_order(kind)
        self._held.update((kind, name) for name in wanted)
        self._take_locks(kind, wanted)

    def _check_order(self, kind: Kind) -> None:
        held = {_RANK[held] for held, _ in self._held}
        again = kind in ("owner", "thread", "lease") and _RANK[kind] in held
        known = kind == "run" and _RANK[kind] in held  # its thread is locked, as the database finds out
        if not known and (again or max(held, default=0) > _RANK[kind]):
            raise AssertionError(f"a lock of kind {kind} after {sorted(self._held)}: not in the one order")
        if kind == "lease" and _RANK["thread"] not in held:
            raise AssertionError("the leases of a thread are locked after the thread")

    @abstractmethod
    def _take_locks(self, kind: Kind, names: Sequence[str]) -> None:
        """Wait for locks that this transaction has not."""
