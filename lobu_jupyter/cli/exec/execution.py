"""The execution of `lobu exec`: a command's output becomes a run with one true end and its exit code.

The run is a worker's like any other: numbered batches, each acknowledged before the next, and sent again
after a failure or a restart of the server. The queue is bounded: the command is held back while the server
is slow, and a server that stays away fails the run.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lobu_jupyter.client.errors import ServerGone
from lobu_jupyter.model import events as ev
from lobu_jupyter.model.environment import passed_on
from lobu_jupyter.model.errors import Conflict, InvalidField, LobuError, RunNotFound, TooLarge
from lobu_jupyter.model.runs import ErrorCode
from lobu_jupyter.model.slice import Slice
from lobu_jupyter.worker.batcher import Batcher

from .adapters import AgentFailure, adapter_of
from .child import LINE_BYTES, CommandProcess, LineTooLong

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lobu_jupyter.model.events import Event
    from lobu_jupyter.worker.gateway_link import Link

    from .adapters import Adapter

MAX_EVENTS = 50
PATIENCE = 60.0
"""Seconds for which the server may be away."""
HEARTBEAT_SECONDS = 5.0
FAILED = 1
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class CommandOutcome:
    """The end of an execution: the exit code, and the message of a failure."""

    code: int
    message: str = ""


class _NothingMore(Exception):
    """The end of a run after which nothing more can be sent."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.outcome = CommandOutcome(code, message)


@dataclass(frozen=True)
class Execution:
    """A command and its run.

    ``link`` is the worker registered for it. ``variables`` are those of our
    environment that it gets beside the usual. ``show`` gets each event, as it is kept.
    """

    link: Link
    thread_id: str
    run_id: str
    command: Sequence[str]
    format: str = "auto"
    variables: Sequence[str] = ()
    show: Callable[[Event], object] | None = None

    async def run(self) -> CommandOutcome:
        """Run the command to its end. Afterwards the command is gone, whatever happens."""
        batcher = Batcher(self.run_id, self.link.incarnation, self.link.events, max_events=MAX_EVENTS)
        performance = _Performance(self, batcher)
        try:
            await self._fetch()
            async with asyncio.TaskGroup() as group:
                posting = group.create_task(_post(batcher), name="post")
                beside = [
                    group.create_task(self._listen(), name="inbox"),
                    group.create_task(self._beat(), name="heartbeat"),
                ]
                outcome = await performance.run()
                await posting
                for task in beside:
                    task.cancel()
        except* _NothingMore as over:
            outcome = next(error.outcome for error in over.exceptions if isinstance(error, _NothingMore))
        finally:
            await self._leave()
        return outcome

    async def _fetch(self) -> None:
        """Read the run from the inbox.

        Raises:
            LobuError: it has ended.
        """
        if not any(item.kind == "start" and item.run_id == self.run_id for item in await self.link.inbox(0)):
            raise LobuError("The run was not given to this command; was it cancelled?")

    async def _listen(self) -> None:
        """Poll the inbox, and raise _Over if the server cancels or ends the run."""
        after = 0
        while True:
            try:
                items = await self.link.inbox(after)
            except LobuError as error:
                raise _NothingMore(f"The server took the run away: {error}") from error
            for item in items:
                after = max(after, item.seq)
                if item.kind == "cancel" and item.run_id == self.run_id:
                    raise _NothingMore(f"The run was ended by the server: {item.reason or 'cancelled'}.")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                await self.link.heartbeat()
            except LobuError as error:
                raise _NothingMore(f"The server took the run away: {error}") from error

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self.link.leave()
        except (LobuError, TimeoutError):
            return  # the server notices our absence by itself


async def _post(batcher: Batcher) -> None:
    """Post until the end. An event that the server refuses ends the run with an error."""
    try:
        await batcher.pump()
    except (InvalidField, TooLarge) as error:
        message = f"The command printed an event that the server refused: {error}"
        batcher.replace_all(ev.run_error(ErrorCode.INTERNAL, message))
        try:
            await batcher.pump()
        except LobuError as again:
            message += f" (and its end: {again})"
        raise _NothingMore(message) from error
    except (Conflict, RunNotFound) as error:
        raise _NothingMore(f"The server took the run away: {error}") from error
    except ServerGone as error:
        raise _NothingMore(f"What the command said could not be kept: {error}") from error


class _Performance:
    """One run of the command, from its start to the run's last event."""

    def __init__(self, execution: Execution, batcher: Batcher) -> None:
        self._execution, self._batcher = execution, batcher
        self._slice = Slice()
        self._adapter: Adapter | None = None
        self._interrupted: signal.Signals | None = None

    async def run(self) -> CommandOutcome:
        name = os.path.basename(self._execution.command[0])
        of = self._execution
        ids = {"LOBU_THREAD_ID": of.thread_id, "LOBU_RUN_ID": of.run_id}
        try:
            child = await CommandProcess.start(of.command, {**passed_on(os.environ, of.variables), **ids})
        except OSError as error:
            return await self._finish(None, f"{name} cannot be started: {error.strerror or error}")
        loop = asyncio.get_running_loop()
        for which in _SIGNALS:
            loop.add_signal_handler(which, self._interrupt, which, child)
        try:
            return await self._follow(child, name)
        finally:
            for which in _SIGNALS:
                loop.remove_signal_handler(which)
            await child.close()

    def _interrupt(self, which: signal.Signals, child: CommandProcess) -> None:
        self._interrupted = self._interrupted or which
        child.stop()

    async def _follow(self, child: CommandProcess, name: str) -> CommandOutcome:
        failure: AgentFailure | None = None
        try:
            async for line in child.lines():
                await self._take(line)
            if self._adapter is not None:
                await self._send(self._adapter.close())
        except InvalidField as error:
            failure = AgentFailure(f"{name} printed an event that is not valid: {error}", ErrorCode.INTERNAL)
        except LineTooLong:
            why = f"{name} printed a line of more than {LINE_BYTES >> 20} MB, which cannot be kept."
            failure = AgentFailure(why, ErrorCode.INTERNAL)
        if failure is not None:
            child.stop()
        code = await child.end()
        said = self._adapter.error if self._adapter is not None else None
        failure = failure or said or _failure_of(name, code, child.errors)
        if self._interrupted is not None:
            return await self._finish(self._interrupted, f"Interrupted by {self._interrupted.name}.")
        return await self._finish(None, failure.message, failure.code) if failure else await self._succeed()

    async def _take(self, line: str) -> None:
        if self._adapter is None:
            self._adapter = adapter_of(self._execution.format, line)
        await self._send(self._adapter.feed(line))

    async def _send(self, events: list[Event]) -> None:
        for event in events:
            known, body = ev.parse(ev.encode(event), str(event.get("type")))
            for kept in self._slice.feed(known, body, str(event.get("type"))):
                known_event = ev.decode(kept)
                if self._execution.show is not None:
                    self._execution.show(known_event)
                await self._batcher.send(known_event)

    async def _succeed(self) -> CommandOutcome:
        await self._end("The command ended without a result of this call.", {"type": "success"})
        return CommandOutcome(0)

    async def _finish(
        self, interrupted: signal.Signals | None, why: str, code: str = ErrorCode.WORKER_DIED
    ) -> CommandOutcome:
        if interrupted is not None:
            await self._end(why, {"type": "cancelled"})
            return CommandOutcome(128 + interrupted, why)
        await self._end(why, None, code)
        return CommandOutcome(FAILED, why)

    async def _end(self, why: str, outcome: Event | None, code: str = "") -> None:
        """Close open messages and calls, and send the run's end: an outcome or an error."""
        for event in self._slice.close(why):
            await self._batcher.send(event)
        usage = self._adapter.usage if self._adapter is not None else []
        more = {"usage": usage} if usage else {}
        of = self._execution
        if outcome is None:
            await self._batcher.finish(ev.run_error(code, why, **more))
        else:
            await self._batcher.finish(ev.run_finished(of.thread_id, of.run_id, outcome, **more))


def _failure_of(name: str, code: int, errors: str) -> AgentFailure | None:
    """Return the failure of an exit code with the tail of standard error, or None for code 0."""
    if code == 0:
        return None
    how = f"ended with exit code {code}" if code > 0 else f"was ended by {_name_of(-code)}"
    return AgentFailure(f"{name} {how}." + (f"\n{errors}" if errors else ""), ErrorCode.WORKER_DIED)


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
