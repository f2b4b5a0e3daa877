"""The server's side of the socket: it connects, connects again, and sends again what may be sent again.

While the service is away, a call waits a moment for it and then raises :class:`StoreUnavailable`, as with a database
that is away. A stream goes on where it was.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketError, websocket_connect

from lobu_jupyter.model.errors import LobuError, NotAllowed, StoreUnavailable, from_wire

from .wire import (
    MAX_FRAME,
    NOT_YOURS,
    PATH,
    PING_SECONDS,
    Answer,
    Ask,
    Attach,
    End,
    Invoke,
    Item,
    KernelTable,
    More,
    Open,
    Page,
    Shut,
    Wake,
    decode_down,
    encode,
    error_bytes,
    error_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from logging import Logger

    from tornado.websocket import WebSocketClientConnection

    from .wire import Down, Up

AWAY_SECONDS = 5.0  # after which calls no longer wait for a service that is away
READ_SECONDS = 60.0  # after which a reader does not
CONNECT_SECONDS = 5.0
DELAYS = (0.05, 0.2, 0.5, 1.0, 2.0, 3.0)
AWAY = "The hub's lobu service does not answer ({why}). Nothing is lost; it goes on when the service is back."
UNSURE = (
    "The hub's lobu service went away in the middle of this. Look whether it happened before you repeat it."
)


@dataclass
class _Waiting:
    """A call that was sent, and whether it may be sent again."""

    frame: Invoke
    once: bool
    answer: asyncio.Future[bytes]
    sent: bool = False


@dataclass
class _OpenStream:
    queue: asyncio.Queue[Page | Item | End | None] = field(
        default_factory=lambda: asyncio.Queue[Page | Item | End | None]()
    )  # None: the connection was lost


class ServiceLink:
    """A connection to the service, kept up by :meth:`run`.

    ``request`` returns the headers and TLS options of a new connection. ``hello`` returns the attachment as JSON, and
    ``table`` the kernels. ``on_ask`` answers the service.
    """

    def __init__(
        self,
        url: str,
        *,
        request: Callable[[], dict[str, Any]],
        hello: Callable[[], bytes],
        table: Callable[[], dict[str, str]],
        on_ask: Callable[[str, list[Any]], Awaitable[Any]],
        on_wake: Callable[[], None],
        log: Logger,
    ) -> None:
        self.url = f"{url.rstrip('/')}/{PATH}".replace("http", "ws", 1)
        self.failure: LobuError | None = None
        self._request, self._hello, self._table = request, hello, table
        self._on_ask, self._on_wake, self._log = on_ask, on_wake, log
        self._socket: WebSocketClientConnection | None = None
        self._up = asyncio.Event()
        self._lost_at = time.monotonic()
        self._numbers = 0
        self._waiting: dict[int, _Waiting] = {}
        self._streams: dict[int, _OpenStream] = {}
        self._told: dict[str, str] | None = None
        self._asks = set[asyncio.Task[None]]()

    # -- calls ------------------------------------------------------------------------------------

    async def call(self, name: str, args: bytes, *, once: bool = False) -> bytes:
        """Return the result of a method.

        Raises:
            StoreUnavailable: the service is away. LobuError: the gateway's own refusal.
        """
        await self._wait_up(AWAY_SECONDS)
        waiting = _Waiting(Invoke(self._next(), name, args), once, asyncio.get_running_loop().create_future())
        self._waiting[waiting.frame.id] = waiting
        try:
            self._write_call(waiting)
            return await waiting.answer
        except asyncio.CancelledError:
            self._write(Shut(waiting.frame.id))
            raise
        finally:
            self._waiting.pop(waiting.frame.id, None)

    async def stream(self, name: str, args: bytes) -> AsyncGenerator[Page | Item]:
        """Yield the items of a stream over one connection.

        Raises:
            ConnectionError: the connection was lost. The caller opens another stream, from where it was.
        """
        await self._wait_up(READ_SECONDS)
        number, stream = self._next(), _OpenStream()
        self._streams[number] = stream
        try:
            self._write(Open(number, name, args))
            while True:
                item = await stream.queue.get()
                if item is None:
                    raise ConnectionError
                if isinstance(item, End):
                    if item.error is not None:
                        raise error_of(item.error)
                    return
                yield item
                self._write(More(number))
        finally:
            del self._streams[number]
            self._write(Shut(number))

    def attach_again(self) -> None:
        """Tell the service what has changed about this server."""
        if self._up.is_set():
            self._write(Attach(self._next(), self._hello()))

    async def wait_up(self, seconds: float) -> None:
        """Wait until the service has this server, at most for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._up.wait()

    async def _wait_up(self, seconds: float) -> None:
        if self._up.is_set():
            return
        await self.wait_up(max(0.0, self._lost_at + seconds - time.monotonic()))
        if not self._up.is_set():
            raise self._away()

    def _away(self) -> LobuError:
        return StoreUnavailable(AWAY.format(why=self.failure or "not connected yet"))

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    # -- the connection ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        tries = 0
        try:
            while True:
                try:
                    await self._connect()
                    tries = 0
                    self._log.info("lobu: connected to the hub's lobu service")
                    await self._read()
                    failure: LobuError = self._closed()
                except LobuError as error:
                    failure = error
                await self._hang_up()
                self._lost(failure)
                await asyncio.sleep(DELAYS[min(tries, len(DELAYS) - 1)])
                tries += 1
                if time.monotonic() - self._lost_at > AWAY_SECONDS:
                    self._give_up()
        finally:
            await self._hang_up()
            self._lost(StoreUnavailable("the server stops"))
            self._give_up()

    async def _hang_up(self) -> None:
        """Close the connection, if it is not closed."""
        if self._socket is None:
            return
        self._socket.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while await self._socket.read_message() is not None:
                    pass

    async def _connect(self) -> None:
        request = HTTPRequest(
            self.url, connect_timeout=CONNECT_SECONDS, request_timeout=CONNECT_SECONDS, **self._request()
        )
        try:
            async with asyncio.timeout(2 * CONNECT_SECONDS):
                self._socket = await websocket_connect(
                    request, ping_interval=PING_SECONDS, ping_timeout=PING_SECONDS, max_message_size=MAX_FRAME
                )
                attach = Attach(self._next(), self._hello())
                self._told = None
                self._write(attach)
                self._write_kernels()
                await self._attached(attach.id)
        except HTTPClientError as error:
            raise _refusal(error) from error
        except (OSError, WebSocketError, TimeoutError) as error:
            raise StoreUnavailable(str(error) or type(error).__name__) from error
        self.failure = None
        self._up.set()
        for waiting in list(self._waiting.values()):
            self._write_call(waiting)

    async def _attached(self, number: int) -> None:
        """Wait for the answer to the attachment.

        Raises:
            LobuError: the service does not take this server.
        """
        while True:
            frame = await self._frame()
            if frame is None:
                raise self._closed()
            if isinstance(frame, Answer) and frame.id == number:
                if frame.error is not None:
                    raise error_of(frame.error)
                return
            self._take(frame)

    async def _read(self) -> None:
        while (frame := await self._frame()) is not None:
            self._take(frame)

    async def _frame(self) -> Down | None:
        assert self._socket is not None, "it is connected"
        message = await self._socket.read_message()
        return (
            None
            if message is None
            else decode_down(message if isinstance(message, bytes) else message.encode())
        )

    def _closed(self) -> LobuError:
        code = self._socket.close_code if self._socket is not None else None
        if code == NOT_YOURS:
            return NotAllowed("the hub no longer knows this server's token")
        return StoreUnavailable("the connection was lost")

    def _lost(self, failure: LobuError) -> None:
        if self._up.is_set():
            self._lost_at = time.monotonic()
            self._log.warning("lobu: the hub's lobu service is away: %s", failure)
        elif str(failure) != str(self.failure):
            self._log.warning("lobu: no connection to the hub's lobu service: %s", failure)
        self._up.clear()
        self._socket, self.failure = None, failure
        for stream in self._streams.values():
            stream.queue.put_nowait(None)
        for waiting in list(self._waiting.values()):
            if waiting.once and waiting.sent and not waiting.answer.done():
                waiting.answer.set_exception(StoreUnavailable(UNSURE))

    def _give_up(self) -> None:
        """Let calls fail that wait for a service which stays away."""
        for waiting in list(self._waiting.values()):
            if not waiting.answer.done():
                waiting.answer.set_exception(self._away())

    # -- frames -----------------------------------------------------------------------------------

    def _write_call(self, waiting: _Waiting) -> None:
        self._write_kernels()
        waiting.sent = self._write(waiting.frame)

    def _write_kernels(self) -> None:
        table = self._table()
        if table != self._told and self._write(KernelTable(table)):
            self._told = table

    def _write(self, frame: Up) -> bool:
        """Send a frame, in order. Returns False without a connection."""
        if self._socket is None:
            return False
        try:
            sent = self._socket.write_message(encode(frame), binary=True)
        except WebSocketError:
            return False
        sent.add_done_callback(_read_exception)
        return True

    def _take(self, frame: Down) -> None:
        if isinstance(frame, Answer):
            waiting = self._waiting.get(frame.id)
            if waiting is not None and not waiting.answer.done():
                if frame.error is None:
                    waiting.answer.set_result(frame.value)
                else:
                    waiting.answer.set_exception(error_of(frame.error))
        elif isinstance(frame, Page | Item | End):
            stream = self._streams.get(frame.id)
            if stream is not None:
                stream.queue.put_nowait(frame)
        elif isinstance(frame, Wake):
            self._on_wake()
        else:
            task = asyncio.get_running_loop().create_task(self._reply(frame), name=f"answer {frame.name}")
            self._asks.add(task)
            task.add_done_callback(self._asks.discard)

    async def _reply(self, frame: Ask) -> None:
        try:
            value = await self._on_ask(frame.name, msgspec.json.decode(frame.args))
            answer = Answer(frame.id, msgspec.json.encode(value))
        except LobuError as error:
            answer = Answer(frame.id, error=error_bytes(error))
        except Exception:  # noqa: BLE001 - the service must not wait for an answer that never comes
            self._log.exception("lobu: the question %s of the service could not be answered", frame.name)
            answer = Answer(frame.id, error=error_bytes(NotAllowed("The Jupyter server failed at this.")))
        self._write_kernels()
        self._write(answer)


def _read_exception(sent: asyncio.Future[None]) -> None:
    if not sent.cancelled():
        sent.exception()  # the reader sees the end of the connection


def _refusal(error: HTTPClientError) -> LobuError:
    """Return why the service did not take the connection."""
    body = error.response.body if error.response is not None else b""
    with suppress(msgspec.MsgspecError, KeyError, TypeError, AttributeError):
        return from_wire(msgspec.json.decode(body)["error"])
    if error.code == 404:
        return StoreUnavailable("there is no lobu service at LobuApp.gateway_url")
    return StoreUnavailable(f"HTTP {error.code}")
