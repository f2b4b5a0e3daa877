"""One process of an ACP agent: started for a thread, asked one prompt at a time, gone without an orphan.

What it says and asks between prompts comes through :attr:`AcpProcess.inbox` in order: updates (as ACP writes
them), :class:`Ask` and, at last, :class:`Ended`. An ask waits here, in memory, until it is answered.
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
    DeniedOutcome,
    FileSystemCapabilities,
    Implementation,
    RequestPermissionResponse,
)

from .leash import leashed

if TYPE_CHECKING:
    from acp import Client
    from acp.client.connection import ClientSideConnection

LINE_BYTES = 50 * 1024 * 1024
MOST_WAITING = 20_000
"""Updates that may wait to be journaled; more fail the run: nothing is dropped silently."""
START_SECONDS = 60.0
STOP_SECONDS = 3.0
_TAIL_BYTES = 2000
_LOGIN = -32000


class AcpFailed(Exception):
    """The agent cannot go on; the message says why."""


@dataclass
class Ask:
    """Something that a person decides. ``what``: permission or write; ``answer``: set once."""

    what: str
    params: dict[str, Any]
    answer: asyncio.Future[Any]

    def withdraw(self) -> None:
        """Nobody will decide it: the prompt is cancelled."""
        if self.answer.done():
            return
        if self.what == "permission":
            outcome = DeniedOutcome(outcome="cancelled")
            self.answer.set_result(RequestPermissionResponse(outcome=outcome))
        else:
            self.answer.set_exception(RequestError(-32603, "the prompt was cancelled"))


@dataclass(frozen=True)
class Ended:
    """The prompt is over: why it stopped and what it used, or the error."""

    stop_reason: str = "end_turn"
    usage: dict[str, Any] | None = None
    error: BaseException | None = None


class AcpProcess:
    """A running agent. ``root``: the directory whose files it may read through us."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self.inbox: asyncio.Queue[dict[str, Any] | Ask | Ended] = asyncio.Queue()
        self.session_id = ""
        self._process, self._name = process, name
        self.asked: list[Ask] = []  # those without an answer yet
        self._heard = False  # whether updates are of a prompt, not of an old session's replay
        self._prompting: asyncio.Task[None] | None = None
        self._tail = b""
        self._errors = asyncio.create_task(self._read_errors(), name=f"{name} stderr")
        self._connection: ClientSideConnection = connect_to_agent(
            cast("Client", _Face(self)), process.stdin, process.stdout, use_unstable_protocol=True
        )
        self._capabilities: Any = None

    @classmethod
    async def start(cls, name: str, config: dict[str, Any], cwd: str) -> AcpProcess:
        """Start the agent and shake hands.

        Raises:
            AcpFailed: it does not start, or speaks another protocol.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *leashed([str(part) for part in config["command"]]),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, **(config.get("env") or {})},
                cwd=cwd,
                limit=LINE_BYTES,
                start_new_session=True,
            )
        except OSError as error:
            raise AcpFailed(f"{name} cannot be started: {error.strerror or error}") from error
        agent = cls(process, name)
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

    async def _initialize(self) -> None:
        files = FileSystemCapabilities(read_text_file=True, write_text_file=True)
        answer = await self._asked(
            self._connection.initialize(
                PROTOCOL_VERSION,
                client_capabilities=ClientCapabilities(fs=files, terminal=False),
                client_info=Implementation(name="lobu_jupyter", version="0"),
            )
        )
        self._capabilities = answer.agent_capabilities

    async def new_session(self, cwd: str) -> None:
        """Begin a conversation in a directory (absolute)."""
        answer = await self._asked(self._connection.new_session(cwd=cwd, mcp_servers=[]))
        self.session_id = answer.session_id

    async def old_session(self, session_id: str, cwd: str) -> bool:
        """Go on with a conversation; False if the agent does not know it any more, or cannot."""
        able = self._capabilities
        sessions = able.session_capabilities if able is not None else None
        try:
            if sessions is not None and sessions.resume is not None:
                await self._asked(
                    self._connection.resume_session(session_id=session_id, cwd=cwd, mcp_servers=[])
                )
            elif able is not None and able.load_session:
                await self._asked(
                    self._connection.load_session(session_id=session_id, cwd=cwd, mcp_servers=[])
                )
            else:
                return False
        except Refused:
            return False
        self.session_id = session_id
        return True

    def prompt(self, text: str) -> None:
        """Begin a prompt; what comes of it is in the inbox, to its :class:`Ended`."""
        self._heard = True
        self._prompting = asyncio.create_task(self._prompt(text), name=f"{self._name} prompt")

    async def _prompt(self, text: str) -> None:
        try:
            answer = await self._connection.prompt(session_id=self.session_id, prompt=[text_block(text)])
        except (RequestError, ConnectionError, OSError) as error:
            self.inbox.put_nowait(Ended(error=error))
            return
        usage = answer.usage.model_dump() if answer.usage is not None else None
        self.inbox.put_nowait(Ended(str(answer.stop_reason), usage))

    async def cancel(self) -> None:
        """Stop the prompt; an agent that does not stop in time is ended."""
        prompting = self._prompting
        if prompting is None or prompting.done():
            return
        self._heard = False
        with suppress(ConnectionError, OSError, RequestError):
            await self._connection.cancel(session_id=self.session_id)
        for ask in self.asked:
            ask.withdraw()
        _, late = await asyncio.wait({prompting}, timeout=STOP_SECONDS)
        if late:
            await self.close()
        while not self.inbox.empty():
            self.inbox.get_nowait()

    async def close(self) -> None:
        """End the process and all that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for task in (self._prompting, self._errors):
            if task is not None:
                task.cancel()
        await self._connection.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()

    async def why_gone(self) -> str:
        """How the process ended, with the last words that it wrote to standard error."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        code = self._process.returncode
        how = "closed its connection" if code is None else f"ended (exit code {code})"
        words = self._tail.decode(errors="replace").strip()
        return f"The agent {self._name} {how}." + (f"\n{words}" if words else "")

    async def _asked(self, request: Any) -> Any:
        """An answer in time.

        Raises:
            AcpFailed: none came, or the agent is gone. Refused: it answered with an error.
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

    def refusal(self, error: RequestError) -> AcpFailed:
        """An error that the agent answered with, in words."""
        if error.code == _LOGIN:
            return Refused(f"{self._name} needs a login: run it once in a terminal of the server and log in.")
        detail = f" ({error.data})" if error.data else ""
        return Refused(f"{self._name}: {error}{detail}.")

    def told(self, item: dict[str, Any] | Ask) -> bool:
        """Put what the agent says or asks into the inbox; False if nobody listens."""
        if self._heard and self.inbox.qsize() >= MOST_WAITING:
            error = AcpFailed(f"The agent {self._name} said more at once than can be kept.")
            self.inbox.put_nowait(Ended(error=error))
            self._heard = False
        if self._heard:
            self.inbox.put_nowait(item)
        return self._heard

    async def _read_errors(self) -> None:
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(64 * 1024):
            self._tail = (self._tail + data)[-_TAIL_BYTES:]


class Refused(AcpFailed):
    """The agent answered with an error."""


class _Face:
    """What the agent may call: updates go to the inbox, requests wait there as asks."""

    def __init__(self, agent: AcpProcess) -> None:
        self._agent = agent

    def on_connect(self, conn: Any) -> None:
        return

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        self._agent.told(update.model_dump(mode="json", by_alias=True, exclude_none=True))

    async def request_permission(self, session_id: str, tool_call: Any, options: list[Any], **_: Any) -> Any:
        return await self._ask(
            "permission",
            toolCall=tool_call.model_dump(mode="json", by_alias=True, exclude_none=True),
            options=[option.model_dump(mode="json", by_alias=True) for option in options],
        )

    async def write_text_file(self, session_id: str, path: str, content: str, **_: Any) -> Any:
        return await self._ask("write", path=path, content=content)

    async def read_text_file(
        self, session_id: str, path: str, line: int | None = None, limit: int | None = None, **_: Any
    ) -> Any:
        return await self._ask("read", path=path, line=line, limit=limit)

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        raise RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        return

    async def _ask(self, what: str, **params: Any) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        ask = Ask(what, params, answer)
        if not self._agent.told(ask):
            raise RequestError.invalid_request({"details": "no prompt is under way"})
        self._agent.asked.append(ask)
        try:
            return await answer
        finally:
            self._agent.asked.remove(ask)
