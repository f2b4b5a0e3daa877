"""Budgets of a run: the gateway is asked before each request to a model, and told afterwards what it has used.

If a person's own limit is reached, the run pauses before the request, with a card that asks to go on. The checkpoint
ends with the request that was not made, so that the run continues with it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
from pydantic_ai import exceptions as ex
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.conversation import Conversation

from lobu_jupyter.agents.models.prices import price_for, price_of
from lobu_jupyter.agents.tools.gate import new_interrupt
from lobu_jupyter.model.budget import BUDGET, BUDGET_CALL, Reserve, Used, micros_of
from lobu_jupyter.model.events import Event, custom, tool_result
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.ports import AgentError, Resumption, Task
from lobu_jupyter.model.runs import ErrorCode

from .measuring import BYTES_PER_TOKEN, tokens_around, tokens_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic_ai import RunContext
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import ModelRequestContext

    from lobu_jupyter.model.interrupts import Interrupt

OUTPUT = 16_384  # tokens that an answer is taken to have at most, where no setting limits it
WAIT_SECONDS = 0.5  # between questions while requests of other runs are under way
STEPS = 20  # the gauge moves in twentieths
STOPPED = "You stopped this run at your limit. What it had is kept."


class OverBudget(Exception):
    """A request that was not made. ``ask``: the arguments of the question, None if the run must end."""

    def __init__(self, message: str, ask: dict[str, Any] | None) -> None:
        super().__init__(message)
        self.message = message
        self.ask = ask


@dataclass
class Budgeting(AbstractCapability[None]):
    """The questions and reports of one run. It stands last, so that it sees what is sent, and each error first."""

    emit: Callable[[Event], Awaitable[None]]
    messages: list[ModelMessage] = field(default_factory=list["ModelMessage"])  # with the request at hand
    _open: int | None = field(default=None, init=False)
    _likely: Reserve | None = field(default=None, init=False)
    _told: int = field(default=-1, init=False)

    async def before_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        self.messages = list(ctx.messages)
        return request_context

    async def prepare_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        most = _most(request_context)
        while True:
            verdict = await self._call({"reserve": msgspec.to_builtins(most)})
            if verdict["verdict"] != "wait":
                break
            await asyncio.sleep(WAIT_SECONDS)
        if verdict["verdict"] != "go":
            raise OverBudget(verdict.get("message") or "", verdict.get("ask"))
        self._open, self._likely = verdict["number"], most
        await self._show(float(verdict.get("full") or 0.0))
        return request_context

    async def after_model_request(
        self, ctx: RunContext[Any], *, request_context: ModelRequestContext, response: ModelResponse
    ) -> ModelResponse:
        price = price_of(response)
        usage = response.usage
        micros = None if price is None else micros_of(float(price))
        await self._settle(usage.input_tokens + usage.output_tokens, micros)
        return response

    async def on_model_request_error(
        self, ctx: RunContext[Any], *, request_context: ModelRequestContext, error: Exception
    ) -> NoReturn:
        likely = self._likely
        if isinstance(error, ex.ModelHTTPError) or likely is None:  # refused, and so not billed
            await self._settle(0, 0)
        else:
            await self._settle(likely.likely_tokens, likely.likely_micros)
        raise error

    async def _settle(self, tokens: int, micros: int | None) -> None:
        if self._open is None:
            return
        number, self._open = self._open, None
        await self._call({"used": msgspec.to_builtins(Used(number=number, tokens=tokens, micros=micros))})

    async def _call(self, request: dict[str, Any]) -> dict[str, Any]:
        done = asyncio.get_running_loop().create_future()
        await self.emit({"type": "lobu.spend", "request": request, "done": done})
        return await done

    async def _show(self, full: float) -> None:
        """Tell readers that the gauges have moved, a few times in a run rather than with each request."""
        step = int(full * STEPS)
        if step != self._told:
            self._told = step
            await self.emit(custom("lobu.budget", {"full": round(full, 4)}))


def _most(context: ModelRequestContext) -> Reserve:
    """Return the most that a request may use: a token for each byte that is sent, and the longest answer."""
    likely = tokens_of(context.messages) + tokens_around(context.model_request_parameters)
    settings = context.model_settings or {}
    output = int(settings.get("max_tokens") or OUTPUT)
    model = context.model
    most = price_for(model, likely * BYTES_PER_TOKEN, output)
    least = price_for(model, likely, 0)
    return Reserve(
        tokens=likely * BYTES_PER_TOKEN + output,
        likely_tokens=likely,
        micros=None if most is None else micros_of(float(most)),
        likely_micros=None if least is None else micros_of(float(least)),
    )


def refused(over: OverBudget) -> AgentError:
    """Return the end of a run at a limit that nobody can raise now."""
    return AgentError(ErrorCode.BUDGET_EXCEEDED, f"{over.message} What the run had is kept.")


def question(task: Task, over: OverBudget) -> tuple[Interrupt, list[Event]]:
    """Return the question whether a run may go on, and the events of its card."""
    call, args = new_id("call"), over.ask or {}
    interrupt = new_interrupt(
        task, call, BUDGET_CALL, args,
        reason=BUDGET, message=over.message, decisions=("approve", "reject"), no_grant=True,
    )  # fmt: skip
    start = {"type": "TOOL_CALL_START", "toolCallId": call, "toolCallName": BUDGET_CALL}
    delta = msgspec.json.encode(args).decode()
    return interrupt, [
        start,
        {"type": "TOOL_CALL_ARGS", "toolCallId": call, "delta": delta},
        {"type": "TOOL_CALL_END", "toolCallId": call},
    ]


def conversation_of(budgeting: Budgeting, conversation_id: str | None) -> Conversation:
    """Return what a run that paused before a request goes on with."""
    if conversation_id is None:
        return Conversation(messages=budgeting.messages)
    return Conversation(messages=budgeting.messages, conversation_id=conversation_id)


def asked(resumption: Resumption) -> bool:
    """Return whether a run paused at a limit."""
    return any(interrupt.reason == BUDGET for interrupt in resumption.interrupts)


def answered(resumption: Resumption) -> tuple[list[Event], AgentError | None]:
    """Return the result of the question's card, and the end of the run if the person said no."""
    (interrupt,), (decision,) = resumption.interrupts, resumption.decisions
    on = decision.kind == "approve"
    text = "Approved: the run goes on." if on else STOPPED
    result = tool_result(str(interrupt.tool_call_id), text, new_id("msg"))
    return [result], None if on else AgentError(ErrorCode.BUDGET_EXCEEDED, STOPPED)
