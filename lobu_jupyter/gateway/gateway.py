"""The gateway: the rules of the system behind one face.

``by`` is who calls (:mod:`lobu_jupyter.model.callers`); whose thread it is, only that person sees it.
All methods raise :mod:`lobu_jupyter.model.errors`; whatever may be repeated, may be repeated.
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
from . import kernel_events, lists, servers, sweeper, threads, workers
from . import policy as granting
from .access import owner_of
from .worker_face import ForWorkers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from lobu_jupyter.gateway.journal.chunks import Page
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.fold import State
    from lobu_jupyter.model.interrupts import Interrupt
    from lobu_jupyter.model.policy import Policy, Rules
    from lobu_jupyter.model.ports import ToolSpec
    from lobu_jupyter.model.runs import Run, Started, StartRun, Thread

    from .context import Context
    from .settings import Settings


class Gateway(ForWorkers):
    """Made by :func:`~lobu_jupyter.gateway.opening.open_gateway`; its parts are in the modules of this package."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    @property
    def settings(self) -> Settings:
        return self._ctx.settings

    @property
    def server_id(self) -> str:
        """The name of this server process in the store."""
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
        """A new thread; with ``reuse`` the newest live one of this notebook, kernel or name, if any.

        Raises:
            ThreadNotFound: there is none, and none is to be created.
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
        """The caller's threads, last touched first. ``before``: the updatedAt that ended the page before."""
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
        """One thread."""
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
        """Change what is given; None takes a kernel or notebook away."""
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
        """Cancel what runs or waits, let followers see that end, and remove the thread."""
        await threads.delete_thread(self._ctx, by, thread_id)

    async def restore_thread(self, by: Caller, thread_id: str) -> Thread:
        """Take a deletion back; what it cancelled stays cancelled. Harmless for a thread that is there.

        Raises:
            ThreadNotFound: its rows are gone, ``purge_seconds`` after the deletion.
        """
        return await threads.restore_thread(self._ctx, by, thread_id)

    async def fork(self, by: Caller, thread_id: str, run_id: str) -> Thread:
        """A new thread with all that was before this run (and before those that it resumes).

        Raises:
            RunNotFound: the thread has no such run. Conflict: it is queued.
        """
        return await forking.fork(self._ctx, by, thread_id, run_id)

    async def changes(self, by: Caller) -> AsyncGenerator[bool]:
        """True at once, and when one of the caller's threads was made, changed or deleted, or a run of it was
        queued, began, paused or ended: look again. False: nothing did for ``heartbeat_seconds``."""
        with self._ctx.hub.listen(owner_topic(owner_of(by))) as bell:
            bell.ring()
            while True:
                rang = await bell.wait(self._ctx.settings.heartbeat_seconds)
                bell.clear()
                yield rang

    async def notebook_moved(self, old_path: str, new_path: str) -> None:
        """A notebook, or a folder, was renamed: threads, rules and grants follow."""
        await threads.notebook_moved(self._ctx, old_path, new_path)

    # -- runs ------------------------------------------------------------------------------------

    async def start(self, by: Caller, thread_id: str, request: StartRun) -> Started:
        """Accept a run; the same ``client_request_id`` again gives the same answer.

        Raises:
            InvalidField, TooLarge: the request; names the field.
            ThreadBusy, ThreadWaiting: unless ``if_running`` or ``if_waiting`` says what to do.
            TooManyRuns: of this person or of all.
        """
        return await starting.start(self._ctx, by, thread_id, request)

    async def rebuild(
        self,
        by: Caller,
        thread_id: str,
        *,
        kernel_id: str | None = None,
        client_request_id: str | None = None,
    ) -> Started:
        """Start a run that, once a person has approved, runs the thread's successful code again, in order.

        Raises:
            Conflict: there is no such code, or more than one question can show; or as :meth:`start`.
        """
        return await rebuilding.rebuild(
            self._ctx, self._snapshots, by, thread_id, kernel_id, client_request_id
        )

    async def cancel(self, by: Caller, run_id: str) -> Run:
        """End a queued, running or waiting run; of one that has ended, nothing changes."""
        return await cancelling.cancel(self._ctx, by, run_id)

    async def get_run(self, by: Caller, run_id: str) -> Run:
        """One run."""
        return await lists.get_run(self._ctx, by, run_id)

    async def list_runs(
        self, by: Caller, *, thread_id: str | None = None, status: str | None = None, limit: int = 100
    ) -> list[Run]:
        """The caller's runs, the newest first."""
        return await lists.list_runs(self._ctx, by, thread_id, status, limit)

    async def running(self) -> list[str | None]:
        """The kernel (or None) of each run of this server's workers, over all owners; for its own use (activity)."""
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
        """The journal after `cursor`, in pages of at most 2,000 events and 256 kB, then what comes.

        An empty list says that nothing came for ``heartbeat_seconds``, or that nothing is new right
        after attaching. ``run_id``: end after that run's terminal event; with no cursor, give its
        events only, from its RUN_STARTED. ``follow=False``: end at the end of the journal.

        Raises:
            InvalidField: the cursor is negative or ahead of the journal.
            ThreadNotFound: also in mid-stream, after the last event, when the thread is deleted.
        """
        return following.follow(self._ctx, by, thread_id, cursor, run_id=run_id, follow=follow)

    async def snapshot(self, by: Caller, thread_id: str) -> State:
        """The thread's folded state and its cursor (:mod:`lobu_jupyter.model.fold`)."""
        return await lists.snapshot(self._ctx, self._snapshots, by, thread_id)

    async def export(
        self, by: Caller, thread_id: str, format: Literal["notebook", "json"] = "notebook"
    ) -> dict[str, Any]:
        """The thread as a notebook (nbformat 4) of the code that ran, or as JSON: thread, state, events."""
        return await exporting.export(self._ctx, self._snapshots, by, thread_id, format)

    # -- decisions and policy --------------------------------------------------------------------

    async def interrupts(self, by: Caller, *, thread_id: str | None = None) -> list[Interrupt]:
        """What waits on the caller, over all threads or one."""
        return await lists.interrupts(self._ctx, by, thread_id)

    async def resume(self, by: Caller, thread_id: str, entries: list[dict[str, Any]]) -> tuple[Started, bool]:
        """Decide all open interrupts with AG-UI ResumeEntries; False: the same was decided before.

        Raises:
            InvalidField: an entry is missing, not offered, or does not fit; names it.
            InterruptNotFound, InterruptClosed: there is no such question (any more).
            AlreadyDecided: otherwise, by somebody; its detail says what, who and when.
            TooManyRuns: the run that goes on needs a slot.
        """
        return await resuming.resume(self._ctx, by, thread_id, entries)

    async def policy(
        self, by: Caller, *, thread_id: str | None = None, notebook_path: str | None = None
    ) -> Policy:
        """Rules and grants that hold for a thread or a notebook; with neither, all grants."""
        return await granting.policy(self._ctx, by, thread_id, notebook_path)

    async def put_policy(self, by: Caller, *, notebook_path: str, rules: Rules) -> Policy:
        """Replace a notebook's own rules, which can only tighten the server's."""
        return await granting.put_policy(self._ctx, by, notebook_path, rules)

    async def revoke_grant(self, by: Caller, grant_id: str) -> None:
        """Take a grant back."""
        await granting.revoke_grant(self._ctx, by, grant_id)

    async def audit(
        self, by: Caller, *, thread_id: str | None = None, limit: int = 100, before: int | None = None
    ) -> list[dict[str, Any]]:
        """``{number, at, by, via, remote, action, threadId, runId, detail}``, newest first."""
        return await granting.audit(self._ctx, by, thread_id, limit, before)

    # -- what can be chosen, health --------------------------------------------------------------

    async def agents(self, by: Caller) -> list[dict[str, Any]]:
        """``{name, description, models?}`` of each agent that workers announced."""
        return (await workers.announced(self._ctx, by, None))[0]

    async def tools(self, by: Caller, kernel_id: str | None = None) -> list[ToolSpec]:
        """The agents' tools and those that a kernel offers."""
        return (await workers.announced(self._ctx, by, kernel_id))[1]

    async def kernel_tools(self, by: Caller, kernel_id: str, tools: list[ToolSpec]) -> None:
        """Replace what a kernel's incarnation offers."""
        await kernel_events.kernel_tools(self._ctx, by, kernel_id, tools)

    async def health(self) -> dict[str, Any]:
        """``{store: {path, kind}, workers, runs}``: numbers of live workers and running runs."""
        return await lists.health(self._ctx)

    # -- kernels and time ------------------------------------------------------------------------

    async def kernel_event(self, kernel_id: str, what: kernel_events.What, detail: str = "") -> list[str]:
        """A kernel died, restarted, was shut down or could not start; returns the runs that it ended."""
        return await kernel_events.kernel_event(self._ctx, kernel_id, what, detail)

    async def sweep(self) -> int:
        """End what nobody ended; returns how much that was. Any number of servers may sweep at once."""
        return await sweeper.sweep(self._ctx)

    async def recover(self) -> list[str]:
        """End the runs of servers whose process is gone (returned), and begin what they left queued."""
        return await servers.recover(self._ctx)

    def run_in_background(self) -> None:
        """Start sweeping and watching for other servers' commits, as the settings say."""
        if self._ctx.settings.sweep_seconds > 0:
            self._tasks.append(asyncio.create_task(sweeper.sweep_on(self._ctx), name="lobu sweeper"))
        if self._ctx.settings.poll_seconds > 0:
            self._tasks.append(asyncio.create_task(sweeper.watch_others(self._ctx), name="lobu watch"))

    async def close(self, *, end_runs: bool = True) -> None:
        """End what this server owns and close the store. ``end_runs=False``: as a crash would."""
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
