"""The executor of one run, which runs an agent's code in the person's kernel.

It waits for the person's own cell, reports that, and holds its request until the kernel is idle, because
a sent request cannot be withdrawn. When cancelled, it interrupts its own code and never the person's. A
cell that waits for the agent runs the code itself (the inline path), or both would wait for ever.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lobu_jupyter.model.ports import Executed, Output
from lobu_jupyter.worker.report import Reports, Unheard

from .capture import Capture, Phase
from .guest_source import request_code, result_code
from .plain import run_plain
from .subshell import look_aside

if TYPE_CHECKING:
    from .channels import Message
    from .connection import Kernel

WAITING_FOR_CELL = "waiting for your cell"
GATEWAY_AWAY = "your kernel's gateway does not answer"
WAITING_FOR_AGENT = "waiting for another agent's code in this kernel"
DEFAULT_OUTPUT_BYTES = 10 * 1024 * 1024
REMOTE_BYTES = 500_000  # a second: a gateway drops what is above 1 MB, also if it comes late and at once
_SLACK_BYTES = 256 * 1024  # above the agent's own cap, so that the agent's cut shows first
_PATIENCE_SECONDS = 0.15  # a shorter wait is not reported
_OFFER_SECONDS = 1.0
_QUEUED_SECONDS = 0.5
_LONG_SECONDS = 60.0
_TAKEN_SECONDS = 10.0  # a cell begins a job that it took at once, or has lost it
_INTERRUPTS = 4  # tries, half a second apart: code may swallow a KeyboardInterrupt
_INTERRUPT_SECONDS = 0.5
_LEAVING_SECONDS = 2.0  # Jupyter interrupts a kernel before it restarts or stops it

OnOutput = Callable[[Output], Awaitable[None]]
OnWaiting = Callable[[str], Awaitable[None]]
Offer = Callable[[str, str], Awaitable[bool]]
"""``offer(job_id, code)`` returns whether a cell that waits in this kernel took the job."""


async def no_cell(job_id: str, code: str) -> bool:
    """Refuse each offer, for a kernel in which no cell ever waits."""
    return False


class Executor:
    """A :class:`~lobu_jupyter.model.ports.KernelPort` on `kernel`."""

    def __init__(
        self,
        kernel: Kernel,
        offer: Offer = no_cell,
        output_bytes: int = DEFAULT_OUTPUT_BYTES,
        report: Reports | None = None,
    ) -> None:
        self._kernel = kernel
        self._offer = offer
        self._report: Reports = report or Unheard()
        self._limit = output_bytes + _SLACK_BYTES

    async def run_code(
        self, code: str, on_output: OnOutput, on_waiting: OnWaiting, *, as_cell: bool = False
    ) -> Executed:
        return await self._do({"do": "run", "code": code, "asCell": as_cell}, on_output, on_waiting)

    async def call_tool(
        self,
        name: str,
        args: dict[str, Any],
        on_output: OnOutput,
        on_waiting: OnWaiting,
        *,
        approved: str | None = None,
    ) -> Executed:
        what = {"do": "tool", "name": name, "args": args, "approved": approved}
        return await self._do(what, on_output, on_waiting)

    async def look(self, expression: str) -> Executed:
        asking = asyncio.ensure_future(self._do({"do": "look", "expression": expression}, _unseen, _unseen))
        try:
            await asyncio.wait({asking}, timeout=_PATIENCE_SECONDS)
            if not asking.done():  # it is behind a cell, or behind another agent's code
                found = await look_aside(self._kernel, expression)
                if found is not None:
                    return _executed(found)
            return await asking
        finally:
            asking.cancel()
            await asyncio.wait({asking})

    async def _do(self, what: dict[str, Any], on_output: OnOutput, on_waiting: OnWaiting) -> Executed:
        has_guest = await self._kernel.takes_guest()
        if not has_guest and what["do"] != "run":
            kind = f"{self._kernel.implementation or 'unknown'}, {self._kernel.language}"
            return _executed(
                _failure("NotSupported", f"only IPython has this, and the kernel is another ({kind})")
            )
        notes = _Notes(on_waiting)
        if self._kernel.turn.locked():
            await notes.say(WAITING_FOR_AGENT)
        async with self._kernel.turn:
            if not has_guest:
                run = (self._kernel, what["code"], self._limit, self._report)
                return await run_plain(*run, on_output, notes.say, WAITING_FOR_CELL, as_cell=what["asCell"])
            while True:
                slow = {"bytesPerSecond": REMOTE_BYTES} if self._kernel.remote else {}
                text = json.dumps({**what, **slow, "asks": self._kernel.identity})
                attempt = _Attempt(text, harmless=what["do"] == "look")
                try:
                    await self._start(attempt, notes)
                    done = await self._follow(attempt, on_output, notes)
                except asyncio.CancelledError:
                    await asyncio.shield(self._stop(attempt))
                    raise
                finally:
                    self._forget(attempt)
                    await asyncio.shield(self._report_ends(attempt))
                if done is not None:
                    return done

    # -- starting

    async def _start(self, attempt: _Attempt, notes: _Notes) -> None:
        """Wait until the kernel is idle, then send the request. A waiting cell may take it first."""
        if not self._kernel.idle:
            await self._kernel.change(_PATIENCE_SECONDS)
        while not self._kernel.idle:
            if await self._offered(attempt):
                return
            await notes.say(WAITING_FOR_CELL)
            await self._kernel.change(_OFFER_SECONDS)
        message = self._request(attempt.text)
        await self._begins(attempt, message["header"]["msg_id"])
        attempt.capture = self._send(message)

    async def _begun(self, attempt: _Attempt, capture: Capture, notes: _Notes) -> bool:
        """Wait for a change of a request that is queued in the kernel. Return False if it is lost.

        If it is queued behind a cell that waits for the agent, it is withdrawn and offered to that cell.
        """
        if await capture.change(_TAKEN_SECONDS if attempt.inline else _QUEUED_SECONDS):
            return True
        if attempt.inline:
            return False
        await notes.say(WAITING_FOR_CELL)
        capture.held = True
        try:
            await self._offered(attempt)
        finally:
            capture.held = False
        return True

    def _request(self, text: str) -> Message:
        message = self._kernel.message("execute_request", {})
        request_id: str = message["header"]["msg_id"]
        message["content"] = {
            "code": request_code(request_id, text),
            "silent": True,  # the wrapper leaves no trace. The guest shows the code's own outputs
            "store_history": False,
            "allow_stdin": False,
            "stop_on_error": False,
            "user_expressions": {"lobu": result_code(request_id)},
        }
        return message

    def _send(self, message: Message) -> Capture:
        capture = self._kernel.capture(message["header"]["msg_id"], self._limit)
        self._kernel.send(message)
        return capture

    async def _begins(self, attempt: _Attempt, request_id: str) -> None:
        attempt.reported.append(request_id)  # first: a report may arrive although its response is lost
        await self._report.begins(request_id)

    async def _report_ends(self, attempt: _Attempt) -> None:
        """Report the end of each reported request. Code that did not stop is reported as given up."""
        capture = attempt.capture
        unended = (Phase.RUNNING, Phase.SENT) if attempt.inline else (Phase.RUNNING,)
        runs_on = capture is not None and capture.phase in unended and capture.gone is None
        for request_id in attempt.reported:
            stopped = not (runs_on and capture is not None and request_id == capture.request_id)
            await self._report.ends(request_id, stopped=stopped)
        attempt.reported.clear()

    async def _offered(self, attempt: _Attempt) -> bool:
        """Offer the request to a waiting cell. If the cell takes it, the attempt goes on inline."""
        job = self._kernel.capture(f"job_{uuid4().hex}", self._limit)
        offering = asyncio.ensure_future(self._offer(job.request_id, attempt.text))
        try:
            taken = await asyncio.shield(offering)
        except asyncio.CancelledError:
            taken = await offering
            raise
        finally:
            if offering.done() and not offering.cancelled() and offering.result():
                self._forget(attempt)
                attempt.capture, attempt.inline = job, True
                attempt.reported.append(job.request_id)  # by the server itself, as it gave the cell the job
            else:
                self._kernel.forget(job)
        return taken

    # -- following

    async def _follow(self, attempt: _Attempt, on_output: OnOutput, notes: _Notes) -> Executed | None:
        """Pass on the outputs until the end. Return None if the request never ran and must be sent again."""
        while (capture := attempt.now).phase is not Phase.ENDED:
            if capture.phase is Phase.SENT:
                if not await self._begun(attempt, capture, notes):
                    return None
                continue
            await notes.say(GATEWAY_AWAY if self._kernel.away else "")
            for output in capture.take():
                await on_output(output)
            await capture.change(_LONG_SECONDS)
        if capture.gone is not None:
            raise capture.gone
        if capture.aborted or (capture.result or {}).get("state") == "unwanted":
            return None
        for output in [*capture.take(), *_note_of(capture)]:
            await on_output(output)
        await notes.say("")
        result = capture.result or _failure("Lost", "the kernel's result was lost in a flood of output")
        if (result.get("error") or {}).get("ename") in ("KeyboardInterrupt", "Lost"):
            await self._kernel.stays(_LEAVING_SECONDS)  # or a restart would look like an error of the code
        return _executed(result)

    async def _stop(self, attempt: _Attempt) -> None:
        """End the attempt. Before it begins, the guest's question gets a no. After, interrupt until it ends.

        A preview ends by itself: its interrupt could come late, and hit the cell that waits for the agent.
        """
        capture = attempt.capture
        if capture is None:
            return
        capture.wanted = False
        if attempt.harmless:
            return
        if attempt.inline and capture.phase is Phase.SENT:
            await capture.change(_QUEUED_SECONDS)  # a cell has it and is about to begin
        for _ in range(_INTERRUPTS):
            if capture.phase is not Phase.RUNNING or capture.gone is not None:
                return
            if not capture.leaving:
                self._kernel.interrupt()
            await capture.ended(_INTERRUPT_SECONDS)

    def _forget(self, attempt: _Attempt) -> None:
        if attempt.capture is not None:
            self._kernel.forget(attempt.capture)


class _Attempt:
    """A request, either in the kernel's queue or with a waiting cell (inline), never both."""

    def __init__(self, text: str, *, harmless: bool) -> None:
        self.text = text
        self.harmless = harmless
        self.capture: Capture | None = None
        self.inline = False
        self.reported: list[str] = []  # requests that the server knows of

    @property
    def now(self) -> Capture:
        assert self.capture is not None, "started"
        return self.capture


class _Notes:
    """Notices of a wait, each sent once: its reason, and "" when it is over."""

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
        changed=result.get("changed"),
        seconds=float(result.get("seconds", 0.0)),
        count=result.get("count"),
    )


def _failure(ename: str, evalue: str) -> dict[str, Any]:
    return {"ok": False, "error": {"ename": ename, "evalue": evalue, "traceback": []}}


async def _unseen(_: Any) -> None:
    """Ignore an output or a notice, because a preview shows nothing."""
