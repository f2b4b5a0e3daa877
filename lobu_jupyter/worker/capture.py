"""What one request publishes: kept in order, bounded, until its end.

The kernel's messages are put in as they come; the agent takes the outputs at its own pace. More
than ``limit`` bytes in all are not kept, only counted.
"""

from __future__ import annotations

import asyncio
import json
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lobu_jupyter.model.ports import KernelGone, Output

    from .channels import Message

RESULT_MIME = "application/vnd.lobu.result+json"  # as in notebook/guest.py
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
_LATE_SECONDS = 2.0


class Phase(Enum):
    SENT = "sent"  # in the kernel's queue, or on the way
    RUNNING = "running"
    ENDED = "ended"


class Capture:
    """One request's messages. ``result``: the guest's, None while it has none or was aborted."""

    def __init__(self, request_id: str, limit: int) -> None:
        self.request_id = request_id
        self.phase = Phase.SENT
        self.wanted = True
        self.held = False  # whether it is wanted is being settled: the guest asks again
        self.leaving = False  # the guest has asked to leave: an interrupt would hit what comes next
        self.aborted = False
        self.comm_id = ""  # that of a look through a subshell
        self.result: dict[str, Any] | None = None
        self.gone: KernelGone | None = None
        self.dropped = 0
        self._limit = limit
        self._kept = 0
        self._outputs: list[Output] = []
        self._updates: dict[str, Output] = {}  # the last state of each updated display
        self._changed = asyncio.Event()
        self._idle = False
        self._heard = 0

    def take(self) -> list[Output]:
        """The outputs since the last take."""
        if self.phase is Phase.ENDED:
            self._outputs += self._updates.values()
            self._updates = {}
        taken, self._outputs = self._outputs, []
        return taken

    async def change(self, seconds: float) -> bool:
        """Wait until something changed; False if nothing did for so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    async def ended(self, seconds: float) -> bool:
        """Wait for the end, at most so many seconds; takes and drops nothing."""
        end = asyncio.get_running_loop().time() + seconds
        while self.phase is not Phase.ENDED:
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            await self.change(left)
        return True

    # -- the kernel's side

    def begin(self) -> None:
        if self.phase is Phase.SENT:
            self.phase = Phase.RUNNING
            self._changed.set()

    def end(self) -> None:
        self.phase = Phase.ENDED
        self._changed.set()

    def lose(self, gone: KernelGone) -> None:
        self.gone = gone
        self.end()

    def on_reply(self, content: Message) -> None:
        if content.get("status") == "aborted":
            self.aborted = True
            self.end()
            return
        if content.get("status") == "error":
            self.result = {"state": "done", "ok": False, "error": _error_of(content)}
        else:
            expression = content.get("user_expressions", {}).get("lobu", {})
            shown = expression.get("data", {}).get(RESULT_MIME)
            self.result = json.loads(shown) if shown else {"ok": False, "error": _error_of(expression)}
        self._close()

    def on_iopub(self, kind: str, content: Message) -> None:
        self._heard += 1
        if kind == "status":
            self._on_status(content["execution_state"])
        elif kind == "stream":
            self._keep({"output_type": "stream", "name": content["name"], "text": content["text"]})
        elif kind in ("display_data", "execute_result", "update_display_data"):
            self._on_display(kind, content)
        elif kind in ("comm_msg", "comm_close"):
            self._on_comm(kind, content)
        elif kind == "error":
            self._keep({"output_type": "error", **_error_of(content)})

    def _on_comm(self, kind: str, content: Message) -> None:
        if content["comm_id"] != self.comm_id:
            return  # of a widget of the code
        if kind == "comm_msg":
            self.result = content["data"]
        self.end()  # closed before it answered: there is no guest

    def _on_status(self, state: str) -> None:
        if state == "idle":
            self._idle = True
            self._close()

    def _close(self) -> None:
        """End with reply (or result) and idle, which come on two sockets; one may be lost in a flood."""
        if self._idle and self.result is not None:
            self.end()
        else:
            asyncio.get_running_loop().call_later(_LATE_SECONDS, self._close_late, self._heard)

    def _close_late(self, heard: int) -> None:
        if self._heard == heard:
            self.end()
        else:  # a backlog of output is still being read
            asyncio.get_running_loop().call_later(_LATE_SECONDS, self._close_late, self._heard)

    def _on_display(self, kind: str, content: Message) -> None:
        data: dict[str, Any] = content["data"]
        if RESULT_MIME in data:
            self.result = json.loads(data[RESULT_MIME])
            return
        data = {mime: value for mime, value in data.items() if mime != WIDGET_MIME}
        output: Output = {
            "output_type": "display_data",
            "data": data,
            "metadata": content.get("metadata", {}),
        }
        if kind == "execute_result":
            output.update(output_type="execute_result", execution_count=None)
        display = content.get("transient", {}).get("display_id")
        if kind == "update_display_data" and isinstance(display, str):
            self._updates[display] = output  # a progress bar: what it says last
        else:
            self._keep(output)

    def _keep(self, output: Output) -> None:
        size, room = _size(output), max(0, self._limit - self._kept)
        if size > room and output["output_type"] == "stream":
            self.dropped += size - room
            output["text"], size = output["text"][:room], room
        elif size > room and output["output_type"] != "error":
            self.dropped += size
            return
        if size == 0 and output["output_type"] == "stream":
            return
        self._kept += size
        last = self._outputs[-1] if self._outputs else None
        if last is not None and _same_stream(last, output):
            last["text"] += output["text"]
        else:
            self._outputs.append(output)
        self._changed.set()


def _same_stream(a: Output, b: Output) -> bool:
    return a["output_type"] == b["output_type"] == "stream" and a["name"] == b["name"]


def _size(output: Output) -> int:
    if output["output_type"] == "stream":
        return len(output["text"])
    return sum(len(v) if isinstance(v, str) else len(json.dumps(v)) for v in output.get("data", {}).values())


def _error_of(content: Message) -> dict[str, Any]:
    return {
        "ename": content.get("ename", "Error"),
        "evalue": content.get("evalue", "the kernel gave no result"),
        "traceback": content.get("traceback", []),
    }
