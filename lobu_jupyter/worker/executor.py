"""An agent's hand in the person's kernel: the executor of one run.

It waits for the person's own cell, says so, and keeps its request back until the kernel is idle, for
a sent request cannot be taken back. Cancelled, it interrupts its own code and never the person's. A
cell that waits for the agent runs the code itself (the inline path), else both would wait for ever.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lobu_jupyter.model.ports import Executed, Output

from .capture import Capture, Phase
from .source import request_code, result_code
from .subshell import look_aside

if TYPE_CHECKING:
    from .kernel import Kernel

WAITING_FOR_CELL = "waiting for your cell"
WAITING_FOR_AGENT = "waiting for another agent's code in this kernel"
DEFAULT_OUTPUT_BYTES = 10 * 1024 * 1024
_SLACK_BYTES = 256 * 1024  # above the agent's own cap, so that the agent's cut shows first
_PATIENCE_SECONDS = 0.15  # before a wait is worth a word
_OFFER_SECONDS = 1.0
_TAKEN_SECONDS = 10.0  # a cell that took a job begins it at once, or has lost it
_INTERRUPTS = 4  # tries, half a second apart: code may swallow a KeyboardInterrupt
_INTERRUPT_SECONDS = 0.5

OnOutput = Callable[[Output], Awaitable[None]]
OnWaiting = Callable[[str], Awaitable[None]]
Offer = Callable[[str, str], Awaitable[bool]]
"""``offer(job_id, code)``: whether a cell that waits in this kernel took the job."""


async def no_cell(job_id: str, code: str) -> bool:
    """An offer where no cell ever waits."""
    return False


class Executor:
    """A :class:`~lobu_jupyter.model.ports.KernelPort` on `kernel`."""

    def __init__(
        self, kernel: Kernel, offer: Offer = no_cell, output_bytes: int = DEFAULT_OUTPUT_BYTES
    ) -> None:
        self._kernel = kernel
        self._offer = offer
        self._limit = output_bytes + _SLACK_BYTES

    async def run_code(self, code: str, on_output: OnOutput, on_waiting: OnWaiting) -> Executed:
        return await self._do({"do": "run", "code": code}, on_output, on_waiting)

    async def call_tool(
        self, name: str, args: dict[str, Any], on_output: OnOutput, on_waiting: OnWaiting
    ) -> Executed:
        return await self._do({"do": "tool", "name": name, "args": args}, on_output, on_waiting)

    async def look(self, expression: str) -> Executed:
        found = None if await self._idle_soon() else await look_aside(self._kernel, expression)
        if found is None:
            return await self._do({"do": "look", "expression": expression}, _unseen, _unseen)
        return _executed(found)

    async def _idle_soon(self) -> bool:
        if not self._kernel.idle:
            await self._kernel.change(_PATIENCE_SECONDS)
        return self._kernel.idle and not self._kernel.turn.locked()

    async def _do(self, what: dict[str, Any], on_output: OnOutput, on_waiting: OnWaiting) -> Executed:
        if self._kernel.language != "python":
            return _executed(
                _failure("NotSupported", f"this kernel speaks {self._kernel.language}, not Python")
            )
        notes = _Notes(on_waiting)
        if self._kernel.turn.locked():
            await notes.say(WAITING_FOR_AGENT)
        async with self._kernel.turn:
            while True:
                capture = await self._start(json.dumps(what), notes)
                try:
                    done = await self._follow(capture, on_output, notes)
                except asyncio.CancelledError:
                    await asyncio.shield(self._stop(capture))
                    raise
                finally:
                    self._kernel.forget(capture)
                if done is not None:
                    return done

    # -- starting

    async def _start(self, text: str, notes: _Notes) -> Capture:
        """Wait for the kernel, or for a cell in it that offers itself; then send the request."""
        if not self._kernel.idle:
            await self._kernel.change(_PATIENCE_SECONDS)
        while not self._kernel.idle:
            capture = await self._offered(text)
            if capture is not None:
                return capture
            await notes.say(WAITING_FOR_CELL)
            await self._kernel.change(_OFFER_SECONDS)
        return self._send(text)

    def _send(self, text: str) -> Capture:
        message = self._kernel.message("execute_request", {})
        request_id: str = message["header"]["msg_id"]
        message["content"] = {
            "code": request_code(request_id, text),
            "silent": True,  # the wrapper leaves no trace; the guest shows what the code itself shows
            "store_history": False,
            "allow_stdin": False,
            "stop_on_error": False,
            "user_expressions": {"lobu": result_code(request_id)},
        }
        capture = self._kernel.capture(request_id, self._limit)
        self._kernel.send(message)
        return capture

    async def _offered(self, text: str) -> Capture | None:
        """Offer the request to a cell that waits. Once taken it counts as begun."""
        capture = self._kernel.capture(f"job_{uuid4().hex}", self._limit)
        offering = asyncio.ensure_future(self._offer(capture.request_id, text))
        try:
            taken = await asyncio.shield(offering)
        except asyncio.CancelledError:
            if await offering and await capture.change(_TAKEN_SECONDS):
                await self._stop(capture)
            self._kernel.forget(capture)
            raise
        if taken:
            return capture
        self._kernel.forget(capture)
        return None

    # -- following

    async def _follow(self, capture: Capture, on_output: OnOutput, notes: _Notes) -> Executed | None:
        """Hand on the outputs until the end; None if the request never ran and is to be sent again."""
        inline = capture.request_id.startswith("job_")
        while capture.phase is not Phase.ENDED:
            limit = _TAKEN_SECONDS if inline else _PATIENCE_SECONDS * 2
            changed = await capture.change(limit if capture.phase is Phase.SENT else 60.0)
            if capture.phase is Phase.SENT:
                if not changed and inline:
                    return None  # the cell took it and was lost
                await notes.say(WAITING_FOR_CELL)
                continue
            await notes.say("")
            for output in capture.take():
                await on_output(output)
        if capture.gone is not None:
            raise capture.gone
        if capture.aborted or (capture.result or {}).get("state") == "unwanted":
            return None
        for output in [*capture.take(), *_note_of(capture)]:
            await on_output(output)
        await notes.say("")
        return _executed(
            capture.result or _failure("Lost", "the kernel's result was lost in a flood of output")
        )

    async def _stop(self, capture: Capture) -> None:
        """End it: before it began, the guest will be told no; after, interrupt until it ends."""
        capture.wanted = False
        for _ in range(_INTERRUPTS):
            if capture.phase is not Phase.RUNNING or capture.gone is not None:
                return
            self._kernel.interrupt()
            await capture.ended(_INTERRUPT_SECONDS)


class _Notes:
    """Says each thing once: what the code waits for, and "" when it no longer does."""

    def __init__(self, on_waiting: OnWaiting) -> None:
        self._on_waiting = on_waiting
        self._said = ""

    async def say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            await self._on_waiting(text)


def _note_of(capture: Capture) -> list[Output]:
    if not capture.dropped:
        return []
    text = f"\n[{capture.dropped} more characters of output were not kept]\n"
    return [{"output_type": "stream", "name": "stderr", "text": text}]


def _executed(result: dict[str, Any]) -> Executed:
    return Executed(
        ok=bool(result.get("ok")),
        error=result.get("error"),
        value=result.get("value"),
        seconds=float(result.get("seconds", 0.0)),
    )


def _failure(ename: str, evalue: str) -> dict[str, Any]:
    return {"ok": False, "error": {"ename": ename, "evalue": evalue, "traceback": []}}


async def _unseen(_: Any) -> None:
    """A look shows nothing."""
