"""One call of an MCP server: kept alive by its progress, and held while the server asks the person.

A server may elicit in the middle of a call, by a request of its own or by a result that needs input. The call then
waits in this worker, as an outside agent does. The run pauses with questions, and continues the call with the answers.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lobu_jupyter.model.text import shorten

from .forms import Unfit, filled, questions_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp.types import CallToolResult, ElicitResult

MOST_SECONDS = 24 * 3600.0  # of one call, whatever progress it reports
MOST_NOTE = 200
DONE, NO = "Done", "No"

current: ContextVar[McpCall | None] = ContextVar("current MCP call", default=None)


class CallFailed(Exception):
    """A call without a result. The message says why."""


class McpCall:
    """A call under way. ``seconds``: how long the server may be silent. ``note`` shows its progress on the card."""

    def __init__(self, server: str, seconds: float, note: Callable[[str], Awaitable[None]]) -> None:
        self.token = secrets.token_hex(8)
        self.question: Any = None  # the parameters of the elicitation that waits
        self.note = note
        self._server, self._seconds = server, seconds
        self._task: asyncio.Task[CallToolResult]
        self._limit: asyncio.Timeout | None = None
        self._asked = asyncio.Event()
        self._answer: asyncio.Future[ElicitResult] | None = None
        self._settled = asyncio.Event()  # no elicitation waits
        self._answered = asyncio.Event()  # a person has answered, or nobody will

    def start(self, request: Callable[[Any], Awaitable[CallToolResult]], over: Callable[[], object]) -> None:
        """Begin the call. ``request`` gets the callback for progress. ``over`` is called at its end."""
        self._task = asyncio.create_task(self._run(request), name=f"mcp call of {self._server}")
        self._task.add_done_callback(lambda _: over())

    async def _run(self, request: Callable[[Any], Awaitable[CallToolResult]]) -> CallToolResult:
        current.set(self)
        try:
            async with asyncio.timeout(MOST_SECONDS), asyncio.timeout(self._seconds) as self._limit:
                return await request(self._progressed)
        except TimeoutError as error:
            why = f"The MCP server {self._server} did not answer within {self._seconds:g} s."
            raise CallFailed(why) from error

    async def _progressed(self, progress: float, total: float | None, message: str | None) -> None:
        self._wait(self._seconds)
        count = f"{progress:g}" if total is None else f"{progress:g} of {total:g}"
        await self.note(shorten(" · ".join(part for part in (message, count) if part), MOST_NOTE))

    def _wait(self, seconds: float | None) -> None:
        """Allow the server this many more seconds, or for None any number."""
        if self._limit is not None:
            loop = asyncio.get_running_loop()
            with suppress(RuntimeError):  # it ran out a moment ago
                self._limit.reschedule(None if seconds is None else loop.time() + seconds)

    async def result(self) -> CallToolResult | None:
        """Wait for the result, or return None if the server asks the person (:attr:`question`)."""
        asked = asyncio.create_task(self._asked.wait())
        try:
            await asyncio.wait({self._task, asked}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        finally:
            asked.cancel()
        if self._task.cancelled():
            raise CallFailed(f"The MCP server {self._server} does not wait for this answer any more.")
        return self._task.result() if self._task.done() else None

    # -- elicitation

    async def elicit(self, params: Any) -> ElicitResult:
        """Wait for the person's answer to the server's question."""
        while self.question is not None:  # one at a time
            await self._settled.wait()
        self._answer = asyncio.get_running_loop().create_future()
        self.question = params
        self._settled.clear()
        self._answered.clear()
        self._wait(None)
        self.note = _nothing  # the run whose card it was on pauses
        self._asked.set()
        try:
            return await self._answer
        finally:
            self.question, self._answer = None, None
            self._asked.clear()
            self._settled.set()
            self._wait(self._seconds)

    def questions(self) -> list[dict[str, Any]]:
        """Return the waiting elicitation as questions, none if it cannot be put to a person."""
        params = self.question
        said = f"{self._server} asks: {params.message}"
        if params.mode == "url":
            if not _is_safe(params.url):
                return []
            text = f"{said}\nOpen this address yourself, and choose {DONE} afterwards: {params.url}"
            return [
                {"id": "url", "question": text, "options": [DONE, NO], "multiple": False, "freeText": False}
            ]
        return questions_of(said, _schema_of(params))

    def answer(self, answers: dict[str, Any] | None) -> str | None:
        """Give the person's answers, or None for none. Return why they do not fit, if so."""
        from mcp.types import ElicitResult

        params, waiting = self.question, self._answer
        if waiting is None or waiting.done():
            return None
        why, result = None, ElicitResult(action="decline")
        if answers is not None and params.mode == "url":
            result = ElicitResult(action="accept" if answers.get("url") == DONE else "decline")
        elif answers is not None:
            try:
                result = ElicitResult(action="accept", content=filled(_schema_of(params), answers))
            except Unfit as error:
                why, result = str(error), ElicitResult(action="cancel")
        self._asked.clear()
        self._answered.set()
        waiting.set_result(result)
        return why

    # -- as a question that waits in this process

    async def ended(self) -> str | None:
        """Wait for the end of the question. Return why it ended without an answer, None if it has one."""
        answered = asyncio.create_task(self._answered.wait())
        await asyncio.wait({self._task, answered}, return_when=asyncio.FIRST_COMPLETED)
        answered.cancel()
        return (
            None
            if self._answered.is_set()
            else f"The MCP server {self._server} ended its call while it asked."
        )

    def let_go(self) -> None:
        """End the call, because nobody will answer."""
        self._answered.set()
        self._task.cancel()


async def _nothing(text: str) -> None:
    return


class Together:
    """Several questions that wait in this process, as one."""

    def __init__(self, held: list[Any]) -> None:
        self._held = held

    async def ended(self) -> str | None:
        """Wait until one ends without an answer, or all have one."""
        waits = [asyncio.create_task(one.ended()) for one in self._held]
        try:
            for wait in asyncio.as_completed(waits):
                if (why := await wait) is not None:
                    self.let_go()
                    return why
            return None
        finally:
            for wait in waits:
                wait.cancel()

    def let_go(self) -> None:
        for one in self._held:
            one.let_go()


def _schema_of(params: Any) -> dict[str, Any]:
    schema: Any = params.requested_schema
    return dict(schema) if isinstance(schema, dict) else schema.model_dump(by_alias=True, exclude_none=True)  # pyright: ignore[reportUnknownArgumentType]


def _is_safe(url: str) -> bool:
    """Return True for a web address that a person can judge by its host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    secure = parts.scheme == "https" or (parts.scheme == "http" and local)
    return secure and bool(parts.hostname) and parts.username is None and len(url) <= 2000 and url.isascii()
