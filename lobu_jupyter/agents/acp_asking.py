"""What an ACP agent asks for: judged by the policy, put to the person where it asks, and answered.

A permission is about a call of the agent's own; ``agent__kind`` is its name for the policy. Files are
read and written below the server's root only, by the rules of the built-in file tools: reading like
``read_file``, a write as ``agent__write``, with its diff, unless the person approved a call that changes this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acp import RequestError
from acp.schema import (
    AllowedOutcome,
    DeniedOutcome,
    ReadTextFileResponse,
    RequestPermissionResponse,
    WriteTextFileResponse,
)

from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.interrupts import APPROVAL, Interrupt
from lobu_jupyter.model.policy import Verdict, judge

from .acp_mapping import Call
from .tools import base, files

if TYPE_CHECKING:
    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.interrupts import Decision
    from lobu_jupyter.model.policy import Ruling
    from lobu_jupyter.model.ports import Task

    from .acp_mapping import Mapper
    from .acp_process import Ask

WAITS = "The agent waits in memory: this question ends if its process, its worker or the server stops."
_YES, _NO = ("allow_once", "allow_always"), ("reject_once", "reject_always")


@dataclass
class Question:
    """An ask that a person is to decide."""

    ask: Ask
    interrupt: Interrupt
    call: Call
    guard: dict[str, Any] = field(default_factory=dict[str, Any])


class Asking:
    """The asks of one run. ``approved``: the files that the person let the agent change."""

    def __init__(self, agent: str, task: Task, mapper: Mapper, approved: set[str]) -> None:
        self._agent, self._task, self._mapper, self._approved = agent, task, mapper, approved
        self._work = base.Work(task, None, _nowhere, _at_once)

    async def take(self, ask: Ask) -> tuple[list[Event], Question | None]:
        """Answer an ask, or turn it into a question; and the events of either."""
        if ask.what == "permission":
            return self._permission(ask)
        try:
            if ask.what == "read":
                ask.answer.set_result(self._read(ask.params))
                return [], None
            return await self._write(ask)
        except base.ToolError as error:
            ask.answer.set_exception(_refused(str(error)))
            return [], None

    async def decided(self, question: Question, decision: Decision) -> list[Event]:
        """Give the agent what the person decided."""
        yes = decision.kind in ("approve", "edit")
        if question.ask.what == "permission":
            if yes:
                self._approved |= {
                    self._relative(path) for path in question.call.paths() if self._is_inside(path)
                }
            always = decision.grant is not None
            question.ask.answer.set_result(_chosen(question.ask.params["options"], yes, always=always))
            return []
        if not yes:
            why = decision.reason or "The person refused."
            question.ask.answer.set_exception(_refused(why))
            return self._mapper.answer(question.call, f"It was not written. {why}")
        return await self._written(question.ask, question.call, question.guard)

    # -- permissions

    def _permission(self, ask: Ask) -> tuple[list[Event], Question | None]:
        update = ask.params["toolCall"]
        out = self._mapper.call(update)
        call = self._mapper.calls[str(update["toolCallId"])]
        ruling = judge(self._task.policy, call.name, needs_approval=True)
        if ruling.verdict is not Verdict.ASK:
            ask.answer.set_result(_chosen(ask.params["options"], ruling.verdict is Verdict.ALLOW))
            return out, None
        names = ", ".join(str(option["name"]) for option in ask.params["options"])
        message = f"{call.title or call.name}? {self._agent} offers: {names}. {WAITS}"
        return out, Question(ask, self._interrupt(call, message, call.diff(), ruling), call)

    def _interrupt(self, call: Call, message: str, diff: str | None, ruling: Ruling) -> Interrupt:
        beside = tuple(c.id for c in self._mapper.calls.values() if not c.answered and c is not call)
        return Interrupt(
            id=new_id("int"),
            thread_id=self._task.thread_id,
            run_id=self._task.run_id,
            reason=APPROVAL,
            message=message,
            tool_call_id=call.id,
            tool_name=call.name,
            args=call.args(),
            decisions=("approve", "reject"),
            diff=diff,
            no_grant=ruling.no_grant,
            parent_tool_call_ids=beside,  # the agent's other calls that are under way wait with it
        )

    # -- files

    def _read(self, params: dict[str, Any]) -> ReadTextFileResponse:
        ruling = judge(self._task.policy, "read_file", needs_approval=False)
        if ruling.verdict is not Verdict.ALLOW:
            raise base.ToolError(f"Not read: {ruling.why}.")
        path = files.inside(self._root(), self._relative(params["path"]))
        try:
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        except (OSError, UnicodeDecodeError) as error:
            raise base.ToolError(f"{params['path']} cannot be read: {error}") from error
        first = max(1, params.get("line") or 1) - 1
        count = params.get("limit")
        return ReadTextFileResponse(content="".join(lines[first : None if count is None else first + count]))

    async def _write(self, ask: Ask) -> tuple[list[Event], Question | None]:
        path = self._relative(ask.params["path"])
        preview = await files.preview_write(self._work, {"path": path, "content": ask.params["content"]})
        if path in self._approved:
            await self._put(ask, preview.guard)
            return [], None
        call = Call(new_id("call"), f"{self._agent}__write")
        call.take({"title": f"Write {path}", "rawInput": {"path": path}})
        out = self._mapper.begin(call)
        ruling = judge(self._task.policy, call.name, needs_approval=True)
        if ruling.verdict is Verdict.ALLOW:
            return [*out, *await self._written(ask, call, preview.guard)], None
        if ruling.verdict is Verdict.DENY:
            ask.answer.set_exception(_refused(ruling.why))
            return [*out, *self._mapper.answer(call, f"It was not written: {ruling.why}.")], None
        interrupt = self._interrupt(call, f"{preview.message} {WAITS}", preview.diff, ruling)
        return out, Question(ask, interrupt, call, preview.guard)

    async def _written(self, ask: Ask, call: Call, guard: dict[str, Any]) -> list[Event]:
        """Write, and answer agent and card."""
        try:
            told = await self._put(ask, guard)
        except base.ToolError as error:
            ask.answer.set_exception(_refused(str(error)))
            told = str(error)
        return self._mapper.answer(call, told)

    async def _put(self, ask: Ask, guard: dict[str, Any]) -> str:
        args = {"path": self._relative(ask.params["path"]), "content": ask.params["content"]}
        result = await files.write_file(self._work, base.Call("", args, guard))
        ask.answer.set_result(WriteTextFileResponse())
        return result.text

    def _root(self) -> Path:
        if self._task.root is None:
            raise base.ToolError("This server offers no root directory.")
        return Path(self._task.root).resolve()

    def _is_inside(self, path: str) -> bool:
        return self._task.root is not None and Path(path).is_relative_to(self._root())

    def _relative(self, path: str) -> str:
        """A path of ACP, which is absolute, below the root."""
        if not self._is_inside(path):
            raise base.ToolError(f"{path} is not below the server's root directory.")
        return str(Path(path).relative_to(self._root()))


def _chosen(options: list[dict[str, Any]], yes: bool, *, always: bool = False) -> RequestPermissionResponse:
    """The agent's option that says yes or no; where it offers no no, the call is cancelled."""
    kinds = _YES if yes else _NO
    for kind in reversed(kinds) if always else kinds:
        for option in options:
            if option["kind"] == kind:
                return RequestPermissionResponse(
                    outcome=AllowedOutcome(option_id=option["optionId"], outcome="selected")
                )
    return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))


def _refused(why: str) -> RequestError:
    return RequestError(-32603, why)


async def _nowhere(event: Event) -> None:
    """The file tools say nothing by events."""


async def _at_once() -> None:
    """What was said before a write is journaled with its question."""
