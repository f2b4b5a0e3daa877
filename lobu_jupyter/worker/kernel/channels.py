"""A kernel's sockets. They send requests and pass every message that arrives to a callback at once.

Reading never waits for the receiver of the messages, so that a flood of output fills no socket.
A lost connection is reported, so that no request waits for a dead kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.session import Session
from zmq.utils.monitor import recv_monitor_message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Message = dict[str, Any]
HEARTBEAT_SECONDS = 0.4

log = logging.getLogger(__name__)


class Channels:
    """The sockets to the kernel of `connection` (jupyter_client's connection info).

    ``on_message(channel, message)`` gets each message of shell, control, stdin and iopub.
    ``on_lost()`` is awaited when the shell connection breaks. The kernel addresses us by ``identity``.
    """

    def __init__(
        self,
        connection: dict[str, Any],
        on_message: Callable[[str, Message], None],
        on_lost: Callable[[], Awaitable[None]],
    ) -> None:
        self._on_message = on_message
        self._on_lost = on_lost
        self._context = zmq.asyncio.Context()
        self._context.setsockopt(zmq.RCVHWM, 0)  # we always read: a limit here would drop replies
        self.identity = f"lobu-{uuid4().hex}"
        self._session = Session(session=self.identity)
        self._client = AsyncKernelClient(session=self._session, context=self._context)
        self._client.load_connection_info(cast("Any", connection))
        self._sockets: dict[str, Any] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Connect and begin to read. Return at once, even if no kernel is there."""
        identity = self._session.bsession  # shell and stdin share it: input requests are addressed to it
        self._sockets = {
            "shell": self._client.connect_shell(identity=identity),
            "stdin": self._client.connect_stdin(identity=identity),
            "control": self._client.connect_control(identity=identity),
            "iopub": self._client.connect_iopub(),
        }
        monitor = self._sockets["shell"].get_monitor_socket(zmq.EVENT_DISCONNECTED)
        jobs = [self._read(name, socket) for name, socket in self._sockets.items()]
        self._tasks = [asyncio.create_task(job) for job in (*jobs, self._watch(monitor))]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(KeyError):
            self._sockets["shell"].disable_monitor()
        self._client.stop_channels()
        self._context.destroy(linger=0)

    def send(self, channel: str, kind: str, content: Message, **header: Any) -> str:
        """Send a request, with the fields of ``header`` in its header. Return its msg_id."""
        message = self.message(kind, content, **header)
        self.send_message(channel, message)
        return message["header"]["msg_id"]

    def message(self, kind: str, content: Message, **header: Any) -> Message:
        """Return a request that is not sent yet, so that its id is known before its first reply."""
        message: Message = self._session.msg(kind, content)
        message["header"].update(header)
        return message

    def send_message(self, channel: str, message: Message) -> None:
        # Not Session.send: it bypasses the asyncio socket, and may consume the one signal that a
        # message is there to be read. That message would then not be read.
        frames: list[bytes] = self._session.serialize(message)
        self._sockets[channel].send_multipart(frames)

    def reply(self, channel: str, kind: str, content: Message, parent: Message) -> None:
        message: Message = self._session.msg(kind, content, parent=parent)
        self.send_message(channel, message)

    async def heartbeat(self) -> bool:
        """Return whether the kernel process answers a ping, as it does even while user code holds the GIL."""
        socket: Any = self._client.connect_hb()
        try:
            await socket.send(b"ping")
            return bool(await socket.poll(HEARTBEAT_SECONDS * 1000))
        finally:
            socket.close(linger=0)

    async def _read(self, name: str, socket: Any) -> None:
        while True:
            frames = await socket.recv_multipart(copy=True)
            try:
                _, body = self._session.feed_identities(frames)
                message: Message = self._session.deserialize(body)
            except (ValueError, KeyError, TypeError) as error:  # a bad signature, a message cut short
                log.warning("an unreadable message on %s: %s", name, error)
                continue
            self._on_message(name, message)

    async def _watch(self, monitor: Any) -> None:
        while True:
            await recv_monitor_message(monitor)
            await self._on_lost()
