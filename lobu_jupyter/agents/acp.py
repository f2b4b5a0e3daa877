"""Agents of others over the Agent Client Protocol (ACP), under the laws of every run.

One process per thread, started by its first prompt, kept for the next ones, ended when idle. Its session id
and working directory are journaled when first seen, and used again by whichever worker runs the next
prompt. When the agent does not know the session any more, it gets one fresh one, with what was said before.

What it asks (a permission, a file that it wants to write) is judged by the policy under ``agent__kind``, and
becomes a question to the person. While that is open the agent waits in memory: if its process goes, the
answer finds nobody and the run ends with ``worker_died``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from acp import RequestError

from lobu_jupyter.model.events import custom, tool_result
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.interrupts import held_calls
from lobu_jupyter.model.ports import AgentError, Pause
from lobu_jupyter.model.runs import ErrorCode

from . import acp_presets
from .acp_asking import Asking
from .acp_mapping import Call, Mapper
from .acp_process import AcpFailed, AcpProcess, Ask, Ended

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.ports import KernelPort, Task

    from .acp_asking import Question

IDLE_SECONDS = 900.0
MOST_SUMMARY = 20_000
GONE = (
    "The agent that asked has ended since (its worker stopped or the server was restarted), so the answer could "
    "not be given. Ask again: {name} goes on in its session."
)

log = logging.getLogger(__name__)


@dataclass
class _Session:
    """A thread's agent. ``waiting``: the question that is open, under ``token``."""

    process: AcpProcess
    cwd: str
    fresh: bool
    calls: dict[str, Call] = field(default_factory=dict[str, Call])
    approved: set[str] = field(default_factory=set[str])  # files that a person let it change in this prompt
    waiting: Question | None = None
    token: str = ""
    idle: asyncio.TimerHandle | None = None


class AcpAgent:
    """One external agent. ``idle_seconds``: after which a process without a prompt is ended."""

    def __init__(self, name: str, config: dict[str, Any], *, idle_seconds: float = IDLE_SECONDS) -> None:
        self.name = name
        self.description = str(config.get("description") or f"{name}, over ACP.")
        self._config = config
        self._idle_seconds = idle_seconds
        self._sessions: dict[str, _Session] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def run(self, task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
        if (hint := acp_presets.hint_of(self._config)) is not None:
            raise AgentError(ErrorCode.INTERNAL, f"{self.name} is not installed on the server: {hint}.")
        turn = _Turn(self, task)
        try:
            async for event in turn.events():
                yield event
        except AcpFailed as error:
            for event in turn.mapper.finish("The agent failed before this call had its result."):
                yield event
            code = ErrorCode.PROVIDER_ERROR if turn.alive else ErrorCode.WORKER_DIED
            raise AgentError(code, f"{error} Ask again; it goes on in its session.") from error
        finally:
            await turn.leave()

    async def close(self) -> None:
        """End all processes."""
        for thread_id in list(self._sessions):
            await self.drop(thread_id)
        await asyncio.gather(*self._closing)

    # -- sessions

    def session_of(self, thread_id: str) -> _Session | None:
        """The thread's agent, if its process lives."""
        session = self._sessions.get(thread_id)
        return session if session is not None and session.process.alive else None

    async def open(self, task: Task) -> _Session:
        """The thread's agent, ready for a prompt: as it is, in its old session, or in a new one."""
        session = self.session_of(task.thread_id)
        if session is not None:
            await session.process.cancel()  # an older prompt that still waits for an answer
            session.waiting, session.calls, session.approved, session.fresh = None, {}, set(), False
            if session.process.alive:
                return session
        await self.drop(task.thread_id)
        known = task.sessions.get(self.name) or {}
        cwd = _absolute(known.get("cwd") or self._config.get("cwd") or task.root)
        process = await AcpProcess.start(self.name, self._config, cwd)
        try:
            session_id = known.get("sessionId")
            fresh = not (session_id and await process.old_session(str(session_id), cwd))
            if fresh:
                await process.new_session(cwd)
        except BaseException:
            await process.close()
            raise
        session = self._sessions[task.thread_id] = _Session(process, cwd, fresh)
        return session

    async def drop(self, thread_id: str) -> None:
        """End the thread's process."""
        session = self._sessions.pop(thread_id, None)
        if session is not None:
            if session.idle is not None:
                session.idle.cancel()
            await session.process.close()

    def rest(self, thread_id: str) -> None:
        """Nothing is to be done on the thread: its process ends if that stays so."""
        session = self._sessions.get(thread_id)
        if session is not None:
            loop = asyncio.get_running_loop()
            session.idle = loop.call_later(self._idle_seconds, self._reap, thread_id)

    def _reap(self, thread_id: str) -> None:
        closing = asyncio.get_running_loop().create_task(self.drop(thread_id), name=f"{self.name} idle")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


class _Turn:
    """One run: a prompt, or the way on after a person's decision."""

    def __init__(self, agent: AcpAgent, task: Task) -> None:
        self.mapper = Mapper(agent.name, task.run_id)
        self.alive = True
        self._agent, self._task = agent, task
        self._session: _Session | None = None
        self._over = False  # nothing is under way: the prompt has ended, or waits for a person
        self._said = False  # the agent has answered something: a second try would say it twice

    async def events(self) -> AsyncIterator[Event]:
        begin = self._begin() if self._task.resumption is None else self._go_on()
        async for event in begin:
            yield event
        session = self._session
        assert session is not None, "both ways to begin set it"
        while not self._over:
            item = await session.process.inbox.get()
            if isinstance(item, Ended):
                async for event in self._ended(session, item):
                    yield event
            elif isinstance(item, Ask):
                asking = Asking(self._agent.name, self._task, self.mapper, session.approved)
                events, question = await asking.take(item)
                for event in events:
                    yield event
                if question is not None:
                    for event in self.mapper.close():
                        yield event
                    raise self._pause(session, question)
            else:
                self._said = True
                for event in self.mapper.feed(item):
                    yield event

    async def leave(self) -> None:
        """After the run, however it ended: a prompt that is still under way is stopped."""
        session = self._session
        if session is None:
            return
        if not self._over:
            await session.process.cancel()
        if session.waiting is not None:
            return
        if session.process.alive:
            self._agent.rest(self._task.thread_id)
        else:
            await self._agent.drop(self._task.thread_id)

    # -- the beginnings

    async def _begin(self) -> AsyncIterator[Event]:
        session = self._session = await self._open()
        if session.fresh:
            yield self._told_session(session)
        session.process.prompt(self._prompt(session))

    async def _open(self) -> _Session:
        session = await self._agent.open(self._task)
        if session.idle is not None:
            session.idle.cancel()
        self.mapper = Mapper(self._agent.name, self._task.run_id, session.calls)
        return session

    def _told_session(self, session: _Session) -> Event:
        name, session_id = self._agent.name, session.process.session_id
        told = {"agent": name, "sessionId": session_id, "cwd": session.cwd}
        return custom("lobu.session", {**told, "message": f"{name} works in {session.cwd}."})

    def _prompt(self, session: _Session) -> str:
        """The person's message; for a session that knows nothing yet, with what was said before."""
        *before, last = self._task.messages
        prompt = _text(last)
        told = "\n\n".join(f"{m['role']}: {_text(m)}" for m in before if m.get("content"))
        if not session.fresh or not told:
            return prompt
        return f"What was said in this conversation before:\n\n{told[-MOST_SUMMARY:]}\n\nNow:\n\n{prompt}"

    async def _go_on(self) -> AsyncIterator[Event]:
        resumption = self._task.resumption
        assert resumption is not None, "the caller looked"
        session = self._agent.session_of(self._task.thread_id)
        token = json.loads(resumption.checkpoint).get("token")
        if session is None or session.waiting is None or session.token != token:
            message = GONE.format(name=self._agent.name)
            for call in {call for i in resumption.interrupts for call in held_calls(i)}:
                yield tool_result(call, "It did not run: the agent has ended.", new_id("msg"))
            raise AgentError(ErrorCode.WORKER_DIED, message)
        if session.idle is not None:
            session.idle.cancel()
        self._session, self._said = session, True
        self.mapper = Mapper(self._agent.name, self._task.run_id, session.calls)
        asking = Asking(self._agent.name, self._task, self.mapper, session.approved)
        question, session.waiting = session.waiting, None
        for event in await asking.decided(question, resumption.decisions[0]):
            yield event

    # -- what comes

    def _pause(self, session: _Session, question: Question) -> Pause:
        """This run ends with a question; the agent waits in its process for the next one."""
        self._over = True
        session.waiting, session.token = question, secrets.token_hex(8)
        checkpoint = json.dumps({"token": session.token, "sessionId": session.process.session_id})
        return Pause([question.interrupt], checkpoint, [])

    async def _ended(self, session: _Session, end: Ended) -> AsyncIterator[Event]:
        if end.error is not None:
            if not self._can_try_again(session, end.error):
                raise await self._failure(session, end.error)
            await session.process.new_session(session.cwd)
            session.fresh = True
            yield self._told_session(session)
            session.process.prompt(self._prompt(session))
            return
        self._over = True
        for event in self.mapper.finish("The agent ended its turn without a result of this call."):
            yield event
        session.calls.clear()
        if end.stop_reason == "refusal":
            raise AgentError(ErrorCode.PROVIDER_ERROR, f"{self._agent.name} refused to answer this.")
        if usage := _usage(end.usage):
            yield {"type": "lobu.usage", "usage": [usage]}

    def _can_try_again(self, session: _Session, error: BaseException) -> bool:
        """Whether the agent lost its session, and nothing was said in this run yet."""
        lost = isinstance(error, RequestError) and (error.code == -32002 or "session" in str(error).lower())
        return lost and not session.fresh and not self._said and session.process.alive

    async def _failure(self, session: _Session, error: BaseException) -> AcpFailed:
        self.alive = isinstance(error, RequestError | AcpFailed)
        if isinstance(error, AcpFailed):
            return error
        if isinstance(error, RequestError):
            self._over = True  # the prompt is over; the process may go on
            return session.process.refusal(error)
        return AcpFailed(await session.process.why_gone())


def _absolute(directory: Any) -> str:
    return os.path.abspath(str(directory or os.getcwd()))


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text") or f"[{part.get('type')}]") for part in content)


def _usage(counts: dict[str, Any] | None) -> dict[str, Any]:
    names = {
        "input_tokens": "inputTokens",
        "output_tokens": "outputTokens",
        "total_tokens": "totalTokens",
        "thought_tokens": "reasoningTokens",
        "cached_read_tokens": "cachedInputTokens",
        "cached_write_tokens": "cacheWriteInputTokens",
    }
    return {ours: counts[theirs] for theirs, ours in names.items() if counts and counts.get(theirs)}
