"""The watch of a kernel behind a Jupyter gateway, over one connection of the configured class.

The gateway says of its kernels that they restart, end or are absent. A gateway that does not answer says nothing:
its kernels are neither alive nor dead until it does.

Such a kernel knows no secret of this server. So each incarnation of an IPython kernel is given a key of its own and
this server's address, over the connection, before it can prove itself (:mod:`.proof`).
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from socket import gaierror
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from jupyter_client.jsonutil import json_default
from jupyter_client.session import Session
from jupyter_core.utils import ensure_async
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from tornado.web import HTTPError

from .asking import ANSWER_SECONDS, answer, question
from .attendance import AGENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from logging import Logger

    from .attendance import Cells

LOOK_SECONDS = 1.0
GATEWAY_SECONDS = 5.0  # to answer, or it is away
ABSENT_SECONDS = 30.0  # a gateway that replicates finds a kernel again on the first request
TOLD_SECONDS = 20.0  # an action's event may come so long after its kernel said that it leaves
DOOR = "_lobu_door"
_GREETING_SECONDS, _DOOR_SECONDS = 3.0, 600.0
_PUT = "__import__('sys').modules.__setitem__({door!r}, __import__('types').SimpleNamespace(**{content!r}))"


def is_remote(process: Any) -> bool:
    """Return whether a kernel manager is the proxy of a kernel elsewhere, which has no ports here."""
    return bool(getattr(process, "kernel_url", None)) and not process.get_connection_info().get("iopub_port")


def is_broken(connection: Any) -> bool:
    """Return whether a connection to a gateway is known to have ended."""
    socket = getattr(connection, "ws", None)
    if socket is None:
        waited = getattr(connection, "ws_future", None)
        return waited is not None and waited.done()
    protocol = getattr(socket, "protocol", None)
    return protocol is None or protocol.is_closing()


def hurry(connection: Any) -> None:
    """Have a connection to a gateway send small messages at once."""
    protocol = getattr(getattr(connection, "ws", None), "protocol", None)
    if protocol is not None and not protocol.is_closing():
        protocol.set_nodelay(True)


class Listener(KernelWebsocketHandler):
    """The place of a page's handler, without a page: it takes what a connection passes on."""

    current_user: Any = None  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]
    selected_subprotocol: Any = None  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]

    def __init__(self, hear: Callable[[str | bytes], None]) -> None:
        self._hear = hear

    def write_message(self, message: Any, binary: bool = False) -> Any:
        self._hear(message)


class RemoteMonitor:
    """A watch of one kernel. It has the face of :class:`~.monitor.KernelMonitor`.

    ``connect_to(listener)`` makes a connection. ``url`` is this server's address for the kernel. ``on_key`` learns
    each key, and ``on_away`` whether the gateway answers.
    """

    def __init__(
        self,
        kernel_id: str,
        process: Any,
        cells: Cells,
        on_down: Callable[[RemoteMonitor], None],
        log: Logger,
        *,
        connect_to: Callable[[Listener], Any],
        url: Callable[[], str],
        on_key: Callable[[str], None],
        on_away: Callable[[bool], None],
    ) -> None:
        self.kernel_id = kernel_id
        self.process = process
        self.cells = cells
        self.down = False
        self.started = False
        self.away = False
        self.ending: tuple[str, str] | None = None  # what happened, and a detail
        self.language = "python"  # until the kernel says another
        self.key = b""
        self._on_down, self._log = on_down, log
        self._connect_to, self._url, self._on_key, self._on_away = connect_to, url, on_key, on_away
        self._session = Session(session=f"{AGENT}watch-{uuid4().hex}")
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._own: set[str] = set()
        self._connection: Any = None
        self._told_at, self._told_what = 0.0, ""
        self._absent_since: float | None = None
        self._placed = False  # this incarnation has its key
        self._tasks: set[asyncio.Task[None]] = set()
        self._renew()

    # -- the face of a watch

    @property
    def told(self) -> bool:
        """The gateway of lobu knows of the last end. Its action's event may still come, and is no second one."""
        return time.monotonic() - self._told_at < TOLD_SECONDS

    @told.setter
    def told(self, value: bool) -> None:
        self._told_at = time.monotonic() if value else 0.0
        self._told_what = self.ending[0] if self.ending else ""

    def has_told(self, what: str) -> bool:
        """Return whether the kernel itself said how it ended, before its action's event came.

        An earlier end of another kind does not count: a kernel that died is alive again within a second.
        """
        return self.told and self._told_what == what

    leaving = False  # it says itself how it ends

    def info(self) -> dict[str, Any]:
        """Return what a worker needs to reach the kernel."""
        return {"socket": f"kernels/{self.kernel_id}/channels"}

    def connect(self) -> None:
        """Begin to watch."""
        if self._connection is None:
            self._start(self._open())
            self._start(self._look())

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._connection is not None:
            self._connection.disconnect()

    async def check(self) -> None:
        """Do nothing: the gateway is asked beside the local kernels, which shall not wait for it."""

    def lose(self, what: str = "died", detail: str = "") -> None:
        """Note that this incarnation has ended, and report it once."""
        if self.down:
            return
        self.down, self.ending = True, (what, detail)
        self.cells.lost()
        self._renew()
        self._on_down(self)

    def new_incarnation(self) -> None:
        """Begin anew after a restart, unless the kernel itself said so before."""
        if not self.told:
            self.cells.clear()
            self._renew()
        self.down, self.ending = False, None
        self._greet()

    async def undefined(self, names: list[str]) -> list[str] | None:
        """Return those of the names that the kernel does not define, None if it does not say so soon."""
        try:
            content = await self._ask("shell", "execute_request", question(names), ANSWER_SECONDS)
        except TimeoutError:
            return None
        return answer(content, names)

    # -- the connection

    def _renew(self) -> None:
        self.key, self._placed = secrets.token_hex(32).encode(), False
        self._on_key(self.key.decode())

    async def _open(self) -> None:
        connection = self._connection = self._connect_to(Listener(self._hear))
        connection.session.session = self._session.session
        await ensure_async(connection.connect())
        self._greet()

    async def _reopen(self) -> None:
        self._connection.disconnect()
        await self._open()

    def _greet(self) -> None:
        self._start(self._introduce(self.key))

    async def _introduce(self, key: bytes) -> None:
        """Give an IPython kernel its key, ahead of its first cell. The gateway's look tries again."""
        try:
            info = await self._ask("control", "kernel_info_request", {}, _GREETING_SECONDS)
            self.started, self.down = True, False
            self.language = str(info.get("language_info", {}).get("name", self.language)).lower()
            if self._placed or key != self.key or info.get("implementation") != "ipython":
                return
            self._placed = True
            content = {"url": self._url(), "kernel_id": self.kernel_id, "key": key.decode()}
            done = await self._ask(
                "shell", "execute_request", _silent(_PUT.format(door=DOOR, content=content)), _DOOR_SECONDS
            )
            self._placed = key != self.key or done.get("status") == "ok"
        except TimeoutError:
            self._log.debug("lobu: kernel %s does not answer yet", self.kernel_id)

    async def _ask(self, channel: str, kind: str, content: dict[str, Any], seconds: float) -> dict[str, Any]:
        message: dict[str, Any] = self._session.msg(kind, content)
        request_id: str = message["header"]["msg_id"]
        reply = self._replies[request_id] = asyncio.get_running_loop().create_future()
        self._own.add(request_id)
        try:
            text = json.dumps({**message, "channel": channel, "buffers": []}, default=json_default)
            self._connection.handle_incoming_message(text)
            async with asyncio.timeout(seconds):
                return await reply
        finally:
            del self._replies[request_id]

    def _hear(self, said: str | bytes) -> None:
        try:
            message: dict[str, Any] = json.loads(said)
            header, parent, content = message["header"], message["parent_header"] or {}, message["content"]
            channel, kind = message["channel"], header["msg_type"]
        except (ValueError, KeyError, TypeError, UnicodeDecodeError):
            return  # with buffers, which no message has that matters here
        if (reply := self._replies.get(str(parent.get("msg_id")))) is not None and channel != "iopub":
            if not reply.done():
                reply.set_result(content)
        elif channel == "iopub" and kind == "shutdown_reply":
            self.lose("restarted" if content.get("restart") else "shutdown")
        elif channel == "iopub" and kind == "status":
            self._on_status(content.get("execution_state"), parent)

    def _on_status(self, state: Any, parent: dict[str, Any]) -> None:
        if not parent and state in ("restarting", "dead"):
            self.lose("died")
        elif not parent and state == "starting":
            self.down = False
            self._greet()
        elif parent.get("msg_id") not in self._own:
            if parent.get("msg_type") == "execute_request":
                self.started, self.down = True, False
            self.cells.reported(state, parent)

    # -- the gateway

    async def _look(self) -> None:
        """Ask the gateway again and again whether it still has the kernel."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                async with asyncio.timeout(GATEWAY_SECONDS):
                    model = await _model_of(self.process)
            except Exception as error:  # noqa: BLE001 - however it fails, it proves no death
                self._note_away(away=True, why=error)
                continue
            back = self.away
            self._note_away(away=False)
            if model is None:
                self._note_absent()
                continue
            self._absent_since = None
            self.down = False
            await self.process.refresh_model(model)
            if back or is_broken(self._connection):
                await self._reopen()
            elif not self._placed:
                self._greet()

    def _note_away(self, *, away: bool, why: Exception | None = None) -> None:
        if away != self.away:
            self.away = away
            state = f"does not answer ({why})" if away else "answers again"
            self._log.warning("lobu: the gateway of kernel %s %s", self.kernel_id, state)
            self._on_away(away)

    def _note_absent(self) -> None:
        now = time.monotonic()
        self._absent_since = self._absent_since or now
        if now - self._absent_since > ABSENT_SECONDS:
            self.lose("died", "its gateway no longer has it")

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(
            work, name=f"remote kernel {self.kernel_id}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.warning("lobu: the watch of kernel %s failed: %s", self.kernel_id, error)


async def _model_of(process: Any) -> dict[str, Any] | None:
    """Return the gateway's model of the kernel, or None if it has none. Any other failure is raised."""
    from jupyter_server.gateway.gateway_client import gateway_request

    request = cast("Callable[..., Awaitable[Any]]", gateway_request)
    try:
        return json.loads((await request(process.kernel_url, method="GET")).body)
    except HTTPError as error:
        if error.status_code == 404 and not isinstance(error.__cause__, gaierror):
            return None  # a name that is not resolved is a 404 as well
        raise


def _silent(code: str) -> dict[str, Any]:
    options = {"silent": True, "store_history": False, "allow_stdin": False, "stop_on_error": False}
    return {"code": code, "user_expressions": {}, **options}
