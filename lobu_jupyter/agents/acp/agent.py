"""Agents of others over the Agent Client Protocol (ACP), under the laws of every run.

One process per thread, started by its first prompt, kept for the next ones, ended when idle. Its session id
and working directory are journaled when first seen, and used again by whichever worker runs the next
prompt. When the agent does not know the session any more, it gets one fresh one, with what was said before.

What it asks (a permission, a file that it wants to write, a command, a tool of the notebook) is judged by the
policy and becomes a question to the person where that asks. While it is open the agent waits in memory: if its
process goes, the pause ends with ``worker_died``. What it does not ask about it decides by itself, so each session
is put into the agent's asking mode first (:mod:`.modes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.ports import AgentError
from lobu_jupyter.model.runs import ErrorCode

from . import presets
from .process import AcpFailed, LoginNeeded
from .sessions import NotAsking, Sessions
from .turn import Turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.ports import KernelPort, Task

IDLE_SECONDS = 900.0


class AcpAgent:
    """One external agent. ``idle_seconds``: after which a process without a prompt is ended."""

    def __init__(self, name: str, config: dict[str, Any], *, idle_seconds: float = IDLE_SECONDS) -> None:
        self.name = name
        self.description = presets.description_of(name, config)
        self._config = config
        self._sessions = Sessions(name, config, idle_seconds)
        self._login = ""

    @property
    def state(self) -> dict[str, str]:
        """What a picker shows beside its name, as far as this process has seen: ``state``, and a ``hint``."""
        if self._login:
            return {"state": presets.NEEDS_LOGIN, "hint": self._login}
        return presets.state_of(self._config)

    async def run(self, task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
        if (hint := presets.hint_of(self._config)) is not None:
            raise AgentError(ErrorCode.INTERNAL, f"{self.name} is not installed on the server: {hint}.")
        turn = Turn(self.name, self._sessions, task, kernel)
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
            raise AgentError(code, f"{error} Ask again; it goes on in its session.") from error
        finally:
            await turn.leave()

    async def close(self) -> None:
        """End all processes."""
        await self._sessions.close()
