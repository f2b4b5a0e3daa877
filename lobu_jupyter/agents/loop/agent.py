"""The agent loop: pydantic-ai behind :class:`~lobu_jupyter.model.ports.AgentPort`.

One task drives the model and the tools and sends events into a bounded stream, and the generator yields them.
Closing or cancelling the generator cancels that task, and with it the provider's connection and the kernel's call.
A run that waits for a person raises Pause with all it needs to continue. Work from before the pause does not run
again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from pydantic_ai import Agent, RunContext
from pydantic_ai.exceptions import AgentRunError, UserError
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults
from pydantic_ai.usage import RunUsage, UsageLimits

from lobu_jupyter.agents import tracing
from lobu_jupyter.agents.models.failures import explain
from lobu_jupyter.agents.tools import client, specs
from lobu_jupyter.agents.tools.base import BoundTool, Team, Work
from lobu_jupyter.agents.tools.mcp_calls import Together
from lobu_jupyter.agents.tools.sources import add_tools
from lobu_jupyter.model.cut import cut
from lobu_jupyter.model.events import Event, custom
from lobu_jupyter.model.ports import AgentError, AgentPort, KernelPort, Pause, Task

from . import budgeting as budgets
from . import checkpoint as pausing
from . import history, schemas, telling
from .answers import Answers
from .budgeting import Budgeting, OverBudget
from .compaction import Compacted, Compacting
from .cuts import cut_by, cut_of
from .events import EventMapper
from .guarding import guards, is_held_back
from .silence import SILENCE_SECONDS, progressing
from .standing import skills_of, standing_of
from .tasks import calls_of, instructions_of, owed, settings_of
from .toolset import Toolset, tools_of
from .undercount import Undercounting

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectSendStream
    from pydantic_ai.capabilities import AbstractCapability
    from pydantic_ai.conversation import Conversation
    from pydantic_ai.messages import AgentStreamEvent, ModelMessage

    from lobu_jupyter.agents.tools.sources import ToolSource

MAX_REQUESTS = 100
STOP_SECONDS = 5.0
BUFFERED_EVENTS = 64

log = logging.getLogger(__name__)

ModelFactory = Callable[[str | None], Model]


@dataclass
class _Start:
    """The start of a run: a new one with a prompt, or a checkpoint with the decisions."""

    messages: list[ModelMessage]
    prompt: history.Prompt | None
    model: str | None
    standing: str
    compacted: Compacted
    results: DeferredToolResults | None = None
    conversation_id: str | None = None


class PydanticAgent:
    """An agent on a pydantic-ai model. ``model_factory`` may raise AgentError and runs in a thread.

    ``counts``: True if its token counts mean anything, and are reported. ``capabilities``: pydantic-ai's.
    ``peers``: the agents that it may delegate to, besides itself. ``compacts``: True if older turns are summarised
    before its model's context is full. ``tools``: tools of its own, which replace the usual ones of their names.
    ``sources``: the sources of more tools.
    """

    def __init__(
        self,
        name: str,
        description: str,
        model_factory: ModelFactory,
        instructions: str = "",
        *,
        counts: bool = True,
        capabilities: Sequence[AbstractCapability[None]] = (),
        peers: Mapping[str, AgentPort] | None = None,
        compacts: bool = False,
        tools: Sequence[BoundTool] = (),
        sources: Sequence[ToolSource] = (),
    ) -> None:
        self.name = name
        self.description = description
        self._model_factory = model_factory
        self._instructions = instructions
        self._counts = counts
        self._capabilities = capabilities
        self._peers = peers or {}
        self._compacts = compacts
        self._tools = tools
        self._sources = sources

    async def run(self, task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
        send, receive = anyio.create_memory_object_stream[Event](BUFFERED_EVENTS)
        work = Work(task, kernel, send.send, partial(_journaled, send), Team(self, self._peers))
        one = _Run(self._instructions, self._model_factory, self._capabilities, work, send, self._compacts)
        one.tools.update((tool.spec.name, tool) for tool in self._tools)
        one.sources = self._sources
        one.budgeted = task.budgeted and self._counts
        driving = asyncio.create_task(one.drive(), name=f"agent {task.run_id}")
        try:
            async with receive:
                async for event in receive:
                    yield event
            pause = await driving
        except BaseException as error:
            Together(work.held).let_go()
            if not isinstance(error, AgentError):
                raise
            error.usage = self._usage(one)
            raise
        finally:
            await _stop(driving)
        if pause is not None:
            raise Pause(*pause, usage=self._usage(one), held=Together(work.held) if work.held else None)
        if usage := self._usage(one):
            yield {"type": "lobu.usage", "usage": usage}

    def _usage(self, one: _Run) -> list[dict[str, Any]]:
        return (one.token_usage() if self._counts else []) + one.team.usage


async def _journaled(send: MemoryObjectSendStream[Event]) -> None:
    done = asyncio.get_running_loop().create_future()
    await send.send({"type": "lobu.sync", "done": done})
    await done


async def _stop(driving: asyncio.Task[Any]) -> None:
    """Cancel the driving task, which may be in the middle of a call, and wait a limited time for its end."""
    if driving.done():
        return
    driving.cancel()
    _, late = await asyncio.wait({driving}, timeout=STOP_SECONDS)
    if late:
        log.warning("%s did not stop within %s s of its cancellation", driving.get_name(), STOP_SECONDS)


class _Run:
    """One run under way: model, tools and mapper around one stream of events."""

    def __init__(
        self,
        instructions: str,
        model_factory: ModelFactory,
        capabilities: Sequence[AbstractCapability[None]],
        work: Work,
        send: MemoryObjectSendStream[Event],
        compacts: bool,
    ) -> None:
        self._compacts = compacts
        self._base, self._model_factory, self._task = instructions, model_factory, work.task
        self._capabilities = capabilities
        self._send = send
        self._work = work
        self.team = work.team
        self.tools = tools_of(work.task)
        self.sources: Sequence[ToolSource] = ()
        self.budgeted = False
        self._mapper = EventMapper(calls_of(work.task), fresh=work.task.depth > 0)
        self._usage = RunUsage()
        self._answers = Answers()
        self._model: Model | None = None

    async def drive(self) -> tuple[list[Any], str] | None:
        """Run to the end. Return None, or the interrupts and the checkpoint of a pause."""
        async with self._send:
            try:
                return await self._drive()
            except (AgentRunError, UserError) as error:
                await self._send_all(self._mapper.close())
                if (reason := cut_by(error)) is not None:
                    await self._send.send(cut(reason))
                if reason == "pause_turn":
                    return None  # its parts were answers, and were shown
                raise explain(error, self._task.model or self._model_name()) from error

    async def _drive(self) -> tuple[list[Any], str] | None:
        start = await self._begin()
        self.team.model = start.model
        self._model = await asyncio.to_thread(self._model_factory, start.model)
        images = bool(self._model.profile.get("supports_image_input", True))
        if not images:
            start = _blinded(start)
        await add_tools(self.tools, self.sources, self._work)
        await self._add_client_tools()
        await self._leave_out()
        toolset = Toolset(self._work, self.tools, self._mapper.call_id, images=images)
        budget = [Budgeting(self._send.send)] if self.budgeted else []
        agent = Agent[None, str | DeferredToolRequests](
            self._model,
            deps_type=type(None),
            name="lobu",
            output_type=[str, DeferredToolRequests],
            instructions=instructions_of(self._base, self._work, start.standing),
            toolsets=[toolset],
            capabilities=self._around(start, budget),
            retries=3,
        )
        try:
            async with self._model:
                result = await agent.run(
                    start.prompt,
                    message_history=start.messages,
                    deferred_tool_results=start.results,
                    conversation_id=start.conversation_id,
                    model_settings=settings_of(self._task),
                    usage=self._usage,
                    usage_limits=UsageLimits(request_limit=self._task.limits.get("requests", MAX_REQUESTS)),
                    event_stream_handler=self._forward,
                )
        except OverBudget as over:
            return await self._over(over, budget[0], start)
        if not isinstance(result.output, DeferredToolRequests):
            if (reason := cut_of(result.response)) is not None:
                await self._send.send(cut(reason))
            return None
        interrupts = pausing.interrupts_of(self._task, result.output, self.tools, self._mapper.names)
        return interrupts, self._checkpoint(result.conversation, start)

    def _checkpoint(self, conversation: Conversation, start: _Start) -> str:
        names, begun = self._mapper.names, self.team.begun
        return pausing.Checkpoint(
            conversation, start.model, start.standing, names, begun, start.compacted, self._work.plan.id
        ).dump()

    async def _over(self, over: OverBudget, budget: Budgeting, start: _Start) -> tuple[list[Any], str]:
        """Pause at a limit, with the question whether to go on. End the run if nobody can be asked."""
        await self._send_all(self._mapper.close())
        task = self._task
        if over.ask is None or task.depth or not task.policy.answerable:
            raise budgets.refused(over) from over
        interrupt, events = budgets.question(task, over)
        await self._send_all(events)
        conversation = budgets.conversation_of(budget, start.conversation_id)
        return [interrupt], self._checkpoint(conversation, start)

    def _around(self, start: _Start, budget: list[Budgeting]) -> list[AbstractCapability[None]]:
        """Return the capabilities of this run, from the outermost to the one that is next to the model."""
        own = self._telling()
        guard, of_summaries = guards(self._task, self._send.send, self._show)
        helpers = [*own, *of_summaries, *([Budgeting(self._send.send)] if budget else [])]
        compacting = self._compacting(start.compacted, helpers)
        return [*tracing.capabilities(), *own, *compacting, *guard, *budget]

    def _telling(self) -> list[AbstractCapability[None]]:
        """Return the capabilities of this run, with its record. Its border reports changed and refused parts in the transcript."""
        send = self._send.send
        model = self._model_name() or ""
        own = [telling.of_run(each, send, model, self._task.left_out) for each in self._capabilities]
        more = [Undercounting(partial(telling.tell, send))] if self._compacts else []
        return [*own, *more, self._answers]

    async def _add_client_tools(self) -> None:
        """Add the tools that the client answers. Name those whose names are taken."""
        if taken := client.add_client_tools(self.tools, self._task):
            await self._send.send(custom("lobu.tools", {"message": client.left_out(taken)}))

    async def _leave_out(self) -> None:
        """Remove what has no use in this run. Remove and name the tools whose schemas no provider takes, because one would
        fail every request.
        """
        if not (await skills_of(self._task)).found:
            self.tools.pop(specs.LOAD_SKILL.name, None)
        broken = [
            name for name, tool in self.tools.items() if schemas.fit_schema(tool.spec.parameters) is None
        ]
        for name in broken:
            del self.tools[name]
        if broken:
            await self._send.send(custom("lobu.tools", {"message": schemas.left_out(broken)}))

    async def _begin(self) -> _Start:
        task = self._task
        if task.resumption is None:
            standing, told = await standing_of(task)
            await self._send_all(told)
            messages, prompt = history.split(task.messages)
            if prompt is None:
                raise AgentError("internal", "This run has no message of a person to answer.")
            compacted = Compacted(marks=history.marks(task.messages))
            return _Start(messages, prompt, task.model, standing, compacted)
        checkpoint = pausing.load(task.resumption.checkpoint)
        conversation = checkpoint.conversation
        used = [
            c.tool_call_id
            for m in conversation.messages
            if isinstance(m, ModelResponse)
            for c in m.tool_calls
        ]
        self._mapper.go_on(checkpoint.names, used, owed(task.resumption))
        self.team.begun = checkpoint.delegated
        self._work.plan.id = checkpoint.plan
        results = None
        if budgets.asked(task.resumption):
            events, end = budgets.answered(task.resumption)
            await self._send_all(events)
            if end is not None:
                raise end
        else:
            results = pausing.results_of(task.resumption, checkpoint)
        return _Start(
            conversation.messages,
            None,
            checkpoint.model,
            checkpoint.instructions,
            checkpoint.compacted,
            results,
            conversation.conversation_id,
        )

    def _compacting(
        self, state: Compacted, helpers: Sequence[AbstractCapability[None]]
    ) -> list[AbstractCapability[None]]:
        if not self._compacts:
            return []
        return [Compacting(state, self._mapper.call_id, self._send.send, self._usage, helpers)]

    async def _forward(self, ctx: RunContext[None], events: AsyncIterable[AgentStreamEvent]) -> None:
        limit = self._task.limits.get("silenceSeconds", SILENCE_SECONDS)
        async for event in progressing(events, limit, self._model_name() or "model"):
            if not is_held_back(event):
                await self._show(event)
        await self._send_all(self._mapper.settle())

    async def _show(self, event: AgentStreamEvent) -> None:
        await self._send_all(self._mapper.feed(event))

    async def _send_all(self, events: list[Event]) -> None:
        for event in events:
            await self._send.send(event)

    def token_usage(self) -> list[dict[str, Any]]:
        """Return AG-UI's TokenUsage, one entry for the run, none if no model was asked."""
        usage, model = self._usage, self._model
        if not usage.requests and not usage.input_tokens:
            return []
        counts = {
            "inputTokens": usage.input_tokens,
            "outputTokens": usage.output_tokens,
            "totalTokens": usage.input_tokens + usage.output_tokens,
            "cachedInputTokens": usage.cache_read_tokens,
            "cacheWriteInputTokens": usage.cache_write_tokens,
            "reasoningTokens": usage.details.get("reasoning_tokens", 0),
        }
        always = ("inputTokens", "outputTokens", "totalTokens")
        entry: dict[str, Any] = {k: v for k, v in counts.items() if v or k in always}
        if model is not None:
            entry |= {"provider": model.system, "model": self._answers.model or model.model_name}
            price = self._answers.price
            told = {"contextWindow": model.context_window, "cost": None if price is None else float(price)}
            if metadata := {name: value for name, value in told.items() if value is not None}:
                entry["metadata"] = metadata
        return [entry]

    def _model_name(self) -> str | None:
        return None if self._model is None else f"{self._model.system}:{self._model.model_name}"


def _blinded(start: _Start) -> _Start:
    """Return the start for a model that sees no images. Another model may have begun the conversation."""
    prompt = None if start.prompt is None else history.blind(start.prompt)
    return replace(start, messages=history.without_images(start.messages), prompt=prompt)
