"""The gateway: the rules of the system behind one class.

``by`` is the caller (:mod:`lobu_jupyter.model.callers`). Only a thread's owner sees it.
All methods raise :mod:`lobu_jupyter.model.errors`. A repeated batch, decision or start changes nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET, UnsetType

from lobu_jupyter.gateway.journal import follow as following
from lobu_jupyter.gateway.journal.hub import owner_topic
from lobu_jupyter.gateway.runs import cancel as cancelling
from lobu_jupyter.gateway.runs import rebuild as rebuilding
from lobu_jupyter.gateway.runs import resume as resuming
from lobu_jupyter.gateway.runs import start as starting

from . import export as exporting
from . import fork as forking
from . import kernel_events, lists, replaced, servers, sweeper, threads, workers
from . import policy as granting
from .access import owner_of
from .worker_face import ForWorkers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from lobu_jupyter.gateway.journal.chunks import Page
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.client_tools import ClientSide
    from lobu_jupyter.model.fold import State
    from lobu_jupyter.model.interrupts import Interrupt
    from lobu_jupyter.model.policy import Policy, Rules
    from lobu_jupyter.model.ports import ToolSpec
    from lobu_jupyter.model.runs import Run, Started, StartRun, Thread

    from .context import Context
    from .settings import Settings


class Gateway(ForWorkers):
    """A gateway, made by :func:`~lobu_jupyter.gateway.opening.open_gateway` of this package's modules."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    @property
    def settings(self) -> Settings:
        return self._ctx.settings

    @property
    def server_id(self) -> str:
        """Return the name of this server process in the store."""
        return self._ctx.server_id

    # -- threads ---------------------------------------------------------------------------------

    async def create_thread(
        self,
        by: Caller,
        *,
        title: str = "",
        name: str | None = None,
        notebook_path: str | None = None,
        kernel_id: str | None = None,
        temporary: bool = False,
        reuse: bool = False,
        create: bool = True,
    ) -> Thread:
        """Return a new thread, or with ``reuse`` the newest live one of this notebook, kernel or name.

        Raises:
            ThreadNotFound: there is none, and ``create`` is False.
        """
        return await threads.create_thread(
            self._ctx,
            by,
            title=title,
            name=name,
            notebook_path=notebook_path,
            kernel_id=kernel_id,
            temporary=temporary,
            reuse=reuse,
            create=create,
        )

    async def list_threads(
        self,
        by: Caller,
        *,
        search: str | None = None,
        notebook_path: str | None = None,
        name: str | None = None,
        kernel_id: str | None = None,
        archived: bool = False,
        limit: int = 50,
        before: str | None = None,
    ) -> list[Thread]:
        """Return the caller's threads, last touched first. ``before``: the previous page's last updatedAt."""
        return await threads.list_threads(
            self._ctx,
            by,
            search=search,
            notebook_path=notebook_path,
            name=name,
            kernel_id=kernel_id,
            archived=archived,
            limit=limit,
            before=before,
        )

    async def get_thread(self, by: Caller, thread_id: str) -> Thread:
        """Return one thread."""
        return await threads.get_thread(self._ctx, by, thread_id)

    async def patch_thread(
        self,
        by: Caller,
        thread_id: str,
        *,
        title: str | UnsetType = UNSET,
        archived: bool | UnsetType = UNSET,
        kernel_id: str | UnsetType | None = UNSET,
        notebook_path: str | UnsetType | None = UNSET,
    ) -> Thread:
        """Change the given fields. None removes the kernel or notebook."""
        return await threads.patch_thread(
            self._ctx,
            by,
            thread_id,
            title=title,
            archived=archived,
            kernel_id=kernel_id,
            notebook_path=notebook_path,
        )

    async def delete_thread(self, by: Caller, thread_id: str) -> None:
        """Cancel the running, queued and waiting runs, let followers see their end, and remove the thread."""
        await threads.delete_thread(self._ctx, by, thread_id)

    async def restore_thread(self, by: Caller, thread_id: str) -> Thread:
        """Undo a deletion. Runs that it cancelled stay cancelled. It is harmless for a thread that is there.

        Raises:
            ThreadNotFound: its rows are gone, ``purge_seconds`` after the deletion.
        """
        return await threads.restore_thread(self._ctx, by, thread_id)

    async def fork(self, by: Caller, thread_id: str, run_id: str, *, name: str | None = None) -> Thread:
        """Return a new thread with the journal before this run (and before those that it resumes).

        ``name``: by which the fork is found instead of the thread.

        Raises:
            RunNotFound: the thread has no such run.
            Conflict: the run is queued.
        """
        return await forking.fork(self._ctx, by, thread_id, run_id, name)

    async def changes(self, by: Caller) -> AsyncGenerator[bool]:
        """Yield True at once and after each change, and False after ``heartbeat_seconds`` without one.

        A change: a thread of the caller was created, changed or deleted, or its run was queued, began,
        paused or ended, or a grant was taken back or ended with its notebook.
        """
        with self._ctx.hub.listen(owner_topic(owner_of(by))) as bell:
            bell.ring()
            while True:
                rang = await bell.wait(self._ctx.settings.heartbeat_seconds)
                bell.clear()
                yield rang

    async def notebook_moved(self, old_path: str, new_path: str, *, owner: str | None = None) -> None:
        """Move the threads, rules and grants of a notebook, or of a folder, that was renamed.

        What was granted in another file of the new path ends, for `owner` or for everybody.
        """
        await threads.notebook_moved(self._ctx, old_path, new_path, owner)

    async def notebook_gone(self, path: str, what: replaced.What, *, owner: str | None = None) -> None:
        """End the grants and rules of a notebook, or a folder, that was deleted or replaced; of `owner`, or everybody's."""
        await replaced.notebook_gone(self._ctx, path, what, owner)

    # -- runs ------------------------------------------------------------------------------------

    async def start(
        self, by: Caller, thread_id: str, request: StartRun, *, answered: dict[str, str] | None = None
    ) -> Started:
        """Accept a run. The same ``client_request_id`` again returns the same run.

        ``answered``: the results that the client has for open calls of its tools, by call. If only such calls are
        open, they are closed with these, or without a result. None leaves them open.

        Raises:
            InvalidField, TooLarge: the request is invalid. The error names the field.
            ThreadBusy, ThreadWaiting: unless ``if_running`` or ``if_waiting`` says what to do.
            TooManyRuns: this person, or all people together, have too many.
        """
        return await starting.start(self._ctx, by, thread_id, request, answered)

    async def rebuild(
        self,
        by: Caller,
        thread_id: str,
        *,
        kernel_id: str | None = None,
        client_request_id: str | None = None,
    ) -> Started:
        """Start a run that runs the thread's successful code again, in order, after a person's approval.

        Raises:
            Conflict: there is no such code, or more than one question can show.
            LobuError: as :meth:`start`.
        """
        return await rebuilding.rebuild(
            self._ctx, self._snapshots, by, thread_id, kernel_id, client_request_id
        )

    async def cancel(self, by: Caller, run_id: str) -> Run:
        """End a queued, running or waiting run. A run that has ended does not change."""
        return await cancelling.cancel(self._ctx, by, run_id)

    async def get_run(self, by: Caller, run_id: str) -> Run:
        """Return one run."""
        return await lists.get_run(self._ctx, by, run_id)

    async def list_runs(
        self, by: Caller, *, thread_id: str | None = None, status: str | None = None, limit: int = 100
    ) -> list[Run]:
        """Return the caller's runs, newest first."""
        return await lists.list_runs(self._ctx, by, thread_id, status, limit)

    async def running(self) -> list[str | None]:
        """Return the kernel (or None) of each run on this server, over all owners, for its activity."""
        return await lists.running(self._ctx)

    def follow(
        self,
        by: Caller,
        thread_id: str,
        cursor: int | None = None,
        *,
        run_id: str | None = None,
        follow: bool = True,
    ) -> AsyncGenerator[Page]:
        """Yield the journal after `cursor`, in pages of at most 2,000 events and 256 kB, then new events.

        An empty page means that no event came for ``heartbeat_seconds``, or that there is none right after
        attaching.

        Args:
            run_id: end after this run's terminal event. Without a cursor, yield its events only, from its
                RUN_STARTED.
            follow: if False, end at the end of the journal.

        Raises:
            InvalidField: the cursor is negative or ahead of the journal.
            ThreadNotFound: also in mid-stream, after the last event, if the thread is deleted.
        """
        return following.follow(self._ctx, by, thread_id, cursor, run_id=run_id, follow=follow)

    async def snapshot(self, by: Caller, thread_id: str) -> State:
        """Return the thread's folded state and its cursor (:mod:`lobu_jupyter.model.fold`)."""
        return await lists.snapshot(self._ctx, self._snapshots, by, thread_id)

    async def export(
        self, by: Caller, thread_id: str, format: Literal["notebook", "json"] = "notebook"
    ) -> dict[str, Any]:
        """Return a notebook (nbformat 4) of the code that ran, or JSON: the thread, its state, its events."""
        return await exporting.export(self._ctx, self._snapshots, by, thread_id, format)

    # -- decisions and policy --------------------------------------------------------------------

    async def interrupts(self, by: Caller, *, thread_id: str | None = None) -> list[Interrupt]:
        """Return the caller's open questions, over all threads or one."""
        return await lists.interrupts(self._ctx, by, thread_id)

    async def resume(
        self,
        by: Caller,
        thread_id: str,
        entries: list[dict[str, Any]],
        *,
        client: ClientSide | None = None,
    ) -> tuple[Started, bool]:
        """Decide all open interrupts with AG-UI ResumeEntries. Returns False if the same was decided before.

        Raises:
            InvalidField: an entry is missing, not offered, or does not fit. The error names it.
            InterruptNotFound, InterruptClosed: there is no such question (any more).
            AlreadyDecided: somebody decided otherwise. Its detail has the decision, person and time.
            TooManyRuns: the run that continues needs a slot.
        """
        return await resuming.resume(self._ctx, by, thread_id, entries, client)

    async def policy(
        self, by: Caller, *, thread_id: str | None = None, notebook_path: str | None = None
    ) -> Policy:
        """Return the rules and grants that hold for a thread or a notebook, or all grants without either."""
        return await granting.policy(self._ctx, by, thread_id, notebook_path)

    async def put_policy(self, by: Caller, *, notebook_path: str, rules: Rules) -> Policy:
        """Replace a notebook's own rules, which can only tighten the server's."""
        return await granting.put_policy(self._ctx, by, notebook_path, rules)

    async def revoke_grant(self, by: Caller, grant_id: str) -> None:
        """Revoke a grant."""
        await granting.revoke_grant(self._ctx, by, grant_id)

    async def audit(
        self, by: Caller, *, thread_id: str | None = None, limit: int = 100, before: int | None = None
    ) -> list[dict[str, Any]]:
        """Return ``{number, at, by, via, remote, action, threadId, runId, detail}``, newest first."""
        return await granting.audit(self._ctx, by, thread_id, limit, before)

    # -- what can be chosen, health --------------------------------------------------------------

    async def agents(self, by: Caller) -> list[dict[str, Any]]:
        """Return ``{name, description, models?}`` of each agent that workers announced."""
        return (await workers.announced(self._ctx, by, None))[0]

    async def tools(self, by: Caller, kernel_id: str | None = None) -> list[ToolSpec]:
        """Return the agents' tools and those that a kernel offers."""
        return (await workers.announced(self._ctx, by, kernel_id))[1]

    async def kernel_tools(self, by: Caller, kernel_id: str, tools: list[ToolSpec]) -> None:
        """Replace the tools that a kernel's incarnation offers."""
        await kernel_events.kernel_tools(self._ctx, by, kernel_id, tools)

    async def health(self) -> dict[str, Any]:
        """Return ``{store: {path, kind}, workers, runs}``: the live workers and running runs as numbers."""
        return await lists.health(self._ctx)

    # -- kernels and time ------------------------------------------------------------------------

    async def kernel_event(self, kernel_id: str, what: kernel_events.What, detail: str = "") -> list[str]:
        """Handle a kernel's death, restart, shutdown or failed start, and return the runs that it ended."""
        return await kernel_events.kernel_event(self._ctx, kernel_id, what, detail)

    async def sweep(self) -> int:
        """End what nobody ended, and return the number of items. Any number of servers may sweep at once."""
        return await sweeper.sweep(self._ctx)

    async def recover(self) -> list[str]:
        """End and return the runs of servers whose process is gone, and begin the runs queued there."""
        return await servers.recover(self._ctx)

    def run_in_background(self) -> None:
        """Start sweeping and watching for other servers' commits, as the settings say."""
        if self._ctx.settings.sweep_seconds > 0:
            self._tasks.append(asyncio.create_task(sweeper.sweep_on(self._ctx), name="lobu sweeper"))
        if self._ctx.settings.poll_seconds > 0:
            self._tasks.append(asyncio.create_task(sweeper.watch_others(self._ctx), name="lobu watch"))

    async def close(self, *, end_runs: bool = True) -> None:
        """End this server's runs and close the store. ``end_runs=False`` leaves the runs as a crash would."""
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        try:
            if end_runs:
                await servers.discharge(self._ctx, self._ctx.server_id)
        finally:
            await self._ctx.database.close()
