"""One incarnation of a person's kernel, shared by all runs of this worker that use it.

It tracks if the kernel is idle, which request it runs, and if it is alive. It routes each message to the
request that caused it. It answers the guest's questions (notebook/guest/guest.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.ports import KernelGone

from .capture import Capture, Phase
from .channels import Channels, Message
from .wires import Wires

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tornado.websocket import WebSocketClientConnection

GONE = "The kernel died or was restarted."
INLINE_SESSION = "lobu-inline"  # as in notebook/guest/guest.py
CONNECT_SECONDS = 30.0  # a kernel that was restarted may still boot, on a slow machine
_PROBE_SECONDS = 0.25
_PROBE_AGAIN_SECONDS, _PROBE_SELDOM_SECONDS = 2.0, 60.0
_CONFIRM_SECONDS = 1.0
_PATIENT_SECONDS = 600.0
_GOODBYE_SECONDS = 0.5
_GREETING_SECONDS = 1.0
_STEPS = 20
# Requests that a kernel answers outside its main shell. Their busy and idle say nothing about it.
_ASIDE = frozenset(
    [
        "kernel_info_request",
        "interrupt_request",
        "debug_request",
        "usage_request",
        "shutdown_request",
        "connect_request",
        "create_subshell_request",
        "delete_subshell_request",
        "list_subshell_request",
    ]
)

log = logging.getLogger(__name__)


class Kernel:
    """A connection to one kernel process. The request that has the main shell holds ``turn``.

    ``dial`` opens a socket to it through the server, for a kernel without ports that we can reach (``remote``).
    """

    def __init__(
        self,
        connection: dict[str, Any],
        dial: Callable[[str], Awaitable[WebSocketClientConnection]] | None = None,
        language: str = "python",
    ) -> None:
        self.turn = asyncio.Lock()
        self.lock = asyncio.Lock()  # of our one subshell
        self.subshell: str | None = None
        self.greeted = asyncio.Event()  # the kernel has reported its features, or will not
        self.features: frozenset[str] = frozenset()
        self.language = language
        self.implementation: str | None = None
        self.gone: KernelGone | None = None
        self.remote = dial is not None
        self.away = False  # the kernel's gateway does not answer the server
        self._channels: Channels | Wires = (
            Channels(connection, self._on_message, self._on_lost)
            if dial is None
            else Wires(dial, self._on_message, self._on_lost, self._on_again)
        )
        self._captures: dict[str, Capture] = {}
        self._replies: dict[str, asyncio.Future[Message]] = {}
        self._interrupts: set[str] = set()  # sent, not confirmed yet
        self._probes: set[str] = set()
        self._missed = False  # a connection was lost, and messages with it
        self._running: str | None = None  # the request that the main shell runs, according to iopub
        self._known = False
        self._process: str | None = None  # the kernel's own session id
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect.

        Raises:
            KernelGone: no heartbeat comes.
        """
        self.check()
        self._channels.open()
        end = asyncio.get_running_loop().time() + CONNECT_SECONDS
        while not await self._channels.heartbeat():
            if asyncio.get_running_loop().time() > end:
                self.lose("The kernel does not answer.")
            self.check()
        self._own(self._greet())
        self._own(self._probe())

    async def close(self) -> None:
        if self.subshell is not None and self.gone is None:
            with contextlib.suppress(TimeoutError, KernelGone):
                await self.ask("delete_subshell_request", {"subshell_id": self.subshell}, _GOODBYE_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._channels.close()

    def check(self) -> None:
        """Raise KernelGone if the kernel is gone."""
        if self.gone is not None:
            raise self.gone

    def lose(self, why: str = GONE) -> None:
        """Mark the kernel as gone, and fail each request that waits for it. A second call does nothing."""
        if self.gone is not None:
            return
        self.gone = KernelGone(why)
        for capture in self._captures.values():
            capture.lose(self.gone)
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(KernelGone(why))
        self._changed.set()

    @property
    def identity(self) -> str:
        """Our identity on the stdin channel, to which the guest sends its questions."""
        return self._channels.identity

    @property
    def idle(self) -> bool:
        """True if the main shell is known to run nothing."""
        return self._known and self._running is None

    async def change(self, seconds: float) -> None:
        """Wait until the kernel becomes busy, idle or gone, at most so many seconds."""
        self.check()
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self.check()

    async def stays(self, seconds: float) -> None:
        """Wait so long, to be sure that the kernel is not about to go.

        The wait has steps: a stall of this machine counts for one step, and the news arrives after it.

        Raises:
            KernelGone: the kernel went meanwhile.
        """
        for _ in range(_STEPS):
            await asyncio.sleep(seconds / _STEPS)
            self.check()

    async def takes_guest(self) -> bool:
        """Return whether this is an IPython kernel. One that does not say so at once counts as what its spec says."""
        if self.language.lower() == "python" and self.implementation is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GREETING_SECONDS):
                    await self.greeted.wait()
        return self.language.lower() == "python" and self.implementation in (None, "ipython")

    # -- requests

    def capture(self, request_id: str, limit: int) -> Capture:
        """Capture all messages with the parent `request_id`, until :meth:`forget`."""
        self.check()
        capture = self._captures[request_id] = Capture(request_id, limit)
        return capture

    def forget(self, capture: Capture) -> None:
        """End a capture. A request that has not begun will not begin any more."""
        self._captures.pop(capture.request_id, None)

    def message(self, kind: str, content: Message, **header: Any) -> Message:
        return self._channels.message(kind, content, **header)

    def send(self, message: Message) -> None:
        """Send on the shell channel."""
        self.check()
        self._channels.send_message("shell", message)

    async def ask(self, kind: str, content: Message, seconds: float) -> Message:
        """Send a request on the control channel and return its reply's content.

        Raises:
            TimeoutError: no reply in `seconds`.
            KernelGone: the kernel died meanwhile.
        """
        self.check()
        message = self._channels.message(kind, content)
        request_id: str = message["header"]["msg_id"]
        reply = self._replies[request_id] = asyncio.get_running_loop().create_future()
        try:
            self._channels.send_message("control", message)
            async with asyncio.timeout(seconds):
                return await reply
        finally:
            del self._replies[request_id]

    def interrupt(self) -> None:
        """Interrupt the running code. Call it only while a request of ours runs.

        The guest leaves its request only when the kernel has confirmed every interrupt.
        """
        self._interrupts.add(self._channels.send("control", "interrupt_request", {}))

    # -- messages

    def _on_message(self, channel: str, message: Message) -> None:
        kind, content, parent = message["msg_type"], message["content"], message["parent_header"] or {}
        request_id = parent.get("msg_id", "")
        if channel == "lobu":
            self._on_gateway(away=bool(content.get("away")))
            return
        self._recognise(message["header"].get("session"), parent.get("session"))
        if channel == "stdin":
            self._on_question(message, request_id)
        elif channel == "control":
            self._interrupts.discard(request_id)
            if (reply := self._replies.get(request_id)) is not None and not reply.done():
                reply.set_result(content)
        elif channel == "shell":
            if (capture := self._captures.get(request_id)) is not None:
                capture.on_reply(content)
        else:
            self._on_iopub(kind, content, parent)

    def _recognise(self, process: str | None, asked_by: str | None) -> None:
        """Mark the kernel as gone if another process, with another session id, has its address.

        Through the server, what a gateway itself says of a kernel has our own session id. IRkernel answers each request
        with the session id of its sender.
        """
        if not process or process in (self._channels.identity, asked_by):
            return  # none is named, as in the welcome of some kernels
        if self._process is None:
            self._process = process
        elif process != self._process:
            self.lose()

    def _on_question(self, message: Message, request_id: str) -> None:
        capture = self._captures.get(request_id)
        question = str(message["content"].get("prompt", "")).removeprefix("lobu:")
        if (question == "end" and self._interrupts) or (capture is not None and capture.held):
            return  # the guest asks again, until the interrupts are confirmed or the offer is answered
        yes = question == "end" or (capture is not None and capture.wanted)
        if capture is not None and yes:
            if question == "begin":
                capture.begin()
            capture.leaving = question == "end"
        self._channels.reply("stdin", "input_reply", {"value": "yes" if yes else "no"}, message)

    def _on_iopub(self, kind: str, content: Message, parent: Message) -> None:
        request_id = parent.get("msg_id", "")
        inline = parent.get("session") == INLINE_SESSION
        if kind == "shutdown_reply":
            self.lose("The kernel was restarted." if content.get("restart") else "The kernel was shut down.")
        if kind == "status" and not parent and content.get("execution_state") in ("restarting", "dead"):
            self.lose()  # so says the gateway of a remote kernel
        capture = self._captures.get(request_id)
        if capture is not None:
            capture.on_iopub(kind, content)
            if inline and kind == "status":
                capture.begin()  # a waiting cell took it and asks nothing over stdin
        if kind == "status" and not inline:
            self._on_status(content["execution_state"], parent, request_id)

    def _on_status(self, state: str, parent: Message, request_id: str) -> None:
        if request_id in self._probes and state == "idle":
            self._probes.clear()
            self._known, self._running = True, None
            if self._missed:
                self._end_missed()
        elif parent.get("msg_type") in _ASIDE or parent.get("subshell_id"):
            return
        elif state == "busy":
            self._known, self._running = True, request_id
        elif state == "idle" and self._running in (request_id, None):
            self._known, self._running = True, None
        self._changed.set()

    # -- life

    async def _greet(self) -> None:
        """Read the kernel's features. The reply may take as long as user code holds the GIL."""
        try:
            info = await self.ask("kernel_info_request", {}, _PATIENT_SECONDS)
            self.features = frozenset(info.get("supported_features", ()))
            self.language = info.get("language_info", {}).get("name", self.language)
            self.implementation = info.get("implementation")
        except (KernelGone, TimeoutError):
            log.debug("the kernel does not tell what it can do")
        finally:
            self.greeted.set()

    async def _probe(self) -> None:
        """Learn the main shell's state, with a harmless request that it answers when it is idle.

        The request is repeated if its idle was missed because our subscription was not active yet. The pauses
        grow if nothing comes: a process that died while we connected may have lost it.
        """
        patience = _PROBE_AGAIN_SECONDS
        while not self._known and self.gone is None:
            end = asyncio.get_running_loop().time() + patience
            message = self._channels.message("kernel_info_request", {})
            probe = self.capture(message["header"]["msg_id"], 0)
            self._probes.add(probe.request_id)
            self._channels.send_message("shell", message)
            while not self._known and not await probe.ended(_PROBE_SECONDS):
                if asyncio.get_running_loop().time() > end:
                    patience = min(2 * patience, _PROBE_SELDOM_SECONDS)
                    break
            self.forget(probe)

    async def _on_lost(self) -> None:
        """Find out if a broken connection means that the kernel died, or only the network."""
        if not await self._channels.heartbeat():
            self.lose()
            return
        try:
            await self.ask("kernel_info_request", {}, _CONFIRM_SECONDS)
        except TimeoutError:
            log.info("a connection to a kernel broke and came back; it is busy")
        except KernelGone:
            return

    def _on_gateway(self, *, away: bool) -> None:
        """Note whether the gateway of a remote kernel answers the server. Without it the kernel may well live."""
        self.away = away
        for capture in self._captures.values():
            capture.nudge()
        self._changed.set()

    def _on_again(self) -> None:
        """Learn the kernel's state anew after a lost connection."""
        self._known, self._missed = False, True
        self._own(self._probe())

    def _end_missed(self) -> None:
        """End the requests that ran when the connection broke: the kernel is idle, and their ends were missed."""
        self._missed = False
        for capture in self._captures.values():
            if capture.phase is Phase.RUNNING:
                capture.end()

    def _own(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


__all__ = ["Kernel", "Phase"]
