"""The gate that each tool call passes, of our own agents and of ACP agents alike.

The order is fixed. Arguments that do not fit the schema are refused. A call that the policy denies is refused with the
reason. A call that asks becomes a question. An approved call is checked again, and then runs with exactly the arguments
that were decided. The interrupts of all questions are made here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.model.client_tools import CLIENT_TOOL
from lobu_jupyter.model.events import Event, custom
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.interrupts import (
    APPROVAL,
    APPROVAL_DECISIONS,
    QUESTION,
    QUESTION_DECISIONS,
    Interrupt,
)
from lobu_jupyter.model.json_schema import errors_of
from lobu_jupyter.model.policy import Ruling, Verdict, judge

from .base import Preview, ToolError
from .outputs import size_of
from .risks import risks_of_call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lobu_jupyter.model.interrupts import Decision
    from lobu_jupyter.model.policy import Policy
    from lobu_jupyter.model.ports import Task

    from .base import BoundTool, Outdated, Work

SCHEMA_BYTES = 1000
MAX_ASKED_BYTES = 48 * 1024  # of an event's 68 kB, because schemas and messages need some


class UnfitArguments(ToolError):
    """Arguments that do not fit the tool's schema. The model may correct them."""


class CallQuestion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A question whether a call may run. A checkpoint keeps it as JSON.

    ``args``: the arguments that an approval covers, if not the model's own.
    """

    message: str = ""
    diff: str | None = None
    guard: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    binds: dict[str, Any] | None = None
    no_grant: bool = False
    by_agent: bool = False
    args: dict[str, Any] | None = None


class Gate:
    """The gate of one run up to its pause. The questions of a pause are one event, so their sizes are added up."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._asked_bytes = 0

    def check(self, tool: BoundTool, args: dict[str, Any]) -> None:
        """Check a call that is about to be judged, or that a person approved.

        Raises:
            UnfitArguments: the arguments do not fit the schema.
            ToolError: the run lacks what the tool needs.
        """
        problems = list(_problems(tool.spec.parameters, args))
        if problems:
            raise UnfitArguments(f"The arguments of {tool.spec.name} do not fit: {'; '.join(problems[:5])}.")
        tool.check_ready(self._work)

    async def admit(self, tool: BoundTool, args: dict[str, Any], call_id: str) -> CallQuestion | None:
        """Return the question to ask before a call, None if it may run. The use of a grant is on record first.

        Raises:
            ToolError: the policy denies the call, or it is too large to be shown.
        """
        ruling = ruling_of(self._work.task.policy, tool, args)
        if ruling.grant_id is not None:
            await self._work.emit(granted(call_id, tool.spec.name, ruling))
        if ruling.verdict is Verdict.DENY:
            raise ToolError(refusal(tool.spec.name, ruling))
        if ruling.verdict is Verdict.ALLOW:
            return None
        preview = Preview(f"Allow {tool.spec.name}?")
        if tool.preview is not None:
            preview = self._fitting(await tool.preview(self._work, args), args)
        self._check_size(tool.spec.name, preview.args or args, preview.diff)
        return _question(preview, ruling)

    def ask_again(self, tool: BoundTool, outdated: Outdated) -> CallQuestion:
        """Return the question that replaces an outdated approval.

        Raises:
            ToolError: nobody can be asked, or the call has become too large to be shown.
        """
        if not self._work.task.policy.answerable:
            message = f"{outdated.preview.message} Nobody can be asked again here; nothing was done."
            raise ToolError(message)
        self._check_size(tool.spec.name, outdated.arguments, outdated.preview.diff)
        ruling = judge(self._work.task.policy, tool.spec.name, needs_approval=True)
        return msgspec.structs.replace(_question(outdated.preview, ruling), args=outdated.arguments)

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
            size = size_of(self._asked_bytes)
            raise ToolError(
                f"{name} was not run: {size} are too much to be shown for approval at once. Make it smaller, or do less "
                "at a time."
            )


def ruling_of(policy: Policy, tool: BoundTool, args: dict[str, Any]) -> Ruling:
    """Return the policy's ruling on a call. No mode, rule or grant lets a tool through that always asks."""
    ruling = judge(policy, tool.spec.name, tool.spec.approval, args, tool.binds)
    if not tool.always_asks or ruling.verdict is Verdict.DENY:
        return ruling
    if policy.answerable:
        return Ruling(verdict=Verdict.ASK, why=f"{tool.spec.name} always asks here", no_grant=True)
    return Ruling(verdict=Verdict.DENY, why="it needs approval and nobody can be asked here")


def granted(call_id: str, tool: str, ruling: Ruling) -> Event:
    """Return the event for a call that runs under a grant. It is journaled before the call runs."""
    value = {
        "toolCallId": call_id,
        "grantId": ruling.grant_id,
        "tool": tool,
        "message": f"Ran without asking: {ruling.why}.",
    }
    return custom("lobu.granted", value)


def check_not_denied(policy: Policy, name: str) -> None:
    """Check a call whose question was answered, or is answered outside: only a denial concerns it.

    Raises:
        ToolError: the policy denies the tool.
    """
    ruling = judge(msgspec.structs.replace(policy, answerable=True), name, needs_approval=True)
    if ruling.verdict is Verdict.DENY:
        raise ToolError(refusal(name, ruling))


def refusal(name: str, ruling: Ruling) -> str:
    """Return the result of a call that may not run."""
    return f"{name} was not run: {ruling.why}. Go on without it, or say what you would need."


def rejection(decision: Decision) -> str:
    """Return the result of a call that a person refused."""
    reason = f" The reason: {decision.reason}" if decision.reason else ""
    return f"The person refused this call; it was not run.{reason}"


def with_edit(text: str, args: dict[str, Any]) -> str:
    """Return the result of a call that ran with the person's arguments instead of the model's."""
    ran = msgspec.json.encode(args).decode()
    return f"[The person changed the arguments; it ran with {ran}]\n{text}"


def new_interrupt(
    task: Task, call_id: str, name: str, args: dict[str, Any], *, reason: str = APPROVAL, **members: Any
) -> Interrupt:
    """Return a question of a run about one call. ``members``: the other members of the Interrupt."""
    return Interrupt(
        id=new_id("int"),
        thread_id=task.thread_id,
        run_id=task.run_id,
        reason=reason,
        tool_call_id=call_id,
        tool_name=name,
        args=args,
        **members,
    )


def approval_of(
    task: Task, call_id: str, tool: BoundTool, args: dict[str, Any], asked: CallQuestion
) -> Interrupt:
    """Return the interrupt that asks whether a call may run."""
    name, args = tool.spec.name, asked.args or args
    return new_interrupt(
        task,
        call_id,
        name,
        args,
        message=asked.message or f"Allow {name}?",
        args_schema=tool.spec.parameters,
        decisions=(*APPROVAL_DECISIONS, "respond") if tool.spec.respond else APPROVAL_DECISIONS,
        diff=asked.diff,
        no_grant=asked.no_grant,
        by_agent=tool.spec.by_agent or asked.by_agent,
        binds=asked.binds,
        risks=tuple(risks_of_call(name, args)),
    )


def questions_to_person(
    task: Task, call_id: str, name: str, args: dict[str, Any], questions: list[dict[str, Any]], **members: Any
) -> Interrupt:
    """Return the interrupt that asks the person something. Its decision is the call's result."""
    message = "\n".join(str(question["question"]) for question in questions)
    members = {"message": message, "decisions": QUESTION_DECISIONS, "questions": questions, **members}
    return new_interrupt(task, call_id, name, args, reason=QUESTION, **members)


def client_interrupt(task: Task, call_id: str, name: str, args: dict[str, Any], **members: Any) -> Interrupt:
    """Return the interrupt of a call that the client runs. It takes a result, or none, and never an approval."""
    message = f"The application runs {name} and answers."
    members = {"message": message, "decisions": ("respond", "reject"), "no_grant": True, **members}
    return new_interrupt(task, call_id, name, args, reason=CLIENT_TOOL, **members)


def _question(preview: Preview, ruling: Ruling) -> CallQuestion:
    return CallQuestion(
        message=preview.message,
        diff=preview.diff,
        guard=preview.guard,
        binds=preview.binds,
        no_grant=ruling.no_grant or preview.by_agent,
        by_agent=preview.by_agent,
        args=preview.args,
    )


def _problems(schema: dict[str, Any], args: dict[str, Any]) -> Iterable[str]:
    for error in errors_of(schema, args):
        where = ".".join(map(str, error.absolute_path))
        yield f"{where}: {error.message[:SCHEMA_BYTES]}" if where else error.message[:SCHEMA_BYTES]
