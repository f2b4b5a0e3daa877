"""One process of an ACP agent: started for a thread, given one prompt at a time, ended without orphans.

All its updates and requests come through :attr:`AcpProcess.inbox` in order: updates (in ACP's form),
:class:`AcpRequest`, the events of our own tools (:class:`Said`) and, at last, :class:`Ended`. A request waits here, in
memory, until it is answered.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from acp import PROTOCOL_VERSION, RequestError, connect_to_agent, text_block
from acp.schema import (
    ClientCapabilities,
    ElicitationCapabilities,
    ElicitationFormCapabilities,
    FileSystemCapabilities,
    Implementation,
)

from lobu_jupyter.agents import tracing
from lobu_jupyter.agents.processes import leashed
from lobu_jupyter.model.environment import for_program, inherited

from .about import UPDATES, About
from .client import AcpRequest, Face, seen
from .login import how_to_log_in
from .modes import CHANGES, MOST_STRAYED, ModeFailed, Modes
from .terminals import Terminals

if TYPE_CHECKING:
    from acp import Client
    from acp.client.connection import ClientSideConnection

    from lobu_jupyter.model.events import Event

LINE_BYTES = 50 * 1024 * 1024
MOST_WAITING = 20_000
"""The limit of updates that wait to be journaled. More fail the run, because nothing is dropped silently."""
START_SECONDS = 60.0
STOP_SECONDS = 3.0
GIVE_UP_SECONDS = 2.0
"""The time that a question stays open after its caller gave up, so that the same call, sent again, joins it."""
_TAIL_BYTES = 2000
_LOGIN = -32000


class AcpFailed(Exception):
    """A failure after which the agent cannot continue. The message says why."""


class AcpRefused(AcpFailed):
    """An error response of the agent."""


class LoginNeeded(AcpRefused):
    """A login that the agent requires first. The message says how to log in."""


@dataclass(frozen=True)
class Said:
    """An event of one of our tools that the agent called, or the task of a call whose events are all sent."""

    event: Event | None = None
    last: asyncio.Task[None] | None = None


@dataclass(frozen=True)
class Noted:
    """A sentence about the session, for the person."""

    message: str


@dataclass(frozen=True)
class Ended:
    """The end of a prompt: its stop reason and its usage, or the error."""

    stop_reason: str = "end_turn"
    usage: dict[str, Any] | None = None
    error: BaseException | None = None


class AcpProcess:
    """A running agent. ``terminals``: the commands that it runs through us. ``modes``: its session's modes. ``about``: what else
    the session says about itself.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, name: str, terminals: Terminals, modes: Modes
    ) -> None:
        self.inbox: asyncio.Queue[dict[str, Any] | AcpRequest | Said | Noted | Ended] = asyncio.Queue()
        self.session_id = ""
        self.terminals, self.modes, self.about = terminals, modes, About()
        self._process, self._name = process, name
        self.asked: list[AcpRequest] = []  # requests without an answer yet
        self._heard = False  # False while an old session is replayed, and after a cancelled prompt
        self._stale = False  # True if the inbox holds items of a failed prompt
        self._prompting: asyncio.Task[None] | None = None
        self._returning: asyncio.Task[None] | None = None  # to the mode that the agent left
        self._strayed = 0  # times it left its mode in this prompt
        self.failure: AcpFailed | None = None  # why we stopped this prompt
        self._tail = b""
        self._errors = asyncio.create_task(self._read_errors(), name=f"{name} stderr")
        self._exited = asyncio.create_task(process.wait(), name=f"{name} exit")
        self._connection: ClientSideConnection = connect_to_agent(
            cast("Client", Face(self)), process.stdin, process.stdout, use_unstable_protocol=True
        )
        self._capabilities: Any = None
        self._logins: list[Any] = []

    @classmethod
    async def start(cls, name: str, config: dict[str, Any], cwd: str) -> AcpProcess:
        """Start the agent and do the handshake.

        Raises:
            AcpFailed: it does not start, or speaks another protocol.
        """
        environment = for_program(os.environ, config)
        try:
            process = await asyncio.create_subprocess_exec(
                *leashed([str(part) for part in config["command"]]),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                cwd=cwd,
                limit=LINE_BYTES,
                start_new_session=True,
            )
        except OSError as error:
            raise AcpFailed(f"{name} cannot be started: {error.strerror or error}") from error
        modes = Modes(config.get("mode"), asks=bool(config.get("asks")))
        agent = cls(process, name, Terminals(cwd, inherited(config)), modes)
        try:
            await agent._initialize()
        except BaseException:
            await agent.close()
            raise
        return agent

    @property
    def alive(self) -> bool:
        out = self._process.stdout
        return self._process.returncode is None and out is not None and not out.at_eof()

    async def over(self) -> str:
        """Wait until the prompt or the process has ended, and return why."""
        await asyncio.wait(
            {self._exited, *({self._prompting} if self._prompting else ())},
            return_when=asyncio.FIRST_COMPLETED,
        )
        if self.failure is not None:
            return str(self.failure)
        return "The agent ended its turn meanwhile." if self.alive else await self.why_gone()

    async def _initialize(self) -> None:
        files = FileSystemCapabilities(read_text_file=True, write_text_file=True)
        forms = ElicitationCapabilities(form=ElicitationFormCapabilities())
        answer = await self._asked(
            self._connection.initialize(
                PROTOCOL_VERSION,
                client_capabilities=ClientCapabilities(fs=files, terminal=True, elicitation=forms),
                client_info=Implementation(name="lobu_jupyter", version="0"),
            )
        )
        self._capabilities, self._logins = answer.agent_capabilities, answer.auth_methods or []

    @property
    def takes_http(self) -> bool:
        """Return True if the agent connects to MCP servers over HTTP. All agents do over stdio."""
        able = self._capabilities
        return bool(able is not None and able.mcp_capabilities is not None and able.mcp_capabilities.http)

    async def new_session(self, cwd: str, servers: list[Any]) -> None:
        """Begin a conversation in a directory (absolute), with these MCP servers."""
        self._heard = True  # from now on all updates are of this session
        answer = await self._asked(self._connection.new_session(cwd=cwd, mcp_servers=servers))
        self.session_id = answer.session_id
        await self._enter(answer)

    async def old_session(self, session_id: str, cwd: str, servers: list[Any]) -> bool:
        """Continue a conversation. Return False if the agent has lost it or cannot continue one."""
        able = self._capabilities
        sessions = able.session_capabilities if able is not None else None
        try:
            if sessions is not None and sessions.resume is not None:
                answer = await self._asked(
                    self._connection.resume_session(session_id=session_id, cwd=cwd, mcp_servers=servers)
                )
            elif able is not None and able.load_session:
                answer = await self._asked(
                    self._connection.load_session(session_id=session_id, cwd=cwd, mcp_servers=servers)
                )
            else:
                return False
        except LoginNeeded:
            raise
        except AcpRefused:
            return False
        self.session_id = session_id
        self._heard = True
        await self._enter(answer)
        return True

    async def _enter(self, answer: Any) -> None:
        self.about.begin(answer)
        self.modes.begin(answer)
        await self._entered()

    async def _entered(self) -> None:
        try:
            await self.modes.enter(self._connection, self.session_id)
        except (ConnectionError, OSError) as error:
            raise AcpFailed(await self.why_gone()) from error

    async def choose(self, mode: str | None, *, planning: bool = False) -> None:
        """Put the session into the mode that the person chose, else into the asking one, or under *Plan first* its plan mode."""
        modes = self.modes
        if (modes.chosen, modes.planning) != (mode, planning) or modes.strayed:
            modes.chosen, modes.planning = mode, planning
            await self._entered()

    async def set_option(self, command: str, value: str) -> str:
        """Set the session's model or effort. Return a sentence about what came of it."""
        return await self.about.choose(self._connection, self.session_id, command, value)

    async def restore(self, settings: Any) -> None:
        """Set the session's model and effort again, as the person had set them."""
        await self.about.restore(self._connection, self.session_id, settings)

    def prompt(self, text: str) -> None:
        """Begin a prompt. Its updates arrive in the inbox, up to its :class:`Ended`."""
        if self._stale:
            self._drain()
        self._heard, self._stale, self._strayed, self.failure = True, False, 0, None
        self._prompting = asyncio.create_task(self._prompt(text), name=f"{self._name} prompt")

    async def _prompt(self, text: str) -> None:
        try:
            answer = await self._connection.prompt(self.session_id, [text_block(text)], **tracing.carried())
        except (RequestError, ConnectionError, OSError) as error:
            self._fail(error)
            return
        usage = answer.usage.model_dump() if answer.usage is not None else None
        self.inbox.put_nowait(Ended(str(answer.stop_reason), usage))

    async def cancel(self) -> None:
        """Stop the prompt. If the agent does not stop in time, its process is ended."""
        if await self._stop_prompt():
            self._drain()

    async def _stop_prompt(self) -> bool:
        """Stop the prompt, and return True if there was one."""
        prompting = self._prompting
        if prompting is None or prompting.done():
            return False
        self._heard = False
        with suppress(ConnectionError, OSError, RequestError):
            await self._connection.cancel(session_id=self.session_id)
        for ask in self.asked:
            ask.withdraw()
        _, late = await asyncio.wait({prompting}, timeout=STOP_SECONDS)
        if late:
            await self.close()
        return True

    def _fail(self, error: BaseException) -> None:
        """End the prompt with an error. Later updates belong to no run."""
        self.inbox.put_nowait(Ended(error=error))
        self._stale = True

    def _drain(self) -> None:
        while not self.inbox.empty():
            self.inbox.get_nowait()

    async def close(self) -> None:
        """End the process and all that it started."""
        with suppress(ProcessLookupError):
            self._process.terminate()  # the leash kills the rest. Without one, an agent ends by itself
        await asyncio.wait({self._exited}, timeout=STOP_SECONDS)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for task in (self._prompting, self._errors, self._exited, self._returning):
            if task is not None:
                task.cancel()
        await self._connection.close()
        await self.terminals.close()

    async def why_gone(self) -> str:
        """Return how the process ended, with the tail of its standard error."""
        await asyncio.wait({self._exited, self._errors}, timeout=STOP_SECONDS)
        code = self._process.returncode
        how = "closed its connection" if code is None else f"ended (exit code {code})"
        words = self._tail.decode(errors="replace").strip()
        return f"The agent {self._name} {how}." + (f"\n{words}" if words else "")

    async def _asked(self, request: Any) -> Any:
        """Return the response to a request, within START_SECONDS.

        Raises:
            AcpFailed: no response came in time, or the agent is gone.
            Refused: the agent responded with an error.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                return await request
        except RequestError as error:
            raise self.refusal(error) from error
        except TimeoutError as error:
            raise AcpFailed(f"The agent {self._name} did not answer within {START_SECONDS:g} s.") from error
        except (ConnectionError, OSError) as error:
            raise AcpFailed(await self.why_gone()) from error

    async def ask(self, what: str, **params: Any) -> Any:
        """Put a request of the agent into the inbox and wait for its answer.

        Raises:
            RequestError: no prompt is under way, or the answer is no.
        """
        under_way = self._prompting is not None and not self._prompting.done()
        ask = next((ask for ask in self.asked if ask.asks and ask.is_same(what, params)), None)
        if ask is None:
            ask = AcpRequest(what, params, asyncio.get_running_loop().create_future())
            ask.answer.add_done_callback(seen)
            if not under_way or not self.told(ask):
                raise RequestError.invalid_request({"details": "no prompt is under way"})
            self.asked.append(ask)
        ask.callers += 1
        try:
            return await asyncio.shield(ask.answer)
        finally:
            ask.callers -= 1
            if ask.answer.done() or not ask.asks:
                self._give_up(ask)
            else:  # a client that lost its connection may send the same call again at once
                asyncio.get_running_loop().call_later(GIVE_UP_SECONDS, self._give_up, ask)

    def _give_up(self, ask: AcpRequest) -> None:
        """Close a request if no caller awaits its answer."""
        if ask.callers == 0 and not (ask.asks and ask.is_wanted):
            ask.answer.cancel()
            if ask in self.asked:
                self.asked.remove(ask)
            for other in [other for other in self.asked if ask in other.joined]:
                self._give_up(other)

    def refusal(self, error: RequestError) -> AcpFailed:
        """Return an error response of the agent as a failure with words."""
        if error.code == _LOGIN:
            return LoginNeeded(how_to_log_in(self._name, self._logins))
        return AcpRefused(f"{self._name}: {error}{f' ({error.data})' if error.data else ''}.")

    def told(self, item: dict[str, Any] | AcpRequest) -> bool:
        """Put an update or a request of the agent into the inbox. Return False if no run listens."""
        if isinstance(item, dict) and item.get("sessionUpdate") in CHANGES:
            self.modes.take(item)
            self._return()
        if isinstance(item, dict) and item.get("sessionUpdate") in UPDATES:
            self.about.take(item)
        if self._heard and self.inbox.qsize() >= MOST_WAITING:
            self._fail(AcpFailed(f"The agent {self._name} said more at once than can be kept."))
            self._heard = False
        if self._heard:
            self.inbox.put_nowait(item)
        return self._heard

    def _return(self) -> None:
        """Set the mode back if the agent left it. This happens at once, also while a question is open."""
        if self.modes.strayed and (self._returning is None or self._returning.done()):
            self._returning = asyncio.create_task(self._set_back(), name=f"{self._name} mode")

    async def _set_back(self) -> None:
        while self.modes.strayed:
            left = self.modes.current
            self._strayed += 1
            message = f"{self._name} changed its mode to {left} by itself"
            try:
                if self._strayed > MOST_STRAYED:
                    raise ModeFailed("it changes again and again")
                await self.modes.put(self._connection, self.session_id, self.modes.kept)
            except (ModeFailed, ConnectionError, OSError) as why:
                self.failure = AcpFailed(f"{message}, and was not set back to {self.modes.kept}: {why}.")
                self._fail(self.failure)  # before the prompt's own end
                await self._stop_prompt()
                return
            if self._heard:
                self.inbox.put_nowait(Noted(f"{message}; it was set back to {self.modes.kept}."))

    async def _read_errors(self) -> None:
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(64 * 1024):
            self._tail = (self._tail + data)[-_TAIL_BYTES:]
