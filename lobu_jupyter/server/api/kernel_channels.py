"""workers/{w}/kernels/{k}/channels: a kernel's channels for the worker whose run uses it.

It is for kernels without local ports, as behind a Jupyter gateway. The messages are those of Jupyter's own kernel
WebSocket, because the configured connection class passes them on. A worker needs no credential of the gateway.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from msgspec import Struct
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from lobu_jupyter.model.bounds import Id
from lobu_jupyter.model.errors import InvalidField, KernelNotFound, LobuError
from lobu_jupyter.server.kernels.attendance import AGENT
from lobu_jupyter.server.kernels.forwarding import channel_of
from lobu_jupyter.server.kernels.remote import hurry, is_broken

from .workers import WorkerRoute

if TYPE_CHECKING:
    from lobu_jupyter.model.callers import WorkerCaller

_ASIDE = ("control", "stdin")
LEASE_SECONDS = 2.0
LINGER_SECONDS = 20.0  # a worker keeps the socket for its next run, as a connection takes 0.2 s


class ChannelsQuery(Struct, kw_only=True, rename="camel"):
    session_id: Id


class KernelChannelsHandler(KernelWebsocketHandler, WorkerRoute):  # pyright: ignore[reportIncompatibleMethodOverride]
    """A worker's socket to a kernel. It closes soon after the worker's last run in that kernel.

    Until then a worker without a run there may interrupt and answer its code, but sends nothing to be executed.
    """

    auth_resource = "lobu"
    worker: WorkerCaller
    kernel_id: str
    connection: Any = None
    _guard: asyncio.Task[None] | None = None
    _working = True  # a run of this worker uses the kernel

    async def prepare(self, *args: Any, **kwargs: Any) -> None:
        await WorkerRoute.prepare(self)  # not the mixin's, which knows only people

    @web.authenticated
    @authorized
    async def get(self, worker_id: str, kernel_id: str) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        session = self.query(ChannelsQuery).session_id
        if not session.startswith(AGENT):
            raise InvalidField(f"must begin with {AGENT}", field="sessionId")
        self.worker, self.kernel_id = self.own(worker_id), kernel_id
        await self.gateway.workers.works_in(self.worker, kernel_id)
        if kernel_id not in self.kernel_manager:
            raise KernelNotFound
        kernel = self.kernel_manager.get_kernel(kernel_id)
        connection_class = self.settings["kernel_websocket_connection_class"]
        self.connection = connection_class(parent=kernel, websocket_handler=self, config=self.config)
        self.connection.session.session = session
        if hasattr(self.connection, "prepare"):
            await self.connection.prepare()
        await WebSocketHandler.get(self, worker_id)

    @property
    def max_message_size(self) -> int:
        return self.service.settings.body_bytes

    async def open(self, *args: Any, **kwargs: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        WebSocketMixin.open(self, *args, **kwargs)
        self.set_nodelay(True)
        self.service.sockets.add(self)
        self.service.kernels.on_away(self.kernel_id, self.tell_away)
        self._guard = asyncio.create_task(self._close_in_time(), name=f"guard {self.kernel_id}")
        await ensure_async(self.connection.connect())

    async def on_message(self, ws_message: str | bytes) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Pass a message on. The next one is read after it."""
        if not self._working and channel_of(ws_message) not in _ASIDE and not await self._works():
            self.close(1008, "no run of this worker uses the kernel")
        elif self.connection is not None:
            hurry(self.connection)
            self.connection.handle_incoming_message(ws_message)

    def on_close(self) -> None:
        WebSocketHandler.on_close(self)
        self.service.sockets.discard(self)
        self.service.kernels.off_away(self.kernel_id, self.tell_away)
        if self._guard is not None:
            self._guard.cancel()
        if self.connection is not None:
            self.connection.disconnect()
            self.connection = None

    def tell_away(self, away: bool) -> None:
        """Tell the worker whether the kernel's gateway answers. It connects again if its connection broke."""
        note = {
            "channel": "lobu",
            "header": {"msg_type": "gateway"},
            "parent_header": {},
            "content": {"away": away},
        }
        try:
            self.write_message(msgspec.json.encode(note).decode())
        except WebSocketClosedError:
            return
        if not away and is_broken(self.connection):
            self.close(1012, "connect again")

    async def _works(self) -> bool:
        try:
            await self.gateway.workers.works_in(self.worker, self.kernel_id)
        except LobuError:
            self._working = False
        else:
            self._working = True
        return self._working

    async def _close_in_time(self) -> None:
        """Close the socket when no run of this worker uses the kernel any more."""
        loop = asyncio.get_running_loop()
        last = loop.time()
        while loop.time() - last < LINGER_SECONDS:
            await asyncio.sleep(LEASE_SECONDS)
            if await self._works():
                last = loop.time()
        self.close(1008, "no run of this worker uses the kernel")


ROUTES = [("workers/{workerId}/kernels/{kernelId}/channels", KernelChannelsHandler)]
