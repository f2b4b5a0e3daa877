"""The sessions of one ACP agent: a process per thread, reused by the next prompt, ended when idle.

A process that waits for a person is not idle. One turn at a time uses a session. A cancelled turn releases it
before the next one prompts.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .choices import refusal_of_mode
from .mcp_server import Door
from .process import AcpFailed, AcpProcess
from .tools import offered

if TYPE_CHECKING:
    from lobu_jupyter.model.ports import Task

    from .client import AcpRequest
    from .commands import Command
    from .events import AcpCall, Change
    from .requests import AcpQuestion

MUST_ASK = (
    "This server takes only agents that ask (LobuApp.acp_must_ask). {why} An administrator can name the agent's "
    "asking mode: LobuApp.acp_agents = {{'{name}': {{'mode': …}}}}."
)


class NotAsking(AcpFailed):
    """An agent that was not put into an asking mode, on a server that accepts only agents that ask."""


@dataclass
class AcpSession:
    """A thread's agent. ``servers``: the MCP servers that it was given. ``fresh``: True until its first prompt.
    ``turn``: the turn that uses it.
    """

    process: AcpProcess
    door: Door
    servers: list[Any]
    cwd: str
    fresh: bool
    turn: object
    calls: dict[str, AcpCall] = field(default_factory=dict[str, "AcpCall"])
    changes: list[Change] = field(default_factory=list["Change"])  # approved in this prompt, each good once
    commands: list[Command] = field(default_factory=list["Command"])  # likewise
    backlog: deque[AcpRequest] = field(
        default_factory=deque["AcpRequest"]
    )  # sent while another question was open
    plan: str = ""  # the id of the activity of this prompt's plan
    reasons: list[str] = field(default_factory=list[str])  # of rejections, which the protocol cannot carry
    waiting: Waiting | None = None
    idle: asyncio.TimerHandle | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def forget(self) -> None:
        """Discard the state of the last prompt, before a new one."""
        if self.waiting is not None:
            self.waiting.done.set()
        self.waiting, self.calls, self.plan = None, {}, ""
        self.changes.clear()
        self.commands.clear()
        self.backlog.clear()
        self.reasons.clear()


class Waiting:
    """A question that waits in the agent's process for a person. Implements ``Held``."""

    def __init__(
        self, sessions: AcpSessions, thread_id: str, session: AcpSession, question: AcpQuestion
    ) -> None:
        self.question = question
        self.token = secrets.token_hex(8)
        self.done = asyncio.Event()
        self._sessions, self._thread_id, self._session = sessions, thread_id, session

    async def ended(self) -> str | None:
        """See ``Held``."""
        process = self._session.process
        decided = asyncio.create_task(self.done.wait(), name="decided")
        over = asyncio.create_task(process.over(), name="the agent's end")
        stops = {decided, over, self.question.ask.answer}
        try:
            await asyncio.wait(stops, return_when=asyncio.FIRST_COMPLETED)
            if self.done.is_set():
                return None
            self._session.waiting = None
            if not process.alive:
                return await process.why_gone()
            if process.failure is not None:
                return str(process.failure)
            if over.done():
                return over.result()
            self._sessions.abandon(self._thread_id, self._session)  # no run would journal its further updates
            return "The agent gave up waiting for the answer, and was stopped."
        finally:
            decided.cancel()
            over.cancel()

    def let_go(self) -> None:
        """See ``Held``."""
        if not self.done.is_set():
            self.done.set()
            self._sessions.abandon(self._thread_id, self._session)


class AcpSessions:
    """The sessions of one agent, by thread. A process without a prompt ends after ``idle_seconds``."""

    def __init__(self, name: str, config: dict[str, Any], idle_seconds: float) -> None:
        self._name, self._config, self._idle_seconds = name, config, idle_seconds
        self._all: dict[str, AcpSession] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, thread_id: str) -> AcpSession | None:
        """Return the thread's session, None if there is none or its process has ended."""
        session = self._all.get(thread_id)
        return session if session is not None and session.process.alive else None

    async def open(self, task: Task, turn: object) -> AcpSession:
        """Return the thread's session, ready for a prompt of `turn`: unchanged, reloaded, or new."""
        session = self.get(task.thread_id)
        if session is not None:
            self.take(session, turn)
            async with session.lock:
                await session.process.cancel()  # an older prompt that still waits for an answer
            session.forget()
            session.fresh = False
            if session.process.alive and await self._in_mode(session, task):
                return session
        await self.drop(task.thread_id)
        session = self._all[task.thread_id] = await self._start(task, turn)
        return session

    def take(self, session: AcpSession, turn: object) -> None:
        """Give the session to this turn."""
        session.turn = turn
        if session.idle is not None:
            session.idle.cancel()
            session.idle = None

    async def _in_mode(self, session: AcpSession, task: Task) -> bool:
        """Put an idle session into its mode. Return False if the agent does not take it."""
        try:
            await session.process.choose(self._chosen(task), planning=task.policy.plan_first)
        except AcpFailed:
            return False
        return not session.process.modes.failed

    def _chosen(self, task: Task) -> str | None:
        """Return the mode that the person chose for the thread, if the server's policy still allows it."""
        known = task.sessions.get(self._name) or {}
        return known.get("chosen") if self.refusal_of_mode(task) is None else None

    def refusal_of_mode(self, task: Task) -> str | None:
        """Return why the person may choose no mode that does not ask, None if they may."""
        if self._config.get("must_ask"):
            return "this server takes only agents that ask (LobuApp.acp_must_ask)"
        return refusal_of_mode(task.policy, self._name)

    async def _start(self, task: Task, turn: object) -> AcpSession:
        known = task.sessions.get(self._name) or {}
        cwd = _absolute(known.get("cwd") or self._config.get("cwd") or task.root)
        process = await AcpProcess.start(self._name, self._config, cwd)
        process.modes.chosen, process.modes.planning = self._chosen(task), task.policy.plan_first
        door = Door(process.ask, offered(task))
        try:
            servers = [await door.open(over_http=process.takes_http)]
            session_id = known.get("sessionId")
            fresh = not (session_id and await process.old_session(str(session_id), cwd, servers))
            if fresh:
                await process.new_session(cwd, servers)
            await process.restore(known.get("settings"))
            if self._config.get("must_ask") and not process.modes.certain:
                raise NotAsking(MUST_ASK.format(name=self._name, why=process.modes.told(self._name)))
        except BaseException:
            await process.close()
            await door.close()
            raise
        return AcpSession(process, door, servers, cwd, fresh, turn)

    async def stop(self, thread_id: str, session: AcpSession, turn: object, *, prompting: bool) -> None:
        """End `turn`: stop its prompt if one is under way. The process then rests, or is dropped if it has ended."""
        async with session.lock:
            if session.turn is not turn:
                return
            if prompting:
                await session.process.cancel()
        if session.turn is not turn or session.waiting is not None:
            return
        if not session.process.alive:
            await self.drop(thread_id, session)
            return
        loop = asyncio.get_running_loop()
        session.idle = loop.call_later(self._idle_seconds, self._reap, thread_id, session)

    def abandon(self, thread_id: str, session: AcpSession) -> None:
        """Stop the session's prompt in the background, because its question will not be answered."""
        turn = session.turn
        session.forget()
        self._begin(self.stop(thread_id, session, turn, prompting=True), f"{self._name} abandoned")

    async def drop(self, thread_id: str, session: AcpSession | None = None) -> None:
        """End the thread's process. With `session`, end it only if it belongs to that one."""
        found = self._all.get(thread_id)
        if found is None or (session is not None and found is not session):
            return
        del self._all[thread_id]
        if found.idle is not None:
            found.idle.cancel()
        await found.process.close()  # first, because its connections to the MCP server end with it
        await found.door.close()

    async def close(self) -> None:
        """End all processes."""
        for thread_id in list(self._all):
            await self.drop(thread_id)
        await asyncio.gather(*self._tasks)

    def _reap(self, thread_id: str, session: AcpSession) -> None:
        if session.waiting is None:
            self._begin(self.drop(thread_id, session), f"{self._name} idle")

    def _begin(self, work: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _absolute(directory: Any) -> str:
    return os.path.abspath(str(directory or os.getcwd()))
