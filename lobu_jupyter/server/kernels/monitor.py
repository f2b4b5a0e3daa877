"""One kernel's watch, which reports the death of its process and the requests that it executes.

The ZMQ monitor of an own iopub connection notices a death within milliseconds, and the kernel manager
confirms it. A poll finds the deaths that the monitor missed. The watch reports only *that* the process is
gone. :mod:`.kernels` finds the reason.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from typing import TYPE_CHECKING, Any, Protocol

import zmq
from jupyter_client.session import Session
from jupyter_core.utils import ensure_async
from zmq.eventloop.zmqstream import ZMQStream
from zmq.utils.monitor import parse_monitor_message

from .asking import undefined

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from logging import Logger

    from lobu_jupyter.server.tasks import Tasks

    from .attendance import Cells

CONFIRM_SECONDS = 0.5
CONFIRM_STEP = 0.01


class KernelProcess(Protocol):
    """The part of a kernel manager that a watch needs."""

    shutting_down: bool
    session: Session

    def is_alive(self) -> bool | Awaitable[bool]: ...
    def connect_iopub(self) -> ZMQStream: ...
    def get_connection_info(self) -> dict[str, Any]: ...


class KernelMonitor:
    """A watch of one kernel process. Each death calls ``on_down`` once. ``tasks`` own what it does beside."""

    def __init__(
        self,
        kernel_id: str,
        process: KernelProcess,
        cells: Cells,
        on_down: Callable[[KernelMonitor], None],
        tasks: Tasks,
        log: Logger,
    ) -> None:
        self.kernel_id = kernel_id
        self.process = process
        self.cells = cells
        self.down = False
        self.started = False  # this incarnation has opened its ports
        self.told = False  # the gateway knows that this incarnation is gone
        self._on_down = on_down
        self._tasks = tasks
        self._log = log
        self._confirming = False
        self._ports: Any = None
        self._stream: ZMQStream | None = None
        self._monitor: ZMQStream | None = None
        self._session = Session(key=process.session.key)

    def connect(self) -> None:
        """Listen to the kernel, and reconnect if its ports have changed."""
        info = self.process.get_connection_info()
        ports = (info.get("ip"), info.get("iopub_port"))
        if not info.get("iopub_port") or ports == self._ports:
            return
        self.close()
        self._ports = ports
        stream = self.process.connect_iopub()
        stream.socket.setsockopt(zmq.UNSUBSCRIBE, b"")
        stream.socket.setsockopt(zmq.SUBSCRIBE, b"kernel")  # status messages. Outputs have other topics
        stream.on_recv(self._on_iopub)
        self._stream = stream
        self._monitor = _monitor_of(stream)
        self._monitor.on_recv(self._on_monitor)

    def close(self) -> None:
        """Stop listening."""
        if self._monitor is not None and self._stream is not None:
            self._monitor.on_recv(None)
            if not self._stream.closed():
                self._stream.socket.disable_monitor()
            self._monitor.close(linger=0)
        if self._stream is not None and not self._stream.closed():
            self._stream.on_recv(None)
            self._stream.close(linger=0)
        self._stream = self._monitor = self._ports = None

    ending: tuple[str, str] | None = None  # nobody but the process says how it ended

    @property
    def key(self) -> bytes:
        """The key that the kernel proves itself by."""
        return self.process.session.key

    @property
    def leaving(self) -> bool:
        """A restart or shutdown is under way."""
        return self.process.shutting_down

    @property
    def language(self) -> str:
        """The language that the kernel spec names."""
        spec = None if self.cells.embedded else getattr(self.process, "kernel_spec", None)
        return (getattr(spec, "language", "") or "python").lower()

    def info(self) -> dict[str, Any] | None:
        """Return what a worker needs to reach the kernel: its connection info, None without ports."""
        info = connection_of(self.process)
        return info if info.get("shell_port") else None

    async def undefined(self, names: list[str]) -> list[str] | None:
        """Return those of the names that the kernel does not define, None if it does not say so soon."""
        return await undefined(connection_of(self.process), names)

    async def check(self) -> None:
        """Ask the manager if the process is alive, and note the result."""
        try:
            alive = await ensure_async(self.process.is_alive())
        except Exception as error:  # noqa: BLE001 - a provisioner may raise anything, which proves no death
            self._log.warning("lobu: kernel %s does not say whether it lives: %s", self.kernel_id, error)
            return
        if alive:
            self.down = False
            self.connect()
        else:
            self.lose()

    def has_told(self, what: str) -> bool:
        """Return whether this incarnation's end was told, whatever it was: it has one only."""
        return self.told

    def lose(self) -> None:
        """Note that the process is dead, and report it once."""
        if not self.down:
            self.down = True
            self.cells.clear()
            self._on_down(self)

    def new_incarnation(self) -> None:
        """Reset the state for a newly started process, and reconnect."""
        self.down = self.told = self.started = False
        self.cells.clear()
        self.connect()

    def _on_monitor(self, message: list[bytes]) -> None:
        event = parse_monitor_message(message)["event"]
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.started = True
        elif not self._confirming:
            self._confirming = True
            self._tasks.start(self._confirm(), f"confirm {self.kernel_id}")

    async def _confirm(self) -> None:
        """Poll the process after a broken connection: a dying one is reaped some milliseconds later."""
        end = time.monotonic() + CONFIRM_SECONDS
        try:
            while not self.down and self._stream is not None and time.monotonic() < end:
                await self.check()
                await asyncio.sleep(CONFIRM_STEP)
        finally:
            self._confirming = False

    def _on_iopub(self, message: list[bytes]) -> None:
        _, parts = self._session.feed_identities(message)
        try:
            status = self._session.deserialize(parts, content=True)
        except ValueError as error:
            self._log.warning("lobu: kernel %s sent an unsigned message: %s", self.kernel_id, error)
            return
        self.started = True
        if status["header"]["msg_type"] == "status":
            self.cells.reported(status["content"].get("execution_state"), status.get("parent_header") or {})


def _monitor_of(stream: ZMQStream) -> ZMQStream:
    """Return the stream's connection events. get_monitor_socket() would use the context's socket class."""
    address = f"inproc://lobu-monitor-{secrets.token_hex(8)}"
    stream.socket.monitor(address, zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED)
    socket = stream.socket.context.socket(zmq.PAIR, socket_class=zmq.Socket)
    socket.connect(address)
    return ZMQStream(socket)


def connection_of(process: KernelProcess) -> dict[str, Any]:
    """Return a kernel's connection info as JSON, with the key as text."""
    info: dict[str, Any] = dict(process.get_connection_info())
    key = info.get("key", b"")
    info["key"] = key.decode() if isinstance(key, bytes) else key
    return json.loads(json.dumps(info, default=str))
