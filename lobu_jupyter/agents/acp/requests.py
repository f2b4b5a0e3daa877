"""The requests of an ACP agent: judged by the policy, put to the person if it says ask, and answered.

A permission is about a call of the agent's own. Its name for the policy is ``agent__kind``. Files are read and
written below the server's root only, by the rules of the built-in file tools: a read counts as ``read_file``, a
write as ``agent__write``, with its diff, unless the person approved a call that changes this file. A terminal is
``agent__execute``, unless they approved a call with this command, in its directory and environment. An elicitation
is ``ask_user``.
"""

from __future__ import annotations

import asyncio
import os
import shlex
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from acp import RequestError
from acp.schema import CreateTerminalResponse, ReadTextFileResponse, WriteTextFileResponse

from lobu_jupyter.agents.tools import base, files
from lobu_jupyter.agents.tools.disk import Disk
from lobu_jupyter.agents.tools.forms import Unfit, questions_of
from lobu_jupyter.agents.tools.gate import MAX_ASKED_BYTES, granted, new_interrupt
from lobu_jupyter.agents.tools.questions import NOBODY, answer_text
from lobu_jupyter.agents.tools.texts import NotText, TextFile, lines_of
from lobu_jupyter.model.interrupts import QUESTION, QUESTION_DECISIONS
from lobu_jupyter.model.policy import Verdict, ask_for_plan, judge

from . import commands, forms, options
from .client import refused
from .events import AcpCall, OwnCall
from .mcp_server import NAME

if TYPE_CHECKING:
    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.interrupts import Decision, Interrupt
    from lobu_jupyter.model.policy import Ruling
    from lobu_jupyter.model.ports import Task

    from .client import AcpRequest
    from .commands import Command
    from .events import AcpMapper, Change
    from .sessions import AcpSession

WAITS = "The agent waits in memory: this question ends if its process, its worker or the server stops."
_NOT = {"write": "It was not written.", "terminal": "It was not run."}


@dataclass
class AcpQuestion:
    """A request that a person is to decide."""

    ask: AcpRequest
    interrupt: Interrupt
    call: AcpCall
    guard: dict[str, Any] = field(default_factory=dict[str, Any])
    changes: list[Change] = field(
        default_factory=list["Change"]
    )  # as they were shown: the agent may have sent others since
    commands: list[Command] = field(default_factory=list["Command"])  # likewise


class Asking:
    """The requests of one run, except calls of our tools."""

    def __init__(self, agent: str, task: Task, mapper: AcpMapper, session: AcpSession) -> None:
        self._agent, self._task, self._mapper, self._session = agent, task, mapper, session
        self._work = base.Work(task, None, self._emit, _at_once)
        self._changes: list[Event] = []  # files that were written, for the journal

    async def take(self, ask: AcpRequest) -> tuple[list[Event], AcpQuestion | None]:
        """Answer a request, or turn it into a question. Return the events of either."""
        try:
            if ask.what == "permission":
                return self._permission(ask)
            if ask.what == "elicit":
                return self._elicitation(ask)
            if ask.what == "terminal":
                return await self._terminal(ask)
            if ask.what == "write":
                return await self._write(ask)
            ask.give(await asyncio.to_thread(self._read, ask.params))
        except base.ToolError as error:
            ask.refuse(refused(str(error)))
        return [], None

    async def decided(self, question: AcpQuestion, decision: Decision) -> list[Event]:
        """Give the agent the person's decision."""
        ask, call = question.ask, question.call
        yes = decision.kind in ("approve", "edit")
        why = decision.reason or "The person refused."
        if ask.what == "permission":
            self._permitted(question, decision, yes=yes)
            return []
        if ask.what == "elicit":
            return self._answered(question, decision)
        if not yes:
            ask.refuse(refused(why))
            return self._mapper.answer(call, f"{_NOT[ask.what]} {why}")
        if ask.what == "terminal":
            return await self._started(ask, call, question.guard)
        return await self._written(ask, call, question.guard)

    # -- permissions

    def _permission(self, ask: AcpRequest) -> tuple[list[Event], AcpQuestion | None]:
        update = ask.params["toolCall"]
        out = self._mapper.call(update)
        call = self._mapper.calls[str(update["toolCallId"])]
        binds, policy = _binds(call.diff()), self._task.policy
        ruling = ask_for_plan(policy) if self._proposes(call) else self._ruling(call, binds)
        always = not ruling.no_grant and policy.max_mode == "allow"
        offered = options.offered(ask.params["options"], self._session.process.modes, always=always)
        yes = options.plain_of(offered, yes=True)
        if self._is_ours(call, ask.params["meta"]) and yes is not None:
            ask.give(options.answer(yes))  # the call itself is judged, and asked about, when it arrives
            return out, None
        allowed = ruling.verdict is Verdict.ALLOW
        if allowed and yes is not None:
            self._note(call.changes(), call.commands())
            ask.give(options.answer(yes))
            return [*out, *_granted(call, ruling)], None
        if ruling.verdict is Verdict.DENY or (allowed and not policy.answerable):
            ask.give(options.answer(options.plain_of(offered, yes=False)))
            return out, None
        message = f"{call.title or call.name}?"
        interrupt = self._interrupt(call, message, call.diff(), ruling, offered, binds=binds)
        if (why := _too_much(interrupt)) is not None:
            ask.give(options.answer(options.plain_of(offered, yes=False)))
            return [*out, *self._mapper.answer(call, why)], None
        return out, AcpQuestion(ask, interrupt, call, {}, call.changes(), call.commands())

    def _proposes(self, call: AcpCall) -> bool:
        """Return True if the agent asks to leave its plan mode, under *Plan first*: its call shows the plan."""
        return self._task.policy.plan_first and self._is_plan(call)

    def _is_plan(self, call: AcpCall) -> bool:
        mine = self._task.depth == 0  # a sub-agent's plan is not that of the run
        return mine and call.name == f"{self._agent}__switch_mode"

    def _is_ours(self, call: AcpCall, meta: dict[str, Any]) -> bool:
        """Return True if the request is about a notebook tool, by the name that agents give to tools of an MCP server.

        Kind and ``_meta`` are the agent's own words. A title that a model may choose comes with another kind, and
        without the mark of an MCP tool's approval.
        """
        tools = self._session.door.tools
        if meta.get("is_mcp_tool_approval") is True:
            return not call.titles.isdisjoint({f"mcp.{NAME}.{name}" for name in tools})
        named = {f"mcp__{NAME}__{name}" for name in tools}
        return call.name == f"{self._agent}__other" and call.title in named

    def _permitted(self, question: AcpQuestion, decision: Decision, *, yes: bool) -> None:
        modes = self._session.process.modes
        if yes and modes.planning and self._is_plan(question.call):
            if not self._task.policy.plan_first:  # the gateway ended it with this approval
                modes.approved()
        elif yes:
            self._note(question.changes, question.commands)
        elif decision.reason:
            title = question.call.title or question.call.name
            self._session.reasons.append(f"I rejected {title!r}. {decision.reason}")
        plain = options.plain_of(question.interrupt.options, yes=yes)
        question.ask.give(options.answer(decision.option or plain))

    def _note(self, changes: list[Change], commands: list[Command]) -> None:
        """Record the changes and commands that the agent may now do once each without another question."""
        self._session.changes += changes
        self._session.commands += commands

    def _ruling(self, call: AcpCall, binds: dict[str, Any] | None = None) -> Ruling:
        return judge(self._task.policy, call.name, needs_approval=True, args=call.args(), binds=binds)

    def _interrupt(
        self,
        call: AcpCall,
        message: str,
        diff: str | None,
        ruling: Ruling,
        offered: list[dict[str, Any]] | None = None,
        *,
        binds: dict[str, Any] | None = None,
    ) -> Interrupt:
        return new_interrupt(
            self._task,
            call.id,
            call.name,
            call.args(),
            in_memory=True,
            message=f"{message} {WAITS}".strip(),
            decisions=("approve", "reject"),
            diff=diff,
            no_grant=ruling.no_grant or (offered is not None and options.plain_of(offered, yes=True) is None),
            options=offered or [],
            binds=binds,
            agent_mode=self._session.process.modes.current or None,
            parent_tool_call_ids=self._mapper.beside(call),
        )

    # -- terminals

    async def _terminal(self, ask: AcpRequest) -> tuple[list[Event], AcpQuestion | None]:
        usual = self._session.process.terminals.cwd
        argv = commands.argv_of([str(part) for part in ask.params["command"]])
        cwd, env = commands.folder_of(usual, ask.params["cwd"]), ask.params["env"]
        path = self._session.process.terminals.environment(env).get("PATH", os.defpath)
        try:
            program = commands.program_of(argv, cwd, path)
        except FileNotFoundError as error:
            raise base.ToolError(f"It cannot be started: {error}") from error
        runs = {"argv": [program, *argv[1:]], "cwd": cwd}
        same = next((c for c in self._session.commands if c.is_same(argv, cwd, env, usual)), None)
        if same is not None:
            self._session.commands.remove(same)
            await self._run(ask, runs)
            return [], None
        call = OwnCall(
            f"{self._agent}__execute", {"argv": argv, "program": program, "cwd": cwd, "env": env or None}
        )
        out = self._mapper.begin(call)
        ruling = self._ruling(call)
        if ruling.verdict is Verdict.ALLOW:
            return [*out, *_granted(call, ruling), *await self._started(ask, call, runs)], None
        if ruling.verdict is Verdict.DENY:
            ask.refuse(refused(ruling.why))
            return [*out, *self._mapper.answer(call, f"{_NOT['terminal']} {ruling.why}.")], None
        interrupt = self._interrupt(call, f"Run `{shlex.join(argv)[:200]}` on the server?", None, ruling)
        if (why := _too_much(interrupt)) is not None:
            ask.refuse(refused(why))
            return [*out, *self._mapper.answer(call, why)], None
        return out, AcpQuestion(ask, interrupt, call, runs)

    async def _started(self, ask: AcpRequest, call: AcpCall, runs: dict[str, Any]) -> list[Event]:
        try:
            told = await self._run(ask, runs)
        except base.ToolError as error:
            ask.refuse(refused(str(error)))
            told = str(error)
        return self._mapper.answer(call, told)

    async def _run(self, ask: AcpRequest, runs: dict[str, Any]) -> str:
        try:
            name = await self._session.process.terminals.start(runs["argv"], runs["cwd"], ask.params)
        except RequestError as error:
            ask.refuse(error)
            return f"It was not started: {error}."
        except (OSError, ValueError) as error:
            raise base.ToolError(f"It cannot be started: {error}") from error
        ask.give(CreateTerminalResponse(terminal_id=name))
        return "Started; the agent reads its output."

    # -- elicitation

    def _elicitation(self, ask: AcpRequest) -> tuple[list[Event], AcpQuestion | None]:
        schema: dict[str, Any] = ask.params["schema"] or {}
        questions = questions_of(ask.params["message"], schema)
        ruling = judge(self._task.policy, "ask_user", needs_approval=False)
        call = OwnCall("ask_user", {"questions": questions})
        out = self._mapper.begin(call)
        if not questions or ruling.verdict is Verdict.DENY or not self._task.policy.answerable:
            ask.give(forms.declined())
            why = "It asked for something that is no form." if not questions else NOBODY
            return [*out, *self._mapper.answer(call, why)], None
        interrupt = self._interrupt(call, ask.params["message"], None, ruling)
        interrupt = msgspec.structs.replace(
            interrupt, reason=QUESTION, decisions=QUESTION_DECISIONS, questions=questions
        )
        return out, AcpQuestion(ask, interrupt, call)

    def _answered(self, question: AcpQuestion, decision: Decision) -> list[Event]:
        told = answer_text(decision, question.interrupt.questions)
        try:
            answer = forms.declined()
            if decision.kind == "answer":
                answer = forms.accepted(question.ask.params["schema"] or {}, decision.answers or {})
        except Unfit as error:
            answer, told = forms.cancelled(), f"The agent was not told: {error}."
        question.ask.give(answer)
        if decision.kind != "answer" and decision.reason:
            self._session.reasons.append(decision.reason)
        return self._mapper.answer(question.call, told)

    # -- files

    def _read(self, params: dict[str, Any]) -> ReadTextFileResponse:
        ruling = judge(self._task.policy, "read_file", needs_approval=False)
        if ruling.verdict is not Verdict.ALLOW:
            raise base.ToolError(f"Not read: {ruling.why}.")
        lines = lines_of(self._said(self._relative(params["path"])))
        first = max(1, params.get("line") or 1) - 1
        count = params.get("limit")
        return ReadTextFileResponse(content="".join(lines[first : None if count is None else first + count]))

    async def _write(self, ask: AcpRequest) -> tuple[list[Event], AcpQuestion | None]:
        path = self._relative(ask.params["path"])
        preview = await files.preview_write(self._work, {"path": path, "content": ask.params["content"]})
        if await self._was_approved(ask.params["path"], ask.params["content"]):
            await self._put(ask, preview.guard)
            return self._recorded(), None
        call = OwnCall(f"{self._agent}__write", {"path": path})
        out = self._mapper.begin(call)
        binds = _binds(ask.params["content"])
        ruling = self._ruling(call, binds)
        if ruling.verdict is Verdict.ALLOW:
            return [*out, *_granted(call, ruling), *await self._written(ask, call, preview.guard)], None
        if ruling.verdict is Verdict.DENY:
            ask.refuse(refused(ruling.why))
            return [*out, *self._mapper.answer(call, f"It was not written: {ruling.why}.")], None
        interrupt = self._interrupt(call, preview.message, preview.diff, ruling, binds=binds)
        if (why := _too_much(interrupt)) is not None:
            ask.refuse(refused(why))
            return [*out, *self._mapper.answer(call, why)], None
        return out, AcpQuestion(ask, interrupt, call, preview.guard)

    async def _was_approved(self, path: str, content: str) -> bool:
        """Return True if a person approved just this change. The approval is then used up."""
        now = await asyncio.to_thread(self._said, self._relative(path), absent="")
        for change in self._session.changes:
            if change.path == path and change.leads_to(content, now):
                self._session.changes.remove(change)
                return True
        return False

    async def _written(self, ask: AcpRequest, call: AcpCall, guard: dict[str, Any]) -> list[Event]:
        """Write the file, and give the outcome to the agent and the card."""
        try:
            told = await self._put(ask, guard)
        except base.ToolError as error:
            ask.refuse(refused(str(error)))
            told = str(error)
        return [*self._recorded(), *self._mapper.answer(call, told)]

    async def _emit(self, event: Event) -> None:
        """Keep a file's change until the turn can yield it, and let the write begin.

        The turn waits for this request, so it cannot yield before. The file tools emit nothing else.
        """
        self._changes.append({**event, "done": asyncio.get_running_loop().create_future()})
        event["done"].set_result("")

    def _recorded(self) -> list[Event]:
        """Return the changes that were made since the last call."""
        made, self._changes = self._changes, []
        return made

    async def _put(self, ask: AcpRequest, guard: dict[str, Any]) -> str:
        args = {"path": self._relative(ask.params["path"]), "content": ask.params["content"]}
        result = await files.write_file(self._work, base.Call("", args, guard))
        ask.give(WriteTextFileResponse())
        return result.text

    def _said(self, path: str, *, absent: str | None = None) -> str:
        """Return the text of a file. ``absent``: the text for a missing file, or None if that is an error."""
        data = Disk.of(self._task).read(path)
        if data is None and absent is None:
            raise base.ToolError(f"There is no file {path}.")
        try:
            return absent or "" if data is None else TextFile.of(data).text
        except NotText as error:
            raise base.ToolError(f"{path} cannot be read: {error}.") from error

    def _relative(self, path: str) -> str:
        """Return an absolute path of ACP as a path relative to the root."""
        root = Disk.of(self._task).root
        for above in (root, Path(self._task.root or root)):  # resolved, and as the agent got it
            if Path(path).is_relative_to(above):
                return str(Path(path).relative_to(above))
        raise base.ToolError(f"{path} is not below the server's root directory.")


def _granted(call: AcpCall, ruling: Ruling) -> list[Event]:
    """Return the event for a call that needs no answer because of a grant."""
    return [] if ruling.grant_id is None else [granted(call.id, call.name, ruling)]


def _binds(change: str | None) -> dict[str, Any] | None:
    """Return what an approval covers beside the arguments: the change, which a question shows as a diff."""
    return None if change is None else {"change": sha256(change.encode("utf-8", "surrogatepass")).hexdigest()}


def _too_much(interrupt: Interrupt) -> str | None:
    """Return why a question cannot be asked, None if it can. Nobody can approve a call that is not shown whole."""
    size = len(msgspec.json.encode([interrupt.args, interrupt.diff, interrupt.options]))
    if size <= MAX_ASKED_BYTES:
        return None
    return f"It was not done: {size:,} bytes are too much to be shown for approval at once."


async def _at_once() -> None:
    """Return at once, because earlier events are journaled with the question before a write."""
