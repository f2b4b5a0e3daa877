"""The gateway's face to workers, and to those who start them and watch over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from lobu_jupyter.gateway.journal.snapshots import Snapshots
from lobu_jupyter.gateway.runs import ingest, lost_pause

from . import inbox as dispatch
from . import ownership, permissions, workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobu_jupyter.model.callers import WorkerCaller
    from lobu_jupyter.model.errors import LobuError
    from lobu_jupyter.model.events import Batch
    from lobu_jupyter.model.notebooks import Request
    from lobu_jupyter.model.ports import InboxItem, ToolSpec

    from .context import Context
    from .permissions import Permit


class ForWorkers:
    """A part of :class:`~lobu_jupyter.gateway.gateway.Gateway`."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._snapshots = Snapshots(ctx.database)

    async def register_worker(
        self,
        kind: str,
        *,
        owner: str | None = None,
        agents: list[dict[str, Any]] | None = None,
        tools: list[ToolSpec] | None = None,
    ) -> dict[str, Any]:
        """A new incarnation: ``{workerId, incarnation, token}``.

        ``owner``: whose runs it gets; None: a child of this server, which ends with it and gets everybody's.
        """
        return await workers.register_worker(
            self._ctx, kind, owner=owner, agents=agents or [], tools=tools or []
        )

    async def worker_of(self, token: str, *, remote: str = "") -> WorkerCaller:
        """Who holds a token.

        Raises:
            NotAllowed: nobody. StaleIncarnation: a worker that is gone.
        """
        return await workers.worker_of(self._ctx, token, remote)

    async def inbox(self, worker: WorkerCaller, after: int = 0, wait: float = 0.0) -> list[InboxItem]:
        """What the worker is told after the item `after`; waits up to `wait` seconds for something."""
        return await dispatch.inbox(self._ctx, self._snapshots, worker, after, wait)

    async def has_run_in(self, worker_id: str, kernel_id: str) -> bool:
        """Whether the worker has a run under way that is bound to the kernel."""
        return await workers.has_run_in(self._ctx, worker_id, kernel_id)

    async def ingest(self, worker: WorkerCaller, batch: Batch) -> dict[str, int]:
        """Journal a batch, whole or not at all: ``{acked, cursor}``. The last one repeated changes nothing.

        Raises:
            InvalidField, TooLarge: an event or the checkpoint; names it.
            Conflict: another batch number comes next. RunEnded, StaleIncarnation: not its run (any more).
        """
        return await ingest.ingest(self._ctx, worker, batch)

    async def ingest_each(
        self, worker: WorkerCaller, batches: Sequence[Batch]
    ) -> list[dict[str, int] | LobuError]:
        """Journal batches of several runs together, each as :meth:`ingest` does: what that answers or raises."""
        return await ingest.ingest_each(self._ctx, worker, batches)

    async def heartbeat(self, worker: WorkerCaller) -> None:
        """The worker is alive, and so are the runs that it has fetched."""
        await workers.heartbeat(self._ctx, worker)

    async def withdraw(self, worker: WorkerCaller, run_id: str, why: str) -> None:
        """A pause that this worker held in memory cannot be answered any more: it ends with ``worker_died``.

        One that was decided or closed meanwhile is left as it is.

        Raises:
            RunNotFound: it is not a run of this worker.
        """
        await workers.withdraw(self._ctx, worker, run_id, why)

    async def notebook_of(
        self, worker: WorkerCaller, run_id: str, action: Literal["read", "write"]
    ) -> tuple[str, str | None]:
        """Whose the thread of a run of this worker is, and its notebook's path.

        Raises:
            RunEnded, StaleIncarnation: it is not its run (any more). RunNotFound: it is none.
            NotAllowed: its owner may not read or write this notebook now.
        """
        return await workers.notebook_of(self._ctx, worker, run_id, action)

    async def permit_at_notebook(
        self, worker: WorkerCaller, run_id: str, call_id: str | None, request: Request
    ) -> Permit:
        """See that the worker may do this at the notebook of its run now; a refusal is in the audit.

        Raises:
            NotAllowed: no such call of the run is allowed or approved.
            Conflict: the call was used for another change, or has its result.
        """
        return await permissions.permit(self._ctx, worker, run_id, call_id, request)

    async def note_at_notebook(
        self, worker: WorkerCaller, run_id: str, call_id: str | None, request: Request
    ) -> None:
        """Write down that a permitted change was made, so that it is not made again."""
        await permissions.note_change(self._ctx, worker, run_id, call_id, request)

    async def works_in(self, worker: WorkerCaller, kernel_id: str) -> None:
        """See that a run of this worker uses this kernel, and its owner may.

        Raises:
            KernelNotFound: none does.
        """
        await ownership.works_in(self._ctx, worker, kernel_id)

    async def announce(self, worker: WorkerCaller, agents: list[dict[str, Any]]) -> None:
        """The worker's agents are these now, with their states."""
        await workers.announce(self._ctx, worker, agents)

    async def held_in_memory(self) -> int:
        """How many pauses need a worker of this server to live on."""
        return await lost_pause.held_in_memory(self._ctx)

    async def worker_gone(self, worker_id: str, why: str = "", exit_code: int | None = None) -> list[str]:
        """A worker's process has ended: its runs end (returned); those it had not fetched go to another."""
        return await workers.worker_gone(self._ctx, worker_id, why, exit_code)

    async def no_worker(self, message: str) -> list[str]:
        """No worker can be started: the runs of this server that wait for one end with `message`."""
        return await workers.no_worker(self._ctx, message)

    async def stop_worker(self, worker_id: str) -> None:
        """Ask a worker to end once it has nothing in flight."""
        await workers.stop_worker(self._ctx, worker_id)
