"""The kernels of this server: their owners, the code that runs in them, and their ends.

An entry-point extension may replace no kernel manager class, so a kernel is watched from outside: by
the ``kernel_actions`` events, a :class:`~.monitor.KernelMonitor` of its process, a poll of all kernels, and the
restart callbacks as backup. The action's event decides the reason of an end: while a restart or shutdown
is under way, a death of the process waits for it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from jupyter_server.base.call_context import CallContext
from jupyter_server.services.events.handlers import EventHandler

from lobu_jupyter.model.redaction import Redactor
from lobu_jupyter.server.tasks import Tasks

from .attendance import Attendance, Cells
from .monitor import KernelMonitor, KernelProcess
from .remote import RemoteMonitor, is_remote

if TYPE_CHECKING:
    from logging import Logger

    from jupyter_server.auth import User

    from .proof import Boots, Proof

POLL_SECONDS = 1.0  # only finds what neither an event nor the kernel's connection told
RESTART_STEP = 0.25
ACTION_SECONDS = 10.0  # time for a shutdown or restart under way to send its event
RESTART_LOOKS = 12  # polls of a kernel that another restart may still start
OVERTAKEN_SECONDS = 0.3  # a cell's call may arrive before the news that the cell runs
ENDING_SECONDS = 2.0  # or, right after agent code, before its worker reports the end
REMEMBERED = 200
KERNEL_ACTIONS = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"

What = Literal["died", "restarted", "shutdown", "start_failed"]
Watch = KernelMonitor | RemoteMonitor
Hear = Callable[[bool], None]
WatchRemote = Callable[[str, Any, Cells, Callable[[RemoteMonitor], None]], RemoteMonitor]
Tell = Callable[[str, What, str], Coroutine[Any, Any, None]]


class KernelMap(Protocol):
    """The part of Jupyter's MappingKernelManager that is used here."""

    def list_kernel_ids(self) -> list[str]: ...
    def get_kernel(self, kernel_id: str) -> Any: ...
    def __contains__(self, kernel_id: str) -> bool: ...


class Kernels:
    """All kernels of one server. ``tell`` is awaited with (kernel id, what happened, detail)."""

    def __init__(
        self,
        manager: KernelMap,
        *,
        tell: Tell,
        decisions: bool,
        notebook_path: Callable[[str], Coroutine[Any, Any, str | None]],
        kernel_of: Callable[[str], Coroutine[Any, Any, str | None]],
        log: Logger,
    ) -> None:
        self._manager = manager
        self._tell = tell
        self.decisions = decisions
        self.notebook_path = notebook_path
        self._kernel_of = kernel_of
        self._log = log
        self._watches: dict[str, Watch] = {}
        self._cells: dict[str, Cells] = {}
        self._starters: dict[str, User] = {}
        self._given_up: dict[str, tuple[What, str]] = {}
        self._tasks = Tasks(log)
        self._in_order = asyncio.Lock()  # the gateway gets the fates of kernels in order
        self._listeners: dict[str, set[Hear]] = {}
        self.watch_remote: WatchRemote | None = None  # makes the watch of a kernel behind a gateway
        self.boots: Boots | None = None
        self.redactor = Redactor()  # learns the kernels' keys
        self.on_gone: Callable[[str], None] = lambda _kernel_id: None
        self.has_run_in: Callable[[str, str], Coroutine[Any, Any, bool]] = _nobody_works

    # -- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to watch the kernels."""
        self._tasks.start(self._poll(), "watch kernels")

    def serve(self, kernel_id: str, process: KernelProcess) -> None:
        """Watch the kernel that this server is embedded in, which Jupyter does not manage."""
        self._cells[kernel_id] = Cells(embedded=True)
        self._adopt(kernel_id, process)

    async def close(self) -> None:
        await self._tasks.close()
        for watch in self._watches.values():
            watch.close()
        self._watches.clear()

    # -- for other parts ----------------------------------------------------------------------------

    def connection(self, kernel_id: str) -> dict[str, Any] | None:
        """KernelsPort: return the connection info of a kernel that runs or will run again, or None."""
        watch = self._watches.get(kernel_id) or self._find(kernel_id)
        if watch is None:
            if kernel_id in self._given_up:
                self._report(kernel_id, *self._given_up[kernel_id])
            return None
        return watch.info()

    def table(self) -> dict[str, str]:
        """Return the kernels that can be reached, each with its language."""
        names = {*self._manager.list_kernel_ids(), *self._watches}
        return {name: self.language(name) for name in sorted(names) if self.connection(name) is not None}

    def language(self, kernel_id: str) -> str:
        """KernelsPort: return the kernel's language, as its kernel spec or the kernel itself says."""
        watch = self._watches.get(kernel_id)
        return "python" if watch is None else watch.language

    async def kernel_of(self, notebook_path: str) -> str | None:
        """KernelsPort: return the kernel that the notebook has now, or None."""
        return await self._kernel_of(notebook_path)

    async def undefined(self, kernel_id: str, names: list[str]) -> list[str] | None:
        """KernelsPort: return those of the names that the kernel does not define, None if it does not say."""
        watch = self._find(kernel_id)
        if watch is None or not names:
            return None if watch is None else []
        return await watch.undefined(names)

    def signer(self, proof: Proof) -> str | None:
        """Return the kernel whose key signed `proof`: the one it names, or any if that one is unknown."""
        self._find(proof.kernel_id)
        named = self._watches.get(proof.kernel_id)
        watches = [named] if named is not None else list(self._watches.values())
        return next((w.kernel_id for w in watches if proof.signed_with(w.key)), None)

    def starter(self, kernel_id: str) -> User | None:
        """Return the user whose request started the kernel."""
        return self._starters.get(kernel_id)

    def embedded(self, kernel_id: str) -> bool:
        """Return whether this server is embedded in the kernel."""
        return kernel_id in self._cells and self._cells[kernel_id].embedded

    def cells_of(self, kernel_id: str) -> Cells | None:
        """Return the requests and calls in a kernel of this server."""
        if kernel_id not in self._cells and kernel_id in self._manager:
            self._cells[kernel_id] = Cells()
        return self._cells.get(kernel_id)

    async def attendance(self, kernel_id: str, person: str, *, patient: bool) -> Attendance:
        """Return the kernel's rights for `person` now, which need a cell of theirs and no agent code there.

        ``patient``: wait a moment for the messages that show it, because a call can overtake them.
        """
        cells = self.cells_of(kernel_id)
        if cells is None or not self.decisions:
            return Attendance()
        for worker_id in cells.workers():
            if not await self.has_run_in(worker_id, kernel_id):
                cells.worker_gone(worker_id)
        if not patient:
            return cells.attendance(person)
        return await cells.wait(person, OVERTAKEN_SECONDS, ENDING_SECONDS)

    def visited(self, kernel_id: str, person: str) -> bool:
        """Return whether a cell of another person than `person` runs in the kernel."""
        cells = self._cells.get(kernel_id)
        return cells is not None and cells.visited(person)

    def touch(self, kernel_id: str, now: Any) -> None:
        """Mark a run's kernel as active, so that no culler stops it."""
        if kernel_id in self._manager:
            self._manager.get_kernel(kernel_id).last_activity = now

    # -- Jupyter's events -----------------------------------------------------------------------------

    async def on_action(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        """Handle a kernel_actions event: a start, restart or shutdown, or its failure."""
        kernel_id, action, ok = data.get("kernel_id"), data.get("action"), data.get("status") == "success"
        if not kernel_id or made_up():
            return
        if action == "start":
            handler = CallContext.get(CallContext.JUPYTER_HANDLER)
            user = getattr(handler, "current_user", None)
            if user is not None:
                self._starters.setdefault(kernel_id, user)
            if not ok:
                self._failed(kernel_id, str(data.get("msg", "")))
            else:
                self._find(kernel_id)
        elif action == "restart":
            if ok:
                self._restarted(kernel_id)
            else:
                work = self._restart_failed(kernel_id, str(data.get("msg", "")))
                self._tasks.start(work, f"see whether {kernel_id} lives")
        elif action == "shutdown" and ok:
            self._shut_down(kernel_id)

    def _restarted(self, kernel_id: str) -> None:
        watch = self._watches.get(kernel_id)
        if watch is None:
            return
        told = watch.has_told("restarted")
        watch.new_incarnation()
        self._new_incarnation(kernel_id)
        if not told:
            self._report(kernel_id, "restarted", "")

    def _shut_down(self, kernel_id: str) -> None:
        watch = self._watches.pop(kernel_id, None)
        self._starters.pop(kernel_id, None)
        self._cells.pop(kernel_id, None)
        self._new_incarnation(kernel_id)
        if watch is not None:
            self.redactor.forget(_text_of(watch.key))
            watch.close()
            if not watch.has_told("shutdown"):
                self._report(kernel_id, "shutdown", "")

    async def _restart_failed(self, kernel_id: str, why: str) -> None:
        """Report a failed restart unless the kernel lives: of two at once one fails, the other starts it."""
        watch = self._watches.get(kernel_id)
        if watch is not None and await self._comes_up(watch):
            self._log.info("lobu: a restart of kernel %s failed (%s); the kernel goes on", kernel_id, why)
        else:
            self._failed(kernel_id, why)

    async def _comes_up(self, watch: Watch) -> bool:
        """Return whether it lives. Counts polls, not seconds: a stalled event loop stalls both restarts."""
        for _ in range(RESTART_LOOKS):
            await watch.check()
            if not watch.down or self._watches.get(watch.kernel_id) is not watch:
                return True
            await asyncio.sleep(RESTART_STEP)
        return False

    def _failed(self, kernel_id: str, why: str) -> None:
        self._give_up(kernel_id, "start_failed", why)
        watch = self._watches.get(kernel_id)
        if watch is not None:
            watch.told = True
        self._report(kernel_id, "start_failed", why)

    # -- deaths ---------------------------------------------------------------------------------------

    def _on_down(self, watch: Watch) -> None:
        self._new_incarnation(watch.kernel_id)
        if watch.leaving:
            self._tasks.start(self._await_action(watch), f"await the action on {watch.kernel_id}")
        else:
            self._died(watch)

    async def _await_action(self, watch: Watch) -> None:
        """Wait for the event of a shutdown or restart under way. If it never comes, the kernel died."""
        await asyncio.sleep(ACTION_SECONDS)
        if watch.down and not watch.told and self._watches.get(watch.kernel_id) is watch:
            self._died(watch)

    def _died(self, watch: Watch) -> None:
        watch.told = True
        self._report(watch.kernel_id, *self._how(watch))

    def _how(self, watch: Watch) -> tuple[What, str]:
        if watch.ending is not None:
            return cast("tuple[What, str]", watch.ending)
        detail = exit_of(watch.process)
        ran = watch.started or getattr(watch.process, "execution_state", None) in ("idle", "busy")
        return ("died", detail) if ran else ("start_failed", detail)

    def _on_dead(self, kernel_id: str) -> None:
        """Report a kernel that Jupyter gave up restarting."""
        watch = self._watches.pop(kernel_id, None)
        if watch is not None:
            self._give_up(kernel_id, *self._how(watch))
            watch.close()
            self._report(kernel_id, *self._given_up[kernel_id])

    def _give_up(self, kernel_id: str, what: What, detail: str) -> None:
        self._given_up[kernel_id] = (what, detail)
        if len(self._given_up) > REMEMBERED:
            del self._given_up[next(iter(self._given_up))]

    def _new_incarnation(self, kernel_id: str) -> None:
        if self.boots is not None:
            self.boots.forget(kernel_id)
        self.on_gone(kernel_id)

    def _report(self, kernel_id: str, what: What, detail: str) -> None:
        self._log.info("lobu: kernel %s %s %s", kernel_id, what, detail)
        self._tasks.start(self._tell_in_order(kernel_id, what, detail), f"tell that {kernel_id} {what}")

    async def _tell_in_order(self, kernel_id: str, what: What, detail: str) -> None:
        async with self._in_order:
            await self._tell(kernel_id, what, detail)

    # -- the poll -------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        while True:
            for kernel_id in self._manager.list_kernel_ids():
                self._find(kernel_id)
            for watch in list(self._watches.values()):
                await watch.check()
            await asyncio.sleep(POLL_SECONDS)

    def _find(self, kernel_id: str) -> Watch | None:
        """Return the watch of a kernel that Jupyter has, or begin one."""
        if kernel_id in self._watches:
            return self._watches[kernel_id]
        if kernel_id not in self._manager:
            return None
        process = self._manager.get_kernel(kernel_id)
        if self.watch_remote is not None and is_remote(process):
            return self._adopt_remote(kernel_id, process)
        if not process.get_connection_info().get("iopub_port"):
            return None  # still starting
        watch = self._adopt(kernel_id, process)
        process.add_restart_callback(
            watch.lose, "restart"
        )  # called before the restart, and only for a dead kernel
        process.add_restart_callback(lambda: self._on_dead(kernel_id), "dead")
        return watch

    def _adopt(self, kernel_id: str, process: KernelProcess) -> KernelMonitor:
        cells = self._cells.setdefault(kernel_id, Cells())
        watch = KernelMonitor(kernel_id, process, cells, self._on_down, self._tasks, self._log)
        watch.connect()
        self._watches[kernel_id] = watch
        self.redactor.add(_text_of(watch.key))
        return watch

    def _adopt_remote(self, kernel_id: str, process: Any) -> RemoteMonitor:
        assert self.watch_remote is not None, "the caller has looked"
        cells = self._cells.setdefault(kernel_id, Cells())
        watch = self._watches[kernel_id] = self.watch_remote(kernel_id, process, cells, self._on_down)
        watch.connect()
        return watch

    # -- gateways that do not answer --------------------------------------------------------------------

    def on_away(self, kernel_id: str, hear: Hear) -> None:
        """Have `hear` told whether the kernel's gateway answers, from now on and at each change."""
        self._listeners.setdefault(kernel_id, set()).add(hear)
        watch = self._watches.get(kernel_id)
        if isinstance(watch, RemoteMonitor) and watch.away:
            hear(True)

    def off_away(self, kernel_id: str, hear: Hear) -> None:
        """End :meth:`on_away`."""
        self._listeners.get(kernel_id, set()).discard(hear)

    def tell_away(self, kernel_id: str, away: bool) -> None:
        """Pass on whether the kernel's gateway answers."""
        for hear in list(self._listeners.get(kernel_id, ())):
            hear(away)


def made_up() -> bool:
    """Return whether a client posted the current event to ``api/events``, so that nothing happened."""
    return isinstance(CallContext.get(CallContext.JUPYTER_HANDLER), EventHandler)


async def _nobody_works(worker_id: str, kernel_id: str) -> bool:
    return False


def _text_of(key: bytes) -> str:
    return key.decode(errors="replace")


def exit_of(process: Any) -> str:
    """Return how a local kernel process ended, in words, or "" if that is unknown."""
    popen = getattr(getattr(process, "provisioner", None), "process", None)
    code = getattr(popen, "returncode", None)
    if code is None:
        return ""
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"


__all__ = ["KERNEL_ACTIONS", "Kernels", "What", "exit_of"]
