"""The agent host, which takes tasks from the inbox, runs them side by side, and ends each exactly once.

A run ends with one terminal event, whatever its agent does. A run that the gateway has ended (cancel,
a dead kernel, a newer incarnation) stops here quietly, because its end is in the journal already.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from lobu_jupyter.agents import tracing
from lobu_jupyter.agents.models.keys import redactor_of
from lobu_jupyter.agents.registry import announced_agents, announced_tools, registry
from lobu_jupyter.client.errors import ServerGone
from lobu_jupyter.model import events as ev
from lobu_jupyter.model.errors import Conflict, InvalidField, LobuError, RunNotFound, TooLarge
from lobu_jupyter.model.interrupts import event_of_interrupt
from lobu_jupyter.model.ports import AgentError, AgentPort, Held, InboxItem, KernelGone, Pause, Task
from lobu_jupyter.model.runs import ErrorCode
from lobu_jupyter.worker.kernel.connections import KernelConnections
from lobu_jupyter.worker.kernel.executor import DEFAULT_OUTPUT_BYTES

from .batcher import Batcher
from .traced_kernel import traced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lobu_jupyter.model.applied import FileChange

    from .gateway_link import Link

HEARTBEAT_SECONDS = 5.0
KERNEL_GRACE_SECONDS = 15.0  # the server sees a death too, and knows its cause within 10 s
KIND = "agent-host"

log = logging.getLogger(__name__)


class Host:
    """A runner of tasks for the gateway behind `link`. agents/registry.py describes ``settings``."""

    def __init__(
        self, link: Link, settings: dict[str, Any], agents: Mapping[str, AgentPort] | None = None
    ) -> None:
        self._link = link
        self._settings = settings
        self._agents = registry(settings) if agents is None else agents
        self._kernels = KernelConnections(link)
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._tasks: dict[str, Task] = {}
        self._requests: dict[str, int] = {}  # to models, by run
        self._held: dict[str, Held] = {}  # pauses held in an agent's process, by their run
        self._announced: list[dict[str, Any]] = []
        self._telling: asyncio.Task[None] | None = None  # under way after a change of the settings

    async def serve(self) -> None:
        """Register, then run tasks until the inbox says stop.

        Raises:
            ServerGone: the server stays away.
            LobuError: the server does not know this worker (any more).
        """
        self._announced = announced_agents(self._settings, self._agents)
        await self._link.register(KIND, self._announced, announced_tools())
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self._heartbeats()), group.create_task(self._warm())]
            await self._read_inbox(group)
            await asyncio.gather(*self._runs.values(), return_exceptions=True)
            for held in list(self._held.values()):
                held.let_go()
            for task in beside:
                task.cancel()

    def reconfigure(self, settings: dict[str, Any]) -> None:
        """Use other settings from the next run on, and announce the agents if they change."""
        self._settings.update(settings)  # the agents hold this dict
        redactor_of(self._settings).add(*settings.get("secrets") or ())
        if self._announced:
            self._telling = asyncio.create_task(self._tell_states(), name="tell states")

    async def _read_inbox(self, group: asyncio.TaskGroup) -> None:
        after = 0
        while True:
            for item in await self._link.inbox(after):
                after = max(after, item.seq)
                if item.kind == "stop":
                    return
                self._handle(item, group)

    def _handle(self, item: InboxItem, group: asyncio.TaskGroup) -> None:
        if item.kind == "start" and item.task is not None:
            task = item.task
            if task.run_id not in self._runs:
                self._tasks[task.run_id] = task
                running = self._runs[task.run_id] = group.create_task(
                    self._run(task, group), name=task.run_id
                )
                running.add_done_callback(lambda _: self._forget(task.run_id))
        elif item.kind == "cancel" and item.run_id is not None:
            self._cancel(item.run_id, item.reason)
        else:
            log.warning("an inbox item of kind %r is not understood", item.kind)

    def _cancel(self, run_id: str, reason: str) -> None:
        if run_id in self._held:
            self._held[run_id].let_go()
        task, running = self._tasks.get(run_id), self._runs.get(run_id)
        if task is None or running is None:
            return
        if reason.startswith("kernel_") and task.kernel is not None:
            self._kernels.lose(task.kernel, f"The gateway ended the run: {reason}.")
        running.cancel()

    def _forget(self, run_id: str) -> None:
        self._runs.pop(run_id, None)
        self._tasks.pop(run_id, None)
        self._requests.pop(run_id, None)

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            if self._runs:
                await self._beat()

    async def _beat(self) -> None:
        """Send a heartbeat. A failure is only logged: a refused batch shows if this worker is unwanted."""
        try:
            await self._link.heartbeat()
        except ServerGone:
            raise
        except LobuError as error:
            log.warning("a sign of life was not taken: %s", error)

    async def _warm(self) -> None:
        """Import the agents' dependencies, so that the first run need not wait for them."""
        for name, agent in self._agents.items():
            load = getattr(agent, "load", None)
            if load is None or not getattr(agent, "warm", True):
                continue
            try:
                await asyncio.to_thread(load)
            except Exception as error:  # noqa: BLE001  a package may raise anything. Its run reports it
                log.info("the agent %r is not warm: %s", name, error)
        gc.collect()
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
        if trim is not None:
            trim(0)  # glibc: loading has left some MB that are free
        gc.freeze()  # a full collection of the loaded modules would stall every stream

    # -- one run

    async def _run(self, task: Task, host: asyncio.TaskGroup) -> None:
        batcher = Batcher(task.run_id, self._link.incarnation, self._link.events)
        journaled = False
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._post(batcher, task))
                group.create_task(self._drive(task, batcher))
            journaled = True
        except* _Over:
            pass
        except* ServerGone as gone:
            raise gone.exceptions[0] from None
        finally:
            held = self._held.get(task.run_id)
            if held is not None and journaled:
                host.create_task(self._watch(task.run_id, held), name=f"held {task.run_id}")
            elif held is not None:
                self._held.pop(task.run_id).let_go()
        await self._tell_states()

    async def _watch(self, run_id: str, held: Held) -> None:
        """Wait for the end of a pause held in an agent's process, and withdraw it if the process exits."""
        gone = None
        try:
            gone = await held.ended()
            if gone is not None:
                await self._link.withdraw(run_id, gone)
        except ServerGone:
            raise
        except LobuError as error:
            log.warning("run %s: its pause is over (%s), which was not taken: %s", run_id, gone, error)
        finally:
            self._held.pop(run_id, None)

    async def _tell_states(self) -> None:
        """Announce the agents again if a run changed the state of one, such as one that needs a login."""
        agents = announced_agents(self._settings, self._agents)
        if agents == self._announced:
            return
        self._announced = agents
        try:
            await self._link.announce(agents)
        except ServerGone:
            raise
        except LobuError as error:
            log.warning("the agents' states were not taken: %s", error)

    async def _post(self, batcher: Batcher, task: Task) -> None:
        """Pump the run's events. End the run if the gateway refuses one of them."""
        try:
            await batcher.pump()
        except (InvalidField, TooLarge) as error:
            log.error("run %s: the gateway refused a batch: %s", task.run_id, error)
            batcher.replace_all(
                _error(ErrorCode.INTERNAL, f"The agent sent an event that is not valid: {error}")
            )
            await self._last_try(batcher)
            raise _Over from error
        except (Conflict, RunNotFound) as error:
            log.info("run %s is no longer ours: %s", task.run_id, error)
            raise _Over from error

    async def _last_try(self, batcher: Batcher) -> None:
        try:
            await batcher.pump()
        except ServerGone:
            raise
        except LobuError as error:
            log.error("the end of a run was refused too: %s", error)

    async def _drive(self, task: Task, batcher: Batcher) -> None:
        with tracing.of_run(task) as span:
            end, checkpoint = await self._work(task, batcher)
            tracing.ended(span, end)
        await batcher.finish(end, checkpoint)

    async def _work(self, task: Task, batcher: Batcher) -> tuple[ev.Event, str | None]:
        """Run the agent. Return the run's end, and the checkpoint of a pause."""
        try:
            usage = await self._iterate(task, batcher)
            end = self._finished(task, {"type": "success"}, usage)
            checkpoint = None
        except Pause as pause:
            wires = [event_of_interrupt(interrupt) for interrupt in pause.interrupts]
            end = self._finished(task, {"type": "interrupt", "interrupts": wires}, pause.usage)
            checkpoint = pause.checkpoint
            if pause.held is not None:
                self._held[task.run_id] = pause.held
        except AgentError as error:
            end, checkpoint = _error(error.code, error.message, error.usage), None
        except KernelGone as gone:
            await asyncio.sleep(KERNEL_GRACE_SECONDS)
            message = f"{gone} Its variables are gone; ask again to go on with a new kernel."
            end, checkpoint = _error(ErrorCode.KERNEL_DIED, message), None
        except Exception as error:  # the run must end, whatever an agent raises. The log has the rest
            log.exception("run %s: the agent %r failed", task.run_id, task.agent)
            text = f"The agent {task.agent!r} failed ({type(error).__name__}: {error}). The server's log says more."
            end, checkpoint = _error(ErrorCode.INTERNAL, text), None
        return end, checkpoint

    async def _iterate(self, task: Task, batcher: Batcher) -> list[dict[str, Any]]:
        """Send the agent's events. Return its token usage."""
        agent = self._agents.get(task.agent)
        if agent is None:
            known = ", ".join(sorted(self._agents))
            raise AgentError(
                ErrorCode.INTERNAL, f"There is no agent {task.agent!r} here; choose from {known}."
            )
        if task.kernel is not None and task.kernel.connection is not None:
            redactor_of(self._settings).add(str(task.kernel.connection.get("key", "")))
        usage: list[dict[str, Any]] = []
        limit = task.limits.get("outputBytes", DEFAULT_OUTPUT_BYTES)
        async with (
            self._kernels.executor(task.kernel, task.run_id, limit) as kernel,
            aclosing(cast("Any", agent.run(task, traced(kernel, task)))) as said,
        ):
            async for event in said:
                if event["type"] == "lobu.usage":
                    usage = event["usage"]
                elif event["type"] == "lobu.sync":
                    await batcher.flush()
                    event["done"].set_result(None)
                elif event["type"] == "lobu.spend":
                    _answer(event["done"], await self._at_budget(task, event["request"]))
                elif event["type"] == "lobu.notebook":
                    _answer(event["done"], await self._at_notebook(task, event["request"]))
                elif event["type"] == "lobu.change":
                    _answer(event["done"], await self._record(task, event["change"]))
                else:
                    await batcher.send(event)
        return usage

    async def _at_budget(self, task: Task, request: dict[str, Any]) -> dict[str, Any]:
        """Ask or tell the gateway about a request to a model. The answer has the number of the request."""
        number = 0
        if "reserve" in request:
            number = self._requests[task.run_id] = self._requests.get(task.run_id, 0) + 1
        answer = await self._link.spend({"runId": task.run_id, "number": number, **request})
        return {**answer, "number": number}

    async def _record(self, task: Task, change: FileChange) -> str:
        """Have a file's change journaled. Return why it must not be made, empty if it may."""
        try:
            await self._link.change(task.run_id, change)
        except ServerGone:
            raise
        except LobuError as error:
            return str(error)
        return ""

    async def _at_notebook(self, task: Task, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._link.notebook(task.run_id, task.notebook_path or "", request)
        except ServerGone:
            raise
        except LobuError as error:
            return {"refused": str(error)}

    def _finished(self, task: Task, outcome: dict[str, Any], usage: list[dict[str, Any]]) -> ev.Event:
        more = {"usage": usage} if usage else {}
        return ev.run_finished(task.thread_id, task.run_id, outcome, **more)


def _answer(asked: asyncio.Future[Any], answer: Any) -> None:
    if not asked.done():  # its tool may have been cancelled meanwhile
        asked.set_result(answer)


class _Over(Exception):
    """The run is over for this worker. Nothing more may be sent."""


def _error(code: str, message: str, usage: list[dict[str, Any]] | None = None) -> ev.Event:
    return ev.run_error(str(code), message, **({"usage": usage} if usage else {}))
