"""The tools of a run as a pydantic-ai toolset: check the arguments, judge by policy, ask, run.

The order is fixed. A call that does not fit its schema goes back to the model. A call that the policy denies gets the
reason as its result. A call that asks ends the run as a deferred call. A call that a person approved runs with
exactly the arguments that were decided.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
from jsonschema import Draft202012Validator
from pydantic_ai import ModelRetry, RunContext
from pydantic_ai.exceptions import AgentRunError, ApprovalRequired, CallDeferred, ToolFailed
from pydantic_ai.messages import BinaryContent, ToolReturn
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool
from pydantic_core import SchemaValidator, core_schema

from lobu_jupyter.agents.granted import granted
from lobu_jupyter.agents.ruling import ruling_of
from lobu_jupyter.agents.tools import (
    client,
    delegate,
    files,
    kernel,
    notebook,
    outputs,
    questions,
    search,
    specs,
)
from lobu_jupyter.agents.tools.answers import bounded
from lobu_jupyter.agents.tools.base import (
    Asks,
    BoundTool,
    Call,
    Outdated,
    Preview,
    Result,
    Suspended,
    ToolError,
    Work,
)
from lobu_jupyter.model.policy import Ruling, Verdict, judge
from lobu_jupyter.model.ports import AgentError, KernelGone, Pause
from lobu_jupyter.model.text import encodable, shorten

from . import border

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
SCHEMA_BYTES = 1000
MAX_ASKED_BYTES = 48 * 1024  # of an event's 68 kB, because schemas and messages need some


def tools_of(task: Task) -> dict[str, BoundTool]:
    """Return the tools of a run by name: the built-in ones, then the person's functions with other names."""
    bound = [*kernel.BOUND, *files.BOUND, *search.BOUND, *notebook.BOUND, *questions.BOUND, *delegate.BOUND]
    if task.kernel is not None:
        bound += [kernel.registered(spec) for spec in task.kernel.tools if spec.name not in specs.NAMES]
    return {tool.spec.name: tool for tool in bound}


class Toolset(AbstractToolset[None]):
    """The tools of one run. ``call_id`` turns a provider's id of a call into the AG-UI one."""

    def __init__(
        self, work: Work, tools: dict[str, BoundTool], call_id: Callable[[str], str], *, images: bool
    ) -> None:
        self._work, self._tools, self._call_id, self._images = work, tools, call_id, images
        self._asked_bytes = 0

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
                    parameters_json_schema=border.fit_schema(tool.spec.parameters) or _NO_PARAMETERS,
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
            why = encodable(shorten(f"{type(error).__name__}: {error}", MAX_FAILURE))
            raise ToolFailed(f"{name} failed. {why}") from error

    async def _call(self, bound: BoundTool, tool_args: dict[str, Any], ctx: RunContext[None]) -> Any:
        name = bound.spec.name
        _check_args(bound, tool_args)
        metadata: dict[str, Any] = ctx.tool_call_metadata or {} if ctx.tool_call_approved else {}
        try:
            bound.check_ready(self._work)
            child: dict[str, Any] | None = metadata.get("child")
            if bound.client:
                client.check_allowed(self._work.task.policy, name)
                raise CallDeferred(metadata={"client": True})
            if not ctx.tool_call_approved:
                await self._admit(bound, tool_args, self._call_id(ctx.tool_call_id or ""))
            elif child is None and "pending" not in metadata:
                self._check_approved(name)
            call = Call(
                self._call_id(ctx.tool_call_id or ""),
                tool_args,
                metadata.get("guard"),
                child,
                metadata.get("pending"),
                metadata.get("answers"),
            )
            await self._work.journaled()  # a call that kills the worker or the kernel is on record first
            result = await bound.run(self._work, call)
        except Suspended as suspended:
            raise ApprovalRequired(metadata={"child": suspended.child}) from suspended
        except Asks as asks:
            self._work.held.append(asks.held)
            raise ApprovalRequired(metadata={"questions": asks.questions, "pending": asks.token}) from asks
        except Outdated as outdated:
            raise ApprovalRequired(metadata=self._again(name, outdated, metadata)) from outdated
        except ToolError as error:
            raise ToolFailed(bounded(str(error), bound.rest)) from error
        return self._returned(bound, result, tool_args if metadata.get("edited") else None)

    async def _admit(self, bound: BoundTool, args: dict[str, Any], call_id: str) -> None:
        """Return if the call may run. Otherwise raise the refusal or the question."""
        name = bound.spec.name
        ruling = ruling_of(self._work.task.policy, bound, args)
        if ruling.grant_id is not None:
            await self._work.emit(granted(call_id, name, ruling))
        if name == specs.ASK_USER.name:
            self._ask(ruling, args)
        if ruling.verdict is Verdict.DENY:
            raise ToolError(refusal(name, ruling))
        if ruling.verdict is Verdict.ASK:
            preview = await bound.preview(self._work, args) if bound.preview else Preview(f"Allow {name}?")
            preview = self._fitting(preview, args)
            self._check_size(name, preview.args or args, preview.diff)
            raise ApprovalRequired(metadata=_question(preview, ruling))

    def _fitting(self, preview: Preview, args: dict[str, Any]) -> Preview:
        """Leave out a diff that only repeats the arguments, if both are too long for one question."""
        size = len(msgspec.json.encode([preview.args or args, preview.diff]))
        if preview.diff_repeats and self._asked_bytes + size > MAX_ASKED_BYTES:
            return replace(preview, diff=None)
        return preview

    def _check_size(self, name: str, args: dict[str, Any], diff: str | None) -> None:
        """Refuse a call that is too large to show. A pause is one event, and nobody can approve a hidden call."""
        self._asked_bytes += len(msgspec.json.encode([args, diff]))
        if self._asked_bytes > MAX_ASKED_BYTES:
            size = outputs.size_of(self._asked_bytes)
            raise ToolError(
                f"{name} was not run: {size} are too much to be shown for approval at once. Make it smaller, or do less "
                "at a time."
            )

    def _again(self, name: str, outdated: Outdated, metadata: dict[str, Any]) -> dict[str, Any]:
        """Return the question that replaces an outdated approval."""
        if not self._work.task.policy.answerable:
            raise ToolFailed(f"{outdated.preview.message} Nobody can be asked again here; nothing was done.")
        try:
            self._check_size(name, outdated.arguments, outdated.preview.diff)
        except ToolError as error:
            raise ToolFailed(str(error)) from error
        ruling = judge(self._work.task.policy, name, needs_approval=True)
        question = _question(outdated.preview, ruling)
        return {**question, "args": outdated.arguments, "edited": bool(metadata.get("edited"))}

    def _ask(self, ruling: Ruling, args: dict[str, Any]) -> None:
        if not self._work.task.policy.answerable:
            raise ToolError(questions.NOBODY)
        if ruling.verdict is Verdict.DENY:
            raise ToolError(refusal(specs.ASK_USER.name, ruling))
        raise CallDeferred(metadata={"questions": questions.questions_of(args)}, kind="question")

    def _check_approved(self, name: str) -> None:
        """Refuse an approved call that the policy now denies. A denial after the question stands."""
        policy = msgspec.structs.replace(self._work.task.policy, answerable=True)
        ruling = judge(policy, name, needs_approval=True)
        if ruling.verdict is Verdict.DENY:
            raise ToolError(refusal(name, ruling))

    def _returned(self, bound: BoundTool, result: Result, edited: dict[str, Any] | None) -> Any:
        if edited is not None:
            ran = msgspec.json.encode(edited).decode()
            text = f"[The person changed the arguments; it ran with {ran}]\n{result.text}"
            result = replace(result, text=text)
        result = bound.answer(result)
        text = result.text
        metadata = None if result.ok is None else {"ok": result.ok}
        if not result.images or not self._images:
            return ToolReturn(text, metadata=metadata)
        media = [BinaryContent(data, media_type=mime) for mime, data in result.images]
        return ToolReturn(text, content=[outputs.FIGURES, *media], metadata=metadata)


def _question(preview: Preview, ruling: Ruling) -> dict[str, Any]:
    """Return the metadata of a waiting call, from which checkpoint.py makes the interrupt."""
    return {
        "message": preview.message,
        "diff": preview.diff,
        "guard": preview.guard,
        "binds": preview.binds,
        "noGrant": ruling.no_grant or preview.by_agent,
        "byAgent": preview.by_agent,
        "args": preview.args,
    }


def refusal(name: str, ruling: Ruling) -> str:
    """Return the result of a call that may not run."""
    return f"{name} was not run: {ruling.why}. Go on without it, or say what you would need."


def _check_args(bound: BoundTool, args: dict[str, Any]) -> None:
    problems = list(_problems(bound.spec.parameters, args))
    if problems:
        raise ModelRetry(f"The arguments of {bound.spec.name} do not fit: {'; '.join(problems[:5])}.")


def _problems(schema: dict[str, Any], args: dict[str, Any]) -> Iterable[str]:
    for error in Draft202012Validator(schema).iter_errors(args):  # pyright: ignore[reportUnknownMemberType]
        where = ".".join(map(str, error.absolute_path))
        yield f"{where}: {error.message[:SCHEMA_BYTES]}" if where else error.message[:SCHEMA_BYTES]
