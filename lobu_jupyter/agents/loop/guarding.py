"""The guardrails of one run: each new text of a request is judged before it is sent, each answer before it is shown.

An answer is held back until all of it is judged, because a part of a text can look harmless: the first half of a number
is none yet. What a guardrail changed stays changed in this run's later requests. The journal keeps what tools returned.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextContent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from lobu_jupyter.agents.guardrails import GuardrailRefused, Guardrails, active, refusal
from lobu_jupyter.model.events import custom
from lobu_jupyter.model.guardrails import Direction, Kind, ModelText

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pydantic_ai import RunContext
    from pydantic_ai.messages import AgentStreamEvent, ModelMessage
    from pydantic_ai.models import ModelRequestContext

    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.ports import Task

WITHHELD = "[withheld by this server's guardrail]"
CHANGED = {
    "to_model": "A guardrail of this server changed what was sent to the model.",
    "from_model": "A guardrail of this server changed the model's answer.",
}


def guards(
    task: Task, emit: Callable[[Event], Awaitable[None]], show: Callable[[AgentStreamEvent], Awaitable[None]]
) -> tuple[list[AbstractCapability[None]], list[AbstractCapability[None]]]:
    """Return the guards of a run and of its summaries, which nobody is shown. Both are empty without guardrails."""
    guardrails = active()
    if guardrails is None:
        return [], []
    run = Guarding(guardrails, task, emit, show)
    return [run], [replace(run, show=None, of_earlier=True)]


def is_held_back(event: AgentStreamEvent) -> bool:
    """Return whether an event streams a part of an answer that has yet to be judged."""
    return isinstance(event, PartStartEvent | PartDeltaEvent | PartEndEvent) and active() is not None


@dataclass
class Guarding(AbstractCapability[None]):
    """The guard of one run's requests and answers. ``show`` gets a judged answer as if it were streamed.

    ``of_earlier``: they are about the chat so far, so that what is refused is withheld and ends no run.
    """

    guardrails: Guardrails
    task: Task
    emit: Callable[[Event], Awaitable[None]]
    show: Callable[[AgentStreamEvent], Awaitable[None]] | None
    of_earlier: bool = False
    _judged: dict[str, str] = field(default_factory=dict[str, str], init=False)
    _told: set[str] = field(default_factory=set[str], init=False)
    _begun: bool = field(default=False, init=False)
    _model: str = field(default="", init=False)

    async def prepare_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        self._model = request_context.model.model_name
        parameters = request_context.model_request_parameters
        instructions = [
            replace(part, content=await self._ask(part.content, "to_model", "instructions"))
            for part in parameters.instruction_parts or []
        ]
        if instructions:
            parameters = replace(parameters, instruction_parts=instructions)
        before = 0 if self._begun else len(request_context.messages) - 1
        messages = [
            await self._message(message, "to_model", earlier=self.of_earlier or index < before)
            for index, message in enumerate(request_context.messages)
        ]
        self._begun = True
        return replace(request_context, messages=messages, model_request_parameters=parameters)

    async def after_model_request(
        self, ctx: RunContext[Any], *, request_context: ModelRequestContext, response: ModelResponse
    ) -> ModelResponse:
        judged = await self._message(response, "from_model", earlier=self.of_earlier)
        assert isinstance(judged, ModelResponse), "the same kind comes back"
        for index, part in enumerate(judged.parts if self.show is not None else ()):
            assert self.show is not None, "or there is no part"
            await self.show(PartStartEvent(index=index, part=part))
            await self.show(PartEndEvent(index=index, part=part))
        return judged

    async def _message(
        self, message: ModelMessage, direction: Direction, *, earlier: bool = False
    ) -> ModelMessage:
        parts: list[Any] = [await self._part(part, message, direction, earlier) for part in message.parts]
        if isinstance(message, ModelRequest) and message.instructions:
            judged = await self._ask(message.instructions, direction, "instructions", earlier=earlier)
            return replace(message, parts=parts, instructions=judged)
        return replace(message, parts=parts)

    async def _part(self, part: Any, message: ModelMessage, direction: Direction, earlier: bool) -> Any:
        if isinstance(part, ToolCallPart):
            return await self._call(part, direction, earlier)
        if isinstance(part, UserPromptPart) and not isinstance(part.content, str):
            return replace(part, content=await self._contents(part.content, direction, earlier))
        content = getattr(part, "content", None)
        if not isinstance(content, str):
            return await self._other(part, message, direction, earlier)
        tool = part.tool_name if isinstance(part, ToolReturnPart) else None
        judged = await self._ask(content, direction, _kind(part), tool=tool, earlier=earlier)
        if judged == content:
            return part
        if isinstance(part, ThinkingPart):  # its signature is one of what it was
            return replace(part, content=judged, signature=None)
        return replace(part, content=judged)

    async def _contents(self, contents: Sequence[Any], direction: Direction, earlier: bool) -> list[Any]:
        found: list[Any] = []
        for item in contents:
            if isinstance(item, str):
                found.append(await self._ask(item, direction, "prompt", earlier=earlier))
            elif isinstance(item, TextContent):
                judged = await self._ask(item.content, direction, "prompt", earlier=earlier)
                found.append(replace(item, content=judged))
            else:
                found.append(item)  # an image, which no guardrail sees
        return found

    async def _call(self, part: ToolCallPart, direction: Direction, earlier: bool) -> ToolCallPart:
        """Judge the arguments of a call. What a guardrail makes of them must be arguments."""
        text = part.args_as_json_str()
        judged = await self._ask(text, direction, "tool_args", tool=part.tool_name, earlier=earlier)
        if judged == text:
            return part
        if judged == WITHHELD:
            return replace(part, args={})
        try:
            fits = isinstance(json.loads(judged), dict)
        except ValueError:
            fits = False
        if not fits:
            raise refusal(direction, "tool_args", "it made of a call's arguments what are none")
        return replace(part, args=judged)

    async def _other(self, part: Any, message: ModelMessage, direction: Direction, earlier: bool) -> Any:
        """Judge a part of another form as JSON. It cannot be changed, so that a change refuses it."""
        if isinstance(getattr(part, "content", None), BinaryContent):
            return part
        text = ModelMessagesTypeAdapter.dump_json([replace(message, parts=[part])]).decode()
        judged = await self._ask(text, direction, "other", earlier=earlier)
        if judged == text:
            return part
        if judged == WITHHELD:
            kind = ToolReturnPart if isinstance(part, ToolReturnPart) else None
            return replace(part, content=WITHHELD) if kind else TextPart(WITHHELD)
        raise refusal(direction, "other", "it changed a part that cannot be changed")

    async def _ask(
        self, text: str, direction: Direction, kind: Kind, *, tool: str | None = None, earlier: bool = False
    ) -> str:
        """Return the text as it may go on. Each is judged once in a run, so that a change holds."""
        if not text:
            return text
        key = hashlib.sha256(f"{kind}\0{tool}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()
        if (known := self._judged.get(key)) is not None:
            return known
        task = self.task
        about = ModelText(
            direction=direction,
            kind=kind,
            agent=task.agent,
            thread_id=task.thread_id,
            run_id=task.run_id,
            model=self._model,
            tool=tool,
            earlier=earlier,
        )
        try:
            judged = await self.guardrails.judge(text, about)
        except GuardrailRefused as refused:
            if not earlier:
                raise refusal(direction, kind, str(refused)) from refused
            judged = WITHHELD  # else no later run of the thread could begin
        self._judged[key] = judged
        again = hashlib.sha256(f"{kind}\0{tool}\0{judged}".encode("utf-8", "surrogatepass")).hexdigest()
        self._judged[again] = judged
        if judged != text and direction not in self._told:
            self._told.add(direction)
            await self.emit(custom("lobu.guardrail", {"message": CHANGED[direction]}))
        return judged


def _kind(part: Any) -> Kind:
    if isinstance(part, UserPromptPart):
        return "prompt"
    if isinstance(part, ToolReturnPart):
        return "tool_result"
    if isinstance(part, TextPart):
        return "text"
    return "thinking" if isinstance(part, ThinkingPart) else "other"
