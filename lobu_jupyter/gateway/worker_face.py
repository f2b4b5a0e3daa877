"""The gateway's methods for workers and their supervisors."""

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
    """The part of :class:`~lobu_jupyter.gateway.gateway.Gateway` that serves workers."""

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
        """Register a worker and return its new incarnation: ``{workerId, incarnation, token}``.

        Args:
            owner: the person whose runs it gets. None means a child of this server, which ends with it and
                gets everybody's runs.
        """
        return await workers.register_worker(
            self._ctx, kind, owner=owner, agents=agents or [], tools=tools or []
        )

    async def worker_of(self, token: str, *, remote: str = "") -> WorkerCaller:
        """Return the worker that holds a token.

        Raises:
            NotAllowed: no worker holds it.
            StaleIncarnation: the worker is gone.
        """
        return await workers.worker_of(self._ctx, token, remote)

    async def inbox(self, worker: WorkerCaller, after: int = 0, wait: float = 0.0) -> list[InboxItem]:
        """Return the worker's inbox after the item `after`. Waits up to `wait` seconds for an item."""
        return await dispatch.inbox(self._ctx, self._snapshots, worker, after, wait)

    async def has_run_in(self, worker_id: str, kernel_id: str) -> bool:
        """Return whether the worker has a run under way that is bound to the kernel."""
        return await workers.has_run_in(self._ctx, worker_id, kernel_id)

    async def ingest(self, worker: WorkerCaller, batch: Batch) -> dict[str, int]:
        """Journal a batch, whole or not at all: ``{acked, cursor}``. Repeating the last one changes nothing.

        Raises:
            InvalidField, TooLarge: an event or the checkpoint is invalid. The error names it.
            Conflict: another batch number comes next.
            RunEnded, StaleIncarnation: the run is not this worker's (any more).
        """
        return await ingest.ingest(self._ctx, worker, batch)

    async def ingest_each(
        self, worker: WorkerCaller, batches: Sequence[Batch]
    ) -> list[dict[str, int] | LobuError]:
        """Journal batches of several runs together. Returns :meth:`ingest`'s result or error for each."""
        return await ingest.ingest_each(self._ctx, worker, batches)

    async def heartbeat(self, worker: WorkerCaller) -> None:
        """Record that the worker is alive, and so are the runs that it has fetched."""
        await workers.heartbeat(self._ctx, worker)

    async def withdraw(self, worker: WorkerCaller, run_id: str, why: str) -> None:
        """End a pause that this worker can no longer hold in memory, with ``worker_died``.

        A pause that was decided or closed meanwhile is left as it is.

        Raises:
            RunNotFound: it is not a run of this worker.
        """
        await workers.withdraw(self._ctx, worker, run_id, why)

    async def notebook_of(
        self, worker: WorkerCaller, run_id: str, action: Literal["read", "write"]
    ) -> tuple[str, str | None]:
        """Return the owner of a run's thread, and the path of its notebook.

        Raises:
            RunEnded, StaleIncarnation: the run is not this worker's (any more).
            RunNotFound: there is no such run.
            NotAllowed: the owner may not read or write this notebook now.
        """
        return await workers.notebook_of(self._ctx, worker, run_id, action)

    async def permit_at_notebook(
        self, worker: WorkerCaller, run_id: str, call_id: str | None, request: Request
    ) -> Permit:
        """Check that the worker may do this at the notebook of its run now. A refusal is in the audit.

        Raises:
            NotAllowed: no such call of the run is allowed or approved.
            Conflict: the call was used for another change, or has its result.
        """
        return await permissions.permit(self._ctx, worker, run_id, call_id, request)

    async def note_at_notebook(
        self, worker: WorkerCaller, run_id: str, call_id: str | None, request: Request
    ) -> None:
        """Record that a permitted change was made, so that it is not made again."""
        await permissions.note_change(self._ctx, worker, run_id, call_id, request)

    async def works_in(self, worker: WorkerCaller, kernel_id: str) -> None:
        """Check that a run of this worker uses this kernel, and that its owner may use it.

        Raises:
            KernelNotFound: no such run does.
        """
        await ownership.works_in(self._ctx, worker, kernel_id)

    async def announce(self, worker: WorkerCaller, agents: list[dict[str, Any]]) -> None:
        """Replace the worker's agents, with their states."""
        await workers.announce(self._ctx, worker, agents)

    async def held_in_memory(self) -> int:
        """Return the number of pauses that are lost if this server's workers end."""
        return await lost_pause.held_in_memory(self._ctx)

    async def worker_gone(self, worker_id: str, why: str = "", exit_code: int | None = None) -> list[str]:
        """End and return the runs of a worker whose process ended. Another worker gets the unfetched ones."""
        return await workers.worker_gone(self._ctx, worker_id, why, exit_code)

    async def no_worker(self, message: str) -> list[str]:
        """End this server's runs that wait for a worker, with `message`, because none can be started."""
        return await workers.no_worker(self._ctx, message)

    async def stop_worker(self, worker_id: str) -> None:
        """Ask a worker to end once it has nothing in flight."""
        await workers.stop_worker(self._ctx, worker_id)
