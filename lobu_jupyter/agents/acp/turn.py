"""One run of an ACP agent: a prompt, or its continuation after a decision, up to its end or its next question."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from acp import RequestError

from lobu_jupyter.agents.guardrails import judged_prompt
from lobu_jupyter.model.cut import cut
from lobu_jupyter.model.events import custom, tool_result
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.interrupts import held_calls
from lobu_jupyter.model.ports import AgentError, Pause
from lobu_jupyter.model.runs import ErrorCode

from . import about, choices
from .client import AcpRequest
from .events import AcpMapper, OwnCall
from .process import AcpFailed, Ended, Noted, Said
from .requests import Asking
from .sessions import Waiting
from .tools import AcpTools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.interrupts import Decision, Interrupt
    from lobu_jupyter.model.ports import KernelPort, Task

    from .requests import AcpQuestion
    from .sessions import AcpSession, AcpSessions

MOST_SUMMARY = 20_000
GONE = (
    "The agent that asked has ended since (its worker stopped or the server was restarted), so the answer could "
    "not be given. Ask again: {name} continues in its session."
)
NO_PLAN_MODE = (
    "{name} has no plan mode of its own. What it asks to do is refused until you send a message in another mode; what it "
    "does without asking is not held back."
)
ONLY_PLAN = (
    "Plan first is on: only look, and propose a plan. Anything else is refused until I approve the plan."
)
_CUT = {"max_tokens": "length", "max_turn_requests": "max_turn_requests"}  # the protocol's stop reasons
GAVE_UP = "It was not run: the agent gave up waiting for the decision."


class AcpTurn:
    """One run of an ACP agent. ``alive``: True if a failure left the agent's process intact."""

    def __init__(self, name: str, sessions: AcpSessions, task: Task, kernel: KernelPort | None) -> None:
        self.mapper = AcpMapper(name, task.run_id)
        self.alive = True
        self._name, self._sessions, self._task, self._kernel = name, sessions, task, kernel
        self._session: AcpSession | None = None
        self._asking: Asking
        self._tools: AcpTools
        self._question: AcpQuestion | None = None  # to pause for, once no call of our tools runs
        self._over = False  # True if the prompt has ended, or waits for a person
        self._said = False  # True once the agent has answered something, which a second try would repeat

    async def events(self) -> AsyncIterator[Event]:
        begin = self._begin() if self._task.resumption is None else self._go_on()
        async for event in begin:
            yield event
        session = self._session
        assert session is not None, "both ways to begin set it"
        while not self._over:
            async for event in self._next(session):
                yield event
            if self._question is not None and not self._tools.busy:
                for event in self.mapper.close():
                    yield event
                raise self._pause(session, self._question)

    async def _next(self, session: AcpSession) -> AsyncIterator[Event]:
        """Yield the events of the next item of the backlog or the inbox."""
        if session.backlog and self._question is None:
            item: Any = session.backlog.popleft()
        else:
            item = await session.process.inbox.get()
        if isinstance(item, Ended):
            async for event in self._ended(session, item):
                yield event
        elif isinstance(item, AcpRequest):
            for event in await self._ask(session, item):
                yield event
        elif isinstance(item, Said):
            if item.last is not None:
                self._tools.ended(item.last)
                if self._tools.failure is not None:
                    raise self._tools.failure
            elif item.event is not None:
                for event in (*self.mapper.close(), item.event):
                    yield event
        elif isinstance(item, Noted):
            for event in (*self.mapper.close(), self.mapper.notice(item.message)):
                yield event
        else:
            for event in (*self.mapper.feed(item), *self._about(session)):
                self._said = self._said or event["type"] != "CUSTOM"
                yield event

    def _about(self, session: AcpSession) -> list[Event]:
        """Return the events of what the session has newly said about itself."""
        about, events = session.process.about, []
        if (told := about.news(self._name)) is not None:
            events.append(custom("lobu.agent", told))
        if (title := about.new_title()) is not None:
            events.append(custom("lobu.agent_title", {"agent": self._name, "title": title}))
        return events

    async def _ask(self, session: AcpSession, ask: AcpRequest) -> list[Event]:
        if not ask.is_wanted:
            return []  # its caller has given up
        if self._question is not None:
            if self._question.ask.is_same(ask.what, ask.params):
                self._question.ask.join(ask)
            else:
                session.backlog.append(ask)
            return []
        takes = self._tools if ask.what == "tool" else self._asking
        events, self._question = await takes.take(ask)
        if self._question is not None:
            ask.asks = True
        return events

    async def leave(self) -> None:
        """Release the session after the run, however it ended. Stop a prompt that is still under way."""
        session = self._session
        if session is None:
            return
        await self._tools.stop()
        await self._sessions.stop(self._task.thread_id, session, self, prompting=not self._over)

    # -- the beginnings

    async def _begin(self) -> AsyncIterator[Event]:
        session = await self._sessions.open(self._task, self)
        self._use(session)
        if session.fresh or self._is_news(session):
            yield self._told_session(session)
        for event in self._about(session):
            yield event
        said = _text(self._task.messages[-1])
        if (option := about.wish_of(said)) is not None:
            async for event in self._set_option(session, *option):
                yield event
            return
        if (wish := choices.wish_of(said)) is not None:
            async for event in self._choose(session, wish):
                yield event
            return
        if self._task.policy.plan_first and not session.process.modes.plans:
            yield self.mapper.notice(NO_PLAN_MODE.format(name=self._name))
        session.process.prompt(await judged_prompt(self._task, self._prompt(session)))

    async def _set_option(self, session: AcpSession, command: str, value: str) -> AsyncIterator[Event]:
        """Answer a ``/model`` or ``/effort`` message. The agent is not prompted."""
        self._over = True
        process = session.process
        before = dict(process.about.settings)
        told = await process.set_option(command, value) if value else process.about.listed(command)
        if process.about.settings != before:
            yield self._told_session(session)
        for event in (*self._about(session), *self.mapper.say(told)):
            yield event

    def _is_news(self, session: AcpSession) -> bool:
        """Return True if the agent's mode is not the one that the thread last reported."""
        known = self._task.sessions.get(self._name) or {}
        return known.get("mode", "") != session.process.modes.current

    async def _choose(self, session: AcpSession, wish: str) -> AsyncIterator[Event]:
        """Answer a ``/mode`` message: with a list, the asking mode, or the question before another mode."""
        self._over = True
        modes = session.process.modes
        mode = modes.offered.get(wish)
        why = self._sessions.refusal_of_mode(self._task)
        if mode is None:
            unknown = f"{self._name} offers no mode {wish!r}.\n\n" if wish else ""
            said = unknown + choices.listed(self._name, modes)
        elif mode.id == modes.asking:
            await session.process.choose(None)
            yield self._told_session(session)
            said = modes.told(self._name)
        elif why is not None:
            said = f"{self._name} stays in its mode {modes.current}, because {why}."
        elif not self._task.policy.answerable:
            said = f"{self._name} stays in its mode {modes.current}: nobody can be asked here."
        else:
            call = OwnCall(choices.tool_of(self._name), choices.args_of(mode))
            for event in self.mapper.begin(call):
                yield event
            interrupt = choices.question_of(self._task, self._name, call, mode)
            raise Pause([interrupt], choices.checkpoint_of(mode), [])
        for event in self.mapper.say(said):
            yield event

    async def _chosen(self, mode: str, interrupt: Interrupt, decision: Decision) -> AsyncIterator[Event]:
        """Apply the person's decision on the agent's mode. The agent itself is not prompted."""
        session = await self._sessions.open(self._task, self)
        self._use(session)
        self._over = True
        why = self._sessions.refusal_of_mode(self._task)
        told = f"It stays in its mode {session.process.modes.current}."
        if decision.kind == "approve" and why is not None:
            told = f"{told} The server does not allow it: {why}."
        elif decision.kind == "approve":
            await session.process.choose(mode)
            told = session.process.modes.told(self._name)
            yield self._told_session(session)
        yield tool_result(interrupt.tool_call_id or "", told, new_id("msg"))

    def _use(self, session: AcpSession) -> None:
        terminals = session.process.terminals
        session.plan = session.plan or self._task.run_id
        self.mapper = AcpMapper(self._name, session.plan, session.calls, terminals.text)
        self._asking = Asking(self._name, self._task, self.mapper, session)
        self._tools = AcpTools(self._task, self._kernel, self.mapper, session)
        self._session = session

    def _told_session(self, session: AcpSession) -> Event:
        """Return the session and its mode as an event, for the journal, the person and the next worker."""
        modes = session.process.modes
        told: dict[str, Any] = {
            "agent": self._name,
            "sessionId": session.process.session_id,
            "cwd": session.cwd,
            "mode": modes.current,
            "asks": modes.certain,
            "chosen": modes.chosen,
            "settings": session.process.about.settings or None,
            "message": f"{self._name} works in {session.cwd}. {modes.told(self._name)}",
        }
        return custom("lobu.session", {name: value for name, value in told.items() if value is not None})

    def _prompt(self, session: AcpSession) -> str:
        """Return the person's message. A fresh session gets the earlier conversation before it."""
        *before, last = self._task.messages
        prompt = f"{ONLY_PLAN}\n\n{_text(last)}" if self._task.policy.plan_first else _text(last)
        told = "\n\n".join(f"{m['role']}: {_text(m)}" for m in before if m.get("content"))
        if not session.fresh or not told:
            return prompt
        return f"What was said in this conversation before:\n\n{told[-MOST_SUMMARY:]}\n\nNow:\n\n{prompt}"

    async def _go_on(self) -> AsyncIterator[Event]:
        resumption = self._task.resumption
        assert resumption is not None, "the caller looked"
        kept: dict[str, Any] = json.loads(resumption.checkpoint)
        if "mode" in kept:
            (asked,), (decision,) = resumption.interrupts, resumption.decisions
            async for event in self._chosen(kept["mode"], asked, decision):
                yield event
            return
        session = self._sessions.get(self._task.thread_id)
        waiting = session.waiting if session is not None else None
        if session is None or waiting is None or waiting.token != kept.get("token"):
            for call in {call for i in resumption.interrupts for call in held_calls(i)}:
                yield tool_result(call, "It did not run: the agent has ended.", new_id("msg"))
            raise AgentError(ErrorCode.WORKER_DIED, GONE.format(name=self._name))
        self._sessions.take(session, self)
        waiting.done.set()
        session.waiting, self._said = None, True
        self._use(session)
        question = waiting.question
        question.ask.asks = False
        if not question.ask.is_wanted:  # its caller has given up
            question.ask.answer.cancel()
            for event in self.mapper.answer(question.call, GAVE_UP):
                yield event
            return
        decides = self._tools if question.ask.what == "tool" else self._asking
        for event in await decides.decided(question, resumption.decisions[0]):
            yield event

    # -- what comes

    def _pause(self, session: AcpSession, question: AcpQuestion) -> Pause:
        """Return the pause that ends this run with a question. The agent waits in its process for the next run."""
        self._over = True
        self._gather(session, question.ask)
        waiting = session.waiting = Waiting(self._sessions, self._task.thread_id, session, question)
        checkpoint = json.dumps({"token": waiting.token, "sessionId": session.process.session_id})
        return Pause([question.interrupt], checkpoint, [], waiting)

    def _gather(self, session: AcpSession, asked: AcpRequest) -> None:
        """Let repetitions of the asked call in the inbox join the question."""
        inbox = session.process.inbox
        for _ in range(inbox.qsize()):
            item = inbox.get_nowait()
            if isinstance(item, AcpRequest) and item.is_same(asked.what, asked.params):
                asked.join(item)
            else:
                inbox.put_nowait(item)

    async def _ended(self, session: AcpSession, end: Ended) -> AsyncIterator[Event]:
        if end.error is not None:
            if not self._can_try_again(session, end.error):
                raise await self._failure(session, end.error)
            await session.process.new_session(session.cwd, session.servers)
            session.fresh = True
            yield self._told_session(session)
            session.process.prompt(await judged_prompt(self._task, self._prompt(session)))
            return
        self._question = None
        async for event in self._rest(session):
            yield event
        for event in self.mapper.finish("The agent ended its turn without a result of this call."):
            yield event
        session.calls.clear()
        if end.stop_reason == "refusal":
            self._over = True
            raise AgentError(ErrorCode.PROVIDER_ERROR, f"{self._name} refused to answer this.")
        if session.reasons:  # the protocol's "rejected" carries no reason, so the next prompt tells it
            session.process.prompt("\n".join(session.reasons))
            session.reasons.clear()
            return
        self._over = True
        if end.stop_reason in _CUT:
            yield cut(_CUT[end.stop_reason])
        if usage := _usage(end.usage, session.process.about.usage):
            yield {"type": "lobu.usage", "usage": [usage]}

    async def _rest(self, session: AcpSession) -> AsyncIterator[Event]:
        """Stop our tools, for which the agent did not wait, and yield the events left in the inbox."""
        await self._tools.stop()
        inbox = session.process.inbox
        while not inbox.empty():
            item = inbox.get_nowait()
            if isinstance(item, Said) and item.event is not None and item.event["type"] != "lobu.sync":
                yield item.event
            elif isinstance(item, Said) and item.last is not None:
                self._tools.ended(item.last)
            elif isinstance(item, Noted):
                yield self.mapper.notice(item.message)
            elif isinstance(item, dict):  # an update just after the answer
                for event in self.mapper.feed(item):
                    yield event

    def _can_try_again(self, session: AcpSession, error: BaseException) -> bool:
        """Return True if the agent lost its session and has said nothing in this run yet."""
        lost = isinstance(error, RequestError) and (error.code == -32002 or "session" in str(error).lower())
        return lost and not session.fresh and not self._said and session.process.alive

    async def _failure(self, session: AcpSession, error: BaseException) -> AcpFailed:
        self.alive = isinstance(error, RequestError | AcpFailed)
        if isinstance(error, AcpFailed):
            return error
        if isinstance(error, RequestError):
            self._over = True  # the prompt is over, but the process can continue
            return session.process.refusal(error)
        return AcpFailed(await session.process.why_gone())


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text") or f"[{part.get('type')}]") for part in content)


def _usage(counts: dict[str, Any] | None, context: dict[str, Any]) -> dict[str, Any]:
    """Return the run's tokens, with the session's context and cost beside them."""
    names = {
        "input_tokens": "inputTokens",
        "output_tokens": "outputTokens",
        "total_tokens": "totalTokens",
        "thought_tokens": "reasoningTokens",
        "cached_read_tokens": "cachedInputTokens",
        "cached_write_tokens": "cacheWriteInputTokens",
    }
    found: dict[str, Any] = {
        ours: counts[theirs] for theirs, ours in names.items() if counts and counts.get(theirs)
    }
    return {**found, "metadata": context} if context else found
