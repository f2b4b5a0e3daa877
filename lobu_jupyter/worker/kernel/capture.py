"""The outputs that one request publishes: kept in order, bounded, until its end.

The kernel's messages are added as they come. The agent takes the outputs at its own pace. Output
beyond ``limit`` bytes is not kept, only counted.
"""

from __future__ import annotations

import asyncio
import json
from enum import Enum
from typing import TYPE_CHECKING, Any

from .areas import Area, is_area, widget_display, widget_view

if TYPE_CHECKING:
    from lobu_jupyter.model.ports import KernelGone, Output

    from .channels import Message

RESULT_MIME = "application/vnd.lobu.result+json"  # as in notebook/guest/guest.py
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
_LATE_SECONDS = 2.0
_UPDATE_SECONDS = 0.25
_MOST_DISPLAYS = 200


class Phase(Enum):
    SENT = "sent"  # in the kernel's queue, or on the way
    RUNNING = "running"
    ENDED = "ended"


class Capture:
    """One request's messages. ``result`` is the guest's, None while there is none or if it was aborted."""

    def __init__(self, request_id: str, limit: int) -> None:
        self.request_id = request_id
        self.phase = Phase.SENT
        self.wanted = True
        self.held = False  # ``wanted`` is not settled yet: the guest asks again
        self.leaving = False  # the guest has asked to leave: an interrupt would hit the next code
        self.aborted = False
        self.plain = False  # a plain request: its reply has no result of the guest
        self.count: int | None = None  # the number of a plain request
        self.comm_id = ""  # the comm of a preview through a subshell
        self.result: dict[str, Any] | None = None
        self.gone: KernelGone | None = None
        self.dropped = 0
        self._limit = limit
        self._kept = 0
        self._outputs: list[Output] = []
        self._updates: dict[str, Output] = {}  # the last state of each updated display
        self._updated = 0.0  # when updates were last taken
        self._clearing = False  # clear_output(wait=True): with the next output
        self._shown: set[str] = set()  # displays that may be updated
        self._cleared: set[str] = set()
        self._areas: dict[str, Area] = {}  # ipywidgets' Output widgets, by their comm
        self._changed = asyncio.Event()
        self._idle = False
        self._heard = 0

    def take(self) -> list[Output]:
        """Return the outputs since the last call. Updates of a display come four times a second at most."""
        now = asyncio.get_running_loop().time()
        if self._updates and (self.phase is Phase.ENDED or now - self._updated >= _UPDATE_SECONDS):
            self._outputs += self._updates.values()
            self._updates, self._updated = {}, now
        taken, self._outputs = self._outputs, []
        return taken

    async def change(self, seconds: float) -> bool:
        """Wait for a change. Return False if there was none for so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    async def ended(self, seconds: float) -> bool:
        """Wait for the end, at most so many seconds. Return whether it came. Outputs stay to be taken."""
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

    def nudge(self) -> None:
        """Wake who waits for a change."""
        self._changed.set()

    def end(self) -> None:
        if self.phase is not Phase.ENDED and self.result is not None:
            self._show_widgets(self.result)
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
        self.count = content.get("execution_count")
        if content.get("status") == "error":
            self.result = {"state": "done", "ok": False, "error": _error_of(content)}
        elif self.plain:
            self.result = {"state": "done", "ok": True}
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
        elif kind == "clear_output":
            self._on_clear(wait=bool(content.get("wait")))
        elif kind == "comm_open" and is_area(content):
            self._areas[content["comm_id"]] = Area()
        elif kind in ("comm_msg", "comm_close"):
            self._on_comm(kind, content)
        elif kind == "error":
            self._keep({"output_type": "error", **_error_of(content)})

    def _on_comm(self, kind: str, content: Message) -> None:
        if area := self._areas.get(content["comm_id"]):
            area.on_state(content, self.request_id)
            return
        if content["comm_id"] != self.comm_id:
            return  # a comm of one of the code's widgets
        if kind == "comm_msg":
            self.result = content["data"]
        self.end()  # closed before it answered: there is no guest

    def _on_status(self, state: str) -> None:
        if state == "busy" and self.plain:
            self.begin()
        if state == "idle":
            self._idle = True
            self._close()

    def _close(self) -> None:
        """End after both reply (or result) and idle. They come on two sockets, and a flood may lose one."""
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
        display = content.get("transient", {}).get("display_id")
        view: Any = data.get(WIDGET_MIME)
        if isinstance(view, dict):
            display = display or widget_display(str(view.get("model_id")))
            data = {**data, WIDGET_MIME: widget_view(view)}
        elif WIDGET_MIME in data:
            data = {mime: value for mime, value in data.items() if mime != WIDGET_MIME}
        output: Output = {
            "output_type": "display_data",
            "data": data,
            "metadata": content.get("metadata", {}),
        }
        if isinstance(display, str):
            output["display_id"] = display
        if kind == "execute_result":
            output.update(output_type="execute_result", execution_count=None)
        if kind == "update_display_data" and isinstance(display, str):
            self._update(display, output)
        else:
            self._keep(output)

    def _on_clear(self, *, wait: bool) -> None:
        for comm_id, area in self._areas.items():
            if area.open:
                area.clear(wait=wait)
                self._show_area(comm_id, area)
                return
        self._clearing = True
        if not wait:
            self._clear()

    def _show_area(self, comm_id: str, area: Area) -> None:
        display = widget_display(comm_id)
        output = {"output_type": "display_data", "data": area.data(), "metadata": {}, "display_id": display}
        self._update(display, output)

    def _update(self, display: str, output: Output) -> None:
        """Keep the last state of an updated display, and wake the reader in time if nothing else does."""
        if display in self._cleared or (
            display not in self._updates and len(self._updates) >= _MOST_DISPLAYS
        ):
            return
        if not self._updates:
            asyncio.get_running_loop().call_later(_UPDATE_SECONDS, self._changed.set)
        self._updates[display] = output

    def _clear(self) -> None:
        """Drop the outputs not taken yet, and queue a clear_output for those that were."""
        self._clearing = False
        self._cleared |= self._shown
        self._shown.clear()
        self._outputs, self._updates = [{"output_type": "clear_output"}], {}
        self._changed.set()

    def _show_widgets(self, result: dict[str, Any]) -> None:
        """Update each displayed widget to its text in the guest's result, such as a bar's last state."""
        for model_id, text in (result.pop("widgets", None) or {}).items():
            display = widget_display(str(model_id))
            if display not in self._shown or str(model_id) in self._areas:
                continue
            data = {"text/plain": str(text), WIDGET_MIME: widget_view({"model_id": model_id})}
            output = {"output_type": "display_data", "data": data, "metadata": {}}
            self._update(display, {**output, "display_id": display})

    def _keep(self, output: Output) -> None:
        if (open_area := next((entry for entry in self._areas.items() if entry[1].open), None)) is not None:
            open_area[1].add(output)
            self._show_area(*open_area)
            return
        if self._clearing:
            self._clear()
        if "display_id" in output:
            self._shown.add(output["display_id"])
            self._cleared.discard(output["display_id"])
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
