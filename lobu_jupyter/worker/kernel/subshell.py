"""A preview of variables while the person's cell runs: a comm to the guest, through a subshell.

It is no execute request, because in ipykernel 7.4 one in a subshell closes the half-drawn figures of the
person's cell and refuses its next ``input()``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lobu_jupyter.model.ports import KernelGone

if TYPE_CHECKING:
    from .connection import Kernel

LOOK_TARGET = "lobu.look"  # as in notebook/guest/guest.py
FEATURE = "kernel subshells"
LOOK_SECONDS = 5.0


async def look_aside(kernel: Kernel, expression: str) -> dict[str, Any] | None:
    """Return the guest's result, or None without a subshell, a guest, or a reply in time."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            await kernel.greeted.wait()
            if FEATURE not in kernel.features:
                return None
            async with kernel.lock:
                return await _look(kernel, await _subshell(kernel), expression)
    except TimeoutError:
        return None


async def _subshell(kernel: Kernel) -> str:
    """Return the id of our one subshell in this kernel. It exists as long as the connection."""
    if kernel.subshell is None:
        reply = await kernel.ask("create_subshell_request", {}, LOOK_SECONDS)
        kernel.subshell = str(reply["subshell_id"])
    return kernel.subshell


async def _look(kernel: Kernel, subshell: str, expression: str) -> dict[str, Any] | None:
    content: dict[str, Any] = {
        "comm_id": uuid4().hex,
        "target_name": LOOK_TARGET,
        "data": {"expression": expression},
    }
    message = kernel.message("comm_open", content, subshell_id=subshell)
    capture = kernel.capture(message["header"]["msg_id"], 0)
    capture.comm_id = content["comm_id"]
    try:
        kernel.send(message)
        await capture.ended(LOOK_SECONDS)
        if isinstance(capture.gone, KernelGone):
            raise capture.gone
        return capture.result
    finally:
        kernel.forget(capture)
