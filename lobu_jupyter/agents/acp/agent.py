"""External agents over the Agent Client Protocol (ACP), under the laws of every run.

Each thread has one process. Its first prompt starts the process, later prompts reuse it, and it ends when idle.
The agent's session id and working directory are journaled when first seen, so that any worker can use them for the
next prompt. An agent that has lost its session gets one new session, with the conversation so far in its prompt.

The policy judges each request of the agent: a permission, a file to write, a command, a tool of the notebook. If the
policy says ask, the request becomes a question to the person, and the agent waits in memory. If its process ends
meanwhile, the pause ends with ``worker_died``. The agent decides the rest by itself, so each session is put into
the agent's asking mode first (:mod:`.modes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.ports import AgentError
from lobu_jupyter.model.runs import ErrorCode

from . import presets
from .process import AcpFailed, LoginNeeded
from .sessions import AcpSessions, NotAsking
from .turn import AcpTurn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.ports import KernelPort, Task

IDLE_SECONDS = 900.0


class AcpAgent:
    """One external agent. A process without a prompt ends after ``idle_seconds``."""

    def __init__(self, name: str, config: dict[str, Any], *, idle_seconds: float = IDLE_SECONDS) -> None:
        self.name = name
        self.description = presets.description_of(name, config)
        self._config = config
        self._sessions = AcpSessions(name, config, idle_seconds)
        self._login = ""

    @property
    def state(self) -> dict[str, str]:
        """Return ``state`` and perhaps a ``hint`` for a picker, as far as this process knows."""
        if self._login:
            return {"state": presets.NEEDS_LOGIN, "hint": self._login}
        return presets.state_of(self._config)

    async def run(self, task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
        if (hint := presets.hint_of(self._config)) is not None:
            raise AgentError(ErrorCode.INTERNAL, f"{self.name} is not installed on the server: {hint}.")
        turn = AcpTurn(self.name, self._sessions, task, kernel)
        try:
            async for event in turn.events():
                yield event
            self._login = ""
        except LoginNeeded as error:
            self._login = str(error)
            raise AgentError(ErrorCode.PROVIDER_ERROR, f"{error} Then ask again.") from error
        except NotAsking as error:
            raise AgentError(ErrorCode.GUARDRAIL, str(error)) from error
        except AcpFailed as error:
            for event in turn.mapper.finish("The agent failed before this call had its result."):
                yield event
            code = ErrorCode.PROVIDER_ERROR if turn.alive else ErrorCode.WORKER_DIED
            raise AgentError(code, f"{error} Ask again to continue its session.") from error
        finally:
            await turn.leave()

    async def close(self) -> None:
        """End all processes."""
        await self._sessions.close()
