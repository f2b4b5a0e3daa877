"""The notebook's tools for an ACP agent: the same checks, policy, questions and cards as for our own agent.

A call runs beside its turn, so that the agent's other updates continue. Its events come through the process's
inbox, in order. The turn does not pause while a call runs.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.agents.tools import base, client, kernel, specs
from lobu_jupyter.agents.tools.answers import bounded
from lobu_jupyter.agents.tools.gate import (
    Gate,
    approval_of,
    check_not_denied,
    client_interrupt,
    rejection,
    with_edit,
)
from lobu_jupyter.model.client_tools import CLIENT_TOOL
from lobu_jupyter.model.ports import KernelGone

from .client import refused
from .events import OwnCall
from .process import Said
from .requests import WAITS, AcpQuestion

if TYPE_CHECKING:
    from lobu_jupyter.agents.tools.gate import CallQuestion
    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.interrupts import Decision
    from lobu_jupyter.model.ports import KernelPort, Task

    from .client import AcpRequest
    from .events import AcpCall, AcpMapper
    from .sessions import AcpSession

STOP_SECONDS = 5.0

log = logging.getLogger(__name__)


def offered(task: Task) -> dict[str, base.BoundTool]:
    """Return the tools that a run offers to the agent: the kernel's, and those that the person registered there."""
    bound = kernel.kernel_tools(task)
    if task.kernel is not None:
        bound += [kernel.registered(spec) for spec in task.kernel.tools if spec.name not in specs.NAMES]
    offers = {tool.spec.name: tool for tool in bound}
    client.add_client_tools(offers, msgspec.structs.replace(task, state=None))
    return offers


class AcpTools:
    """The calls of one turn."""

    def __init__(self, task: Task, port: KernelPort | None, mapper: AcpMapper, session: AcpSession) -> None:
        self._task, self._mapper, self._session = task, mapper, session
        self._inbox = session.process.inbox
        self._work = base.Work(task, port, self._say, self._journaled)
        self._gate = Gate(self._work)
        self._all = offered(task)
        self._running: set[asyncio.Task[None]] = set()
        self.failure: KernelGone | None = None
        session.door.tools = self._all

    @property
    def busy(self) -> bool:
        """Return True if a call runs, or has events in the inbox."""
        return bool(self._running)

    async def take(self, ask: AcpRequest) -> tuple[list[Event], AcpQuestion | None]:
        """Begin a call, refuse it, or turn it into a question. Return the events of either."""
        tool = self._all.get(ask.params["name"])
        if tool is None:
            ask.refuse(refused(f"There is no tool {ask.params['name']!r}."))
            return [], None
        args: dict[str, Any] = ask.params["args"]
        call = OwnCall(tool.spec.name, args)
        out = self._mapper.begin(call)
        try:
            self._gate.check(tool, args)
            if tool.client:
                check_not_denied(self._task.policy, tool.spec.name)
                asks = client_interrupt(self._task, call.id, tool.spec.name, args, **self._waiting(call))
                return out, AcpQuestion(ask, asks, call)
            asked = await self._gate.admit(tool, args, call.id)
        except base.ToolError as error:
            return [*out, *self._refuse(ask, call, str(error))], None
        if asked is not None:
            return out, self._question(tool, ask, call, asked)
        self._start(tool, ask, call, args)
        return out, None

    async def decided(self, question: AcpQuestion, decision: Decision) -> list[Event]:
        """Continue a call with the person's decision."""
        ask, call = question.ask, question.call
        tool = self._all.get(ask.params["name"])
        if question.interrupt.reason == CLIENT_TOOL:
            told = bounded(client.result_text(decision))
            ask.give(base.Result(told))
            return self._mapper.answer(call, told)
        if decision.kind == "respond":
            given = bounded(str(decision.response))
            ask.give(base.Result(given))
            return self._mapper.answer(call, given)
        if decision.kind == "reject":
            return self._refuse(ask, call, rejection(decision))
        edited = decision.edited_args if decision.kind == "edit" else None
        args = ask.params["args"] if edited is None else edited
        try:
            if tool is None:
                raise base.ToolError(f"{ask.params['name']} is no longer offered; it was not run.")
            self._gate.check(tool, args)
            check_not_denied(self._task.policy, tool.spec.name)
        except base.ToolError as error:
            return self._refuse(ask, call, str(error))
        self._start(tool, ask, call, args, edited=edited is not None, guard=question.guard)
        return []

    def ended(self, call: asyncio.Task[None]) -> None:
        """Remove a call, because all its events have left the inbox."""
        self._running.discard(call)

    async def stop(self) -> None:
        """Interrupt the calls that still run."""
        running = set(self._running)
        for task in running:
            task.cancel()
        if running:
            _, late = await asyncio.wait(running, timeout=STOP_SECONDS)
            for task in late:
                log.warning("%s did not stop in time", task.get_name())

    # -- one call

    def _question(
        self, tool: base.BoundTool, ask: AcpRequest, call: AcpCall, asked: CallQuestion
    ) -> AcpQuestion:
        interrupt = approval_of(self._task, call.id, tool, ask.params["args"], asked)
        interrupt = msgspec.structs.replace(
            interrupt,
            message=f"{interrupt.message} {WAITS}",
            agent_mode=self._session.process.modes.current or None,
            **self._waiting(call),
        )
        return AcpQuestion(ask, interrupt, call, asked.guard)

    def _waiting(self, call: AcpCall) -> dict[str, Any]:
        """Return the members of each question of an agent that waits in memory."""
        return {"in_memory": True, "parent_tool_call_ids": self._mapper.beside(call)}

    def _start(
        self,
        tool: base.BoundTool,
        ask: AcpRequest,
        call: AcpCall,
        args: dict[str, Any],
        *,
        edited: bool = False,
        guard: dict[str, Any] | None = None,
    ) -> None:
        runs = base.Call(call.id, args, guard)
        running = asyncio.create_task(
            self._run(tool, ask, call, runs, edited), name=f"{tool.spec.name} {call.id}"
        )
        self._running.add(running)
        ask.answer.add_done_callback(lambda answer: running.cancel() if answer.cancelled() else None)

    async def _run(
        self, tool: base.BoundTool, ask: AcpRequest, call: AcpCall, runs: base.Call, edited: bool
    ) -> None:
        """Run the call. Its card and the agent get the result, whatever happens."""
        try:
            await self._journaled()  # a call that kills the worker or the kernel is on record first
            result = await tool.run(self._work, runs)
            if edited:
                result = replace(result, text=with_edit(result.text, runs.args))
            result = tool.answer(result)
        except base.Outdated as outdated:
            self._ask_again(tool, ask, call, outdated.preview)
        except base.ToolError as error:
            why = bounded(str(error), tool.rest)
            self._end(call, why, ok=False)
            ask.refuse(refused(why))
        except KernelGone as error:
            self.failure = error
            ask.refuse(refused(str(error)))
        except asyncio.CancelledError:
            ask.refuse(refused("the call was interrupted"))
            raise
        else:
            self._end(call, result.text, ok=result.ok)
            ask.give(result)
        finally:
            task = asyncio.current_task()
            assert task is not None, "it runs in a task"
            self._inbox.put_nowait(Said(last=task))

    def _ask_again(self, tool: base.BoundTool, ask: AcpRequest, call: AcpCall, now: base.Preview) -> None:
        """Close the card of a function that has changed since, and take its request again."""
        self._end(call, "It was not run: the function has changed since it was approved.", ok=False)
        fingerprint = (now.binds or {}).get("fingerprint", "")
        spec = msgspec.structs.replace(tool.spec, fingerprint=fingerprint, by_agent=now.by_agent)
        self._all[spec.name] = kernel.registered(spec)
        self._inbox.put_nowait(ask)

    def _end(self, call: AcpCall, text: str, *, ok: bool | None = None) -> None:
        for event in self._mapper.answer(call, text, ok=ok):
            self._inbox.put_nowait(Said(event))

    def _refuse(self, ask: AcpRequest, call: AcpCall, why: str) -> list[Event]:
        ask.refuse(refused(why))
        return self._mapper.answer(call, why)

    async def _say(self, event: Event) -> None:
        self._inbox.put_nowait(Said(event))

    async def _journaled(self) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._say({"type": "lobu.sync", "done": done})
        await done
