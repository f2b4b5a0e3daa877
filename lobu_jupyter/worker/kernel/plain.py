"""Code in a kernel without IPython: R, Julia, bash, xeus-python, by a plain execute request.

What the guest (notebook/guest/) guarantees only in IPython does not hold here: the person's last values may change, and no
waiting cell runs the code. A request that was sent cannot be taken back: it is interrupted as soon as it begins.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.ports import Executed

from .capture import Capture, Phase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lobu_jupyter.model.ports import Output
    from lobu_jupyter.worker.report import Reports

    from .connection import Kernel

_IDLE_SECONDS, _LONG_SECONDS = 1.0, 60.0
_INTERRUPTS, _INTERRUPT_SECONDS = 4, 0.5
_WITHDRAWN_SECONDS = 600.0  # how long a cancelled request may still be queued behind a person's cell


async def run_plain(
    kernel: Kernel,
    code: str,
    limit: int,
    report: Reports,
    on_output: Callable[[Output], Awaitable[None]],
    say: Callable[[str], Awaitable[None]],
    waiting: str,
    *,
    as_cell: bool = False,
) -> Executed:
    """Run the code behind the person's cell, whose wait ``say(waiting)`` tells. The caller holds the kernel's turn.

    Raises:
        KernelGone: the kernel died or restarted before the code ended.
    """
    while not kernel.idle:
        await say(waiting)
        await kernel.change(_IDLE_SECONDS)
    message = kernel.message("execute_request", _request(code, as_cell=as_cell))
    request_id: str = message["header"]["msg_id"]
    await report.begins(request_id)
    capture = kernel.capture(request_id, limit)
    capture.plain = True
    began = time.monotonic()
    try:
        kernel.send(message)
        await _follow(capture, on_output, say, waiting)
    except asyncio.CancelledError:
        await asyncio.shield(_stop(kernel, capture))
        raise
    finally:
        kernel.forget(capture)
        await asyncio.shield(report.ends(request_id, stopped=capture.phase is Phase.ENDED))
    if capture.gone is not None:
        raise capture.gone
    result = capture.result or {}
    return Executed(
        ok=bool(result.get("ok")),
        error=result.get("error"),
        seconds=time.monotonic() - began,
        count=capture.count if as_cell else None,
    )


async def _follow(
    capture: Capture,
    on_output: Callable[[Output], Awaitable[None]],
    say: Callable[[str], Awaitable[None]],
    waiting: str,
) -> None:
    while capture.phase is not Phase.ENDED:
        changed = await capture.change(_IDLE_SECONDS if capture.phase is Phase.SENT else _LONG_SECONDS)
        if capture.phase is Phase.SENT and not changed:
            await say(waiting)
        elif capture.phase is not Phase.SENT:
            await say("")
        for output in capture.take():
            await on_output(output)
    for output in capture.take():
        await on_output(output)


async def _stop(kernel: Kernel, capture: Capture) -> None:
    """Interrupt the code until it ends, a few times. If it has not begun, wait for that first."""
    end = time.monotonic() + _WITHDRAWN_SECONDS
    while capture.phase is Phase.SENT and capture.gone is None and time.monotonic() < end:
        await capture.change(_IDLE_SECONDS)
    for _ in range(_INTERRUPTS):
        if capture.phase is not Phase.RUNNING or capture.gone is not None:
            return
        kernel.interrupt()
        await capture.ended(_INTERRUPT_SECONDS)


def _request(code: str, *, as_cell: bool) -> dict[str, Any]:
    options = {"silent": False, "store_history": as_cell, "allow_stdin": False, "stop_on_error": False}
    return {"code": code, "user_expressions": {}, **options}
