"""The tools of a run as a pydantic-ai toolset, behind the gate (agents/tools/gate.py).

A call that does not fit its schema goes back to the model. A call that the policy denies gets the reason as its
result. A call that asks ends the run as a deferred call.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import anyio
import msgspec
from pydantic_ai import ModelRetry, RunContext
from pydantic_ai.exceptions import AgentRunError, ApprovalRequired, CallDeferred, ToolFailed
from pydantic_ai.messages import BinaryContent, ToolReturn
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool
from pydantic_core import SchemaValidator, core_schema

from lobu_jupyter.agents.tools import (
    delegate,
    files,
    kernel,
    notebook,
    outputs,
    plan,
    questions,
    search,
    skills,
    specs,
)
from lobu_jupyter.agents.tools.answers import bounded
from lobu_jupyter.agents.tools.base import (
    Asks,
    BoundTool,
    Call,
    Outdated,
    Result,
    Suspended,
    ToolError,
    Work,
)
from lobu_jupyter.agents.tools.gate import Gate, UnfitArguments, check_not_denied, with_edit
from lobu_jupyter.model.ports import AgentError, KernelGone, Pause
from lobu_jupyter.model.text import encodable, said_of, shorten

from . import schemas

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobu_jupyter.model.ports import Task

_ARGS = SchemaValidator(core_schema.dict_schema(keys_schema=core_schema.str_schema()))
MAX_RETRIES = 3
MAX_FAILURE = 1000
_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}
_NOT_A_CALLS_OWN = (
    ModelRetry,
    ApprovalRequired,
    CallDeferred,
    ToolFailed,
    AgentRunError,
    AgentError,
    KernelGone,
    Pause,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
)
log = logging.getLogger(__name__)


def tools_of(task: Task) -> dict[str, BoundTool]:
    """Return the tools of a run by name: the built-in ones, then the person's functions with other names."""
    bound = [
        *kernel.kernel_tools(task),
        *files.BOUND,
        *search.BOUND,
        *notebook.BOUND,
        *questions.BOUND,
        *delegate.BOUND,
        *skills.BOUND,
        *(plan.BOUND if task.depth == 0 else ()),
    ]
    if task.kernel is not None:
        bound += [kernel.registered(spec) for spec in task.kernel.tools if spec.name not in specs.NAMES]
    return {tool.spec.name: tool for tool in bound}


class Toolset(AbstractToolset[None]):
    """The tools of one run. ``call_id`` turns a provider's id of a call into the AG-UI one."""

    def __init__(
        self, work: Work, tools: dict[str, BoundTool], call_id: Callable[[str], str], *, images: bool
    ) -> None:
        self._work, self._tools, self._call_id, self._images = work, tools, call_id, images
        self._gate = Gate(work)

    @property
    def id(self) -> str | None:
        return "lobu"

    async def get_tools(self, ctx: RunContext[None]) -> dict[str, ToolsetTool[None]]:
        return {
            name: ToolsetTool(
                toolset=self,
                tool_def=ToolDefinition(
                    name=name,
                    description=tool.spec.description,
                    parameters_json_schema=schemas.fit_schema(tool.spec.parameters) or _NO_PARAMETERS,
                    strict=False,
                    sequential=True,  # one kernel, one folder: calls of a batch run in the model's order
                ),
                max_retries=MAX_RETRIES,
                args_validator=_ARGS,
            )
            for name, tool in self._tools.items()
        }

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[None], tool: ToolsetTool[None]
    ) -> Any:
        """Run a call. An error in it is its result, except the kinds that concern the run (_NOT_A_CALLS_OWN)."""
        try:
            return await self._call(self._tools[name], encodable(tool_args), ctx)
        except _NOT_A_CALLS_OWN:
            raise
        except Exception as error:
            log.warning("lobu: a call of %s failed", name, exc_info=True)
            why = encodable(shorten(said_of(error), MAX_FAILURE))
            raise ToolFailed(f"{name} failed. {why}") from error

    async def _call(self, bound: BoundTool, tool_args: dict[str, Any], ctx: RunContext[None]) -> Any:
        name, call_id = bound.spec.name, self._call_id(ctx.tool_call_id or "")
        metadata: dict[str, Any] = ctx.tool_call_metadata or {} if ctx.tool_call_approved else {}
        child: dict[str, Any] | None = metadata.get("child")
        try:
            self._gate.check(bound, tool_args)
            if bound.client:
                check_not_denied(self._work.task.policy, name)
                raise CallDeferred(metadata={"client": True})
            if not ctx.tool_call_approved:
                await self._admit(bound, tool_args, call_id)
            elif child is None and "pending" not in metadata:
                check_not_denied(self._work.task.policy, name)
            call = Call(
                call_id,
                tool_args,
                metadata.get("guard"),
                child,
                metadata.get("pending"),
                metadata.get("answers"),
            )
            await self._work.journaled()  # a call that kills the worker or the kernel is on record first
            result = await bound.run(self._work, call)
        except UnfitArguments as error:
            raise ModelRetry(str(error)) from error
        except Suspended as suspended:
            raise ApprovalRequired(metadata={"child": suspended.child}) from suspended
        except Asks as asks:
            self._work.held.append(asks.held)
            raise ApprovalRequired(metadata={"questions": asks.questions, "pending": asks.token}) from asks
        except Outdated as outdated:
            raise ApprovalRequired(metadata=self._again(bound, outdated, metadata)) from outdated
        except ToolError as error:
            raise ToolFailed(bounded(str(error), bound.rest)) from error
        return self._returned(bound, result, tool_args if metadata.get("edited") else None)

    async def _admit(self, bound: BoundTool, args: dict[str, Any], call_id: str) -> None:
        """Return if the call may run. Otherwise raise the refusal or the question."""
        if bound.spec.name == specs.ASK_USER.name:
            self._ask(args)
        asked = await self._gate.admit(bound, args, call_id)
        if asked is not None:
            raise ApprovalRequired(metadata=msgspec.to_builtins(asked))

    def _ask(self, args: dict[str, Any]) -> NoReturn:
        """Raise the questions of ``ask_user``, or the reason why they cannot be asked."""
        if not self._work.task.policy.answerable:
            raise ToolError(questions.NOBODY)
        check_not_denied(self._work.task.policy, specs.ASK_USER.name)
        raise CallDeferred(metadata={"questions": questions.questions_of(args)}, kind="question")

    def _again(self, bound: BoundTool, outdated: Outdated, metadata: dict[str, Any]) -> dict[str, Any]:
        """Return the metadata of the question that replaces an outdated approval."""
        try:
            asked = self._gate.ask_again(bound, outdated)
        except ToolError as error:
            raise ToolFailed(str(error)) from error
        return {**msgspec.to_builtins(asked), "edited": bool(metadata.get("edited"))}

    def _returned(self, bound: BoundTool, result: Result, edited: dict[str, Any] | None) -> Any:
        if edited is not None:
            result = replace(result, text=with_edit(result.text, edited))
        result = bound.answer(result)
        text = result.text
        metadata = None if result.ok is None else {"ok": result.ok}
        if not result.images or not self._images:
            return ToolReturn(text, metadata=metadata)
        media = [BinaryContent(data, media_type=mime) for mime, data in result.images]
        return ToolReturn(text, content=[outputs.FIGURES, *media], metadata=metadata)
