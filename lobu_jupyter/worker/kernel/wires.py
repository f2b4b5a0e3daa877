"""A kernel's channels through the Jupyter server: one WebSocket with all messages, for a kernel without local ports.

It has the face of :class:`~.channels.Channels`. A socket that breaks is opened again under the same session. What the
kernel said meanwhile may be lost, which is reported by ``on_again``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import struct
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from jupyter_client.jsonutil import json_default
from jupyter_client.session import Session
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketClosedError

from lobu_jupyter.client.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tornado.websocket import WebSocketClientConnection

    from .channels import Message

PATIENCE_SECONDS = 30.0
_CONNECTED_SECONDS = 0.4
_REFUSED = (400, 401, 403, 404)

log = logging.getLogger(__name__)


class Wires:
    """The channels that ``dial(session)`` opens. The kernel addresses us by ``identity``, our session.

    ``on_message(channel, message)`` gets each message. ``on_again()`` is called after each lost connection that is
    open again, and ``on_lost()`` awaited when it stays lost.
    """

    def __init__(
        self,
        dial: Callable[[str], Awaitable[WebSocketClientConnection]],
        on_message: Callable[[str, Message], None],
        on_lost: Callable[[], Awaitable[None]],
        on_again: Callable[[], None],
    ) -> None:
        self._dial = dial
        self._on_message = on_message
        self._on_lost = on_lost
        self._on_again = on_again
        self.identity = f"lobu-{uuid4().hex}"
        self._session = Session(session=self.identity)
        self._socket: WebSocketClientConnection | None = None
        self._unsent: list[str] = []
        self._open = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to connect and to read."""
        self._task = asyncio.create_task(self._serve(), name="kernel socket")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def send(self, channel: str, kind: str, content: Message) -> str:
        """Send a request. Return its msg_id."""
        message = self.message(kind, content)
        self.send_message(channel, message)
        return message["header"]["msg_id"]

    def message(self, kind: str, content: Message, **header: Any) -> Message:
        """Return a request that is not sent yet."""
        message: Message = self._session.msg(kind, content)
        message["header"].update(header)
        return message

    def send_message(self, channel: str, message: Message) -> None:
        """Send a message, once there is a connection."""
        text = json.dumps({**message, "channel": channel, "buffers": []}, default=json_default)
        try:
            if self._socket is None:
                raise WebSocketClosedError
            self._socket.write_message(text)
        except WebSocketClosedError:
            self._unsent.append(text)

    def reply(self, channel: str, kind: str, content: Message, parent: Message) -> None:
        self.send_message(channel, self._session.msg(kind, content, parent=parent))

    async def heartbeat(self) -> bool:
        """Return whether there is a connection. The server at its other end knows whether the kernel lives."""
        try:
            async with asyncio.timeout(_CONNECTED_SECONDS):
                return await self._open.wait()
        except TimeoutError:
            return False

    async def _serve(self) -> None:
        backoff, again = Backoff(PATIENCE_SECONDS), False
        while True:
            try:
                self._socket = await self._dial(self.identity)
            except (HTTPClientError, OSError) as error:
                refused = isinstance(error, HTTPClientError) and error.code in _REFUSED
                delay = None if refused else backoff.delay()
                if delay is None:
                    log.info("the server does not connect us to a kernel: %s", error)
                    await self._on_lost()
                    return
                await asyncio.sleep(delay)
                continue
            backoff.succeeded()
            try:
                await self._read(self._socket, again=again)
            finally:
                self._open.clear()
                self._socket.close()
                self._socket = None
            again = True

    async def _read(self, socket: WebSocketClientConnection, *, again: bool) -> None:
        """Read the messages of one connection to its end."""
        self._open.set()
        unsent, self._unsent = self._unsent, []
        for text in unsent:
            socket.write_message(text)
        if again:
            self._on_again()
        while (said := await socket.read_message()) is not None:
            try:
                message: Message = json.loads(said if isinstance(said, str) else _json_of(said))
                channel = message["channel"]
                message["msg_type"] = message["header"]["msg_type"]
            except (ValueError, KeyError, TypeError, struct.error) as error:
                log.warning("an unreadable message: %s", error)
                continue
            self._on_message(channel, message)


def _json_of(message: bytes) -> bytes:
    """Return the JSON of a message with buffers: the number of parts, their offsets, JSON, buffers."""
    (count,) = struct.unpack_from("!I", message)
    offsets = (*struct.unpack_from(f"!{count}I", message, 4), len(message))
    return message[offsets[0] : offsets[1]]
