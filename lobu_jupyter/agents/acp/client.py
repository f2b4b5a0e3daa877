"""The client side of ACP: updates go to the process's inbox, and requests that need a decision wait as :class:`AcpRequest`.

The agent reads and ends its own terminals, once started, without a decision.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from acp import RequestError
from acp.schema import CancelElicitationResponse, DeniedOutcome, RequestPermissionResponse

if TYPE_CHECKING:
    import asyncio

    from .process import AcpProcess


def seen(answer: asyncio.Future[Any]) -> None:
    """Mark the exception of a refusal as retrieved, so that asyncio logs no error if nothing awaits it."""
    if not answer.cancelled():
        answer.exception()


@dataclass
class AcpRequest:
    """A request that the policy judges, and perhaps a person decides. ``answer`` is set once.

    ``what``: permission, write, read, terminal, elicit (of the protocol) or tool (a call of ours, over MCP).
    ``callers``: the number of the agent's requests that await the answer.
    ``asks``: True while a person is asked and has not decided.
    """

    what: str
    params: dict[str, Any]
    answer: asyncio.Future[Any]
    callers: int = 0
    asks: bool = False
    joined: list[AcpRequest] = field(default_factory=list["AcpRequest"])

    @property
    def is_wanted(self) -> bool:
        """Return True if a request still awaits the answer."""
        return not self.answer.done() and (self.callers > 0 or any(ask.callers > 0 for ask in self.joined))

    def is_same(self, what: str, params: dict[str, Any]) -> bool:
        """Return True if this is the same request, sent again."""
        return (self.what, self.params) == (what, params)

    def join(self, again: AcpRequest) -> None:
        """Give the answer of this request also to `again`, its repetition."""
        self.joined.append(again)
        self.answer.add_done_callback(again.take)

    def take(self, answer: asyncio.Future[Any]) -> None:
        """Copy the answer of another request."""
        if answer.cancelled():
            self.answer.cancel()
        elif (error := answer.exception()) is not None:
            self.refuse(error)
        else:
            self.give(answer.result())

    def give(self, answer: Any) -> None:
        """Set the answer, if it is still awaited."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def refuse(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def withdraw(self) -> None:
        """End the request without a decision, because the prompt is cancelled."""
        if self.what == "permission":
            self.give(RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled")))
        elif self.what == "elicit":
            self.give(CancelElicitationResponse(action="cancel"))
        else:
            self.refuse(refused("the prompt was cancelled"))


def refused(why: str) -> RequestError:
    """Return the error to answer the agent with."""
    return RequestError(-32603, why)


class Face:
    """The client of one agent process, as the protocol's library calls it."""

    def __init__(self, agent: AcpProcess) -> None:
        self._agent = agent

    def on_connect(self, conn: Any) -> None:
        return

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        self._agent.told(update.model_dump(mode="json", by_alias=True, exclude_none=True))

    async def request_permission(
        self, session_id: str, tool_call: Any, options: list[Any], **meta: Any
    ) -> Any:
        return await self._agent.ask(
            "permission",
            meta=meta,
            toolCall=tool_call.model_dump(mode="json", by_alias=True, exclude_none=True),
            options=[option.model_dump(mode="json", by_alias=True) for option in options],
        )

    async def create_elicitation(self, message: str, mode: Any, **_: Any) -> Any:
        wire = mode.model_dump(mode="json", by_alias=True, exclude_none=True)
        return await self._agent.ask("elicit", message=message, schema=wire.get("requestedSchema"))

    async def complete_elicitation(self, elicitation_id: str, **_: Any) -> None:
        return

    async def write_text_file(self, session_id: str, path: str, content: str, **_: Any) -> Any:
        return await self._agent.ask("write", path=path, content=content)

    async def read_text_file(
        self, session_id: str, path: str, line: int | None = None, limit: int | None = None, **_: Any
    ) -> Any:
        return await self._agent.ask("read", path=path, line=line, limit=limit)

    async def create_terminal(
        self,
        session_id: str,
        command: str,
        args: list[str] | None = None,
        env: list[Any] | None = None,
        cwd: str | None = None,
        output_byte_limit: int | None = None,
        **_: Any,
    ) -> Any:
        return await self._agent.ask(
            "terminal",
            command=[command, *(args or [])],
            env={variable.name: variable.value for variable in env or []},
            cwd=cwd,
            limit=output_byte_limit,
        )

    async def terminal_output(self, session_id: str, terminal_id: str, **_: Any) -> Any:
        return self._agent.terminals.output(terminal_id)

    async def wait_for_terminal_exit(self, session_id: str, terminal_id: str, **_: Any) -> Any:
        return await self._agent.terminals.wait(terminal_id)

    async def kill_terminal(self, session_id: str, terminal_id: str, **_: Any) -> None:
        await self._agent.terminals.kill(terminal_id)

    async def release_terminal(self, session_id: str, terminal_id: str, **_: Any) -> None:
        await self._agent.terminals.release(terminal_id)

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        raise RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        return
