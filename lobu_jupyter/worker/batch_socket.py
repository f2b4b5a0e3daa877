"""Batches of many runs in one WebSocket message: the same bodies as by POST, without a request each.

Batches that queue while a message is under way go with the next one, so the busier the server, the more
runs share a message. If the socket cannot be opened, or breaks, its callers fall back to POST, and a batch
that may have arrived is sent again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_MESSAGE = 1024 * 1024
ANSWER_SECONDS = 30.0
REOPEN_SECONDS = 5.0


class Gone(Exception):
    """The socket is not open or broke. The message may have arrived."""


class BatchSocket(Protocol):
    """An open WebSocket. ``ask`` raises :class:`Gone` when it has been closed."""

    async def ask(self, message: bytes) -> bytes: ...
    def close(self) -> None: ...


class _Answers(msgspec.Struct):
    results: list[dict[str, Any]]


_answers = msgspec.json.Decoder(_Answers)
_Letter = tuple[bytes, "asyncio.Future[dict[str, Any]]"]


class Mail:
    """A queue of batches for the socket that `connect` opens when needed, with one message in flight."""

    def __init__(self, connect: Callable[[], Awaitable[BatchSocket]]) -> None:
        self._connect = connect
        self._waiting: deque[_Letter] = deque()
        self._sent: list[_Letter] = []
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._shut_until = 0.0

    async def post(self, batch: bytes) -> dict[str, Any]:
        """Send a batch. Return ``{"acked", "cursor"}``, or ``{"error", "status"}`` as POST would answer.

        Raises:
            Gone: use POST instead.
        """
        if len(batch) > MAX_MESSAGE or time.monotonic() < self._shut_until:
            raise Gone
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, answer))
        self._news.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="batches")
        return await answer

    async def close(self) -> None:
        """Close the socket. Pending posts raise :class:`Gone`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        """Send messages until the socket breaks."""
        try:
            socket = await self._connect()
            try:
                while True:
                    await self._news.wait()
                    self._news.clear()
                    while self._waiting:
                        await self._send(socket)
                        # Yield once: a run just acknowledged may queue another batch for the next message.
                        await asyncio.sleep(0)
            finally:
                socket.close()
        except (Gone, TimeoutError, msgspec.MsgspecError):
            self._shut_until = time.monotonic() + REOPEN_SECONDS
        finally:
            for _, answer in (*self._sent, *self._waiting):
                if not answer.done():
                    answer.set_exception(Gone())
            self._sent, self._waiting = [], deque()

    async def _send(self, socket: BatchSocket) -> None:
        size = 0
        while self._waiting and (not self._sent or size + len(self._waiting[0][0]) <= MAX_MESSAGE):
            self._sent.append(self._waiting.popleft())
            size += len(self._sent[-1][0])
        message = b'{"batches":[' + b",".join(batch for batch, _ in self._sent) + b"]}"
        async with asyncio.timeout(ANSWER_SECONDS):
            results = _answers.decode(await socket.ask(message)).results
        for (_, answer), result in zip(self._sent, results, strict=True):
            if not answer.done():  # its run was cancelled meanwhile
                answer.set_result(result)
        self._sent = []
