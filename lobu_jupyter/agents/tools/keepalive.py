"""Reports at intervals while a call goes on, so that its caller does not give up."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable


@asynccontextmanager
async def kept_alive(report: Callable[[], Awaitable[None]], seconds: float) -> AsyncGenerator[None]:
    """Call `report` every so many seconds. A caller that has gone needs none."""

    async def repeat() -> None:
        while True:
            await asyncio.sleep(seconds)
            await report()

    reporting = asyncio.create_task(repeat(), name="progress of a call")
    try:
        yield
    finally:
        reporting.cancel()
        with suppress(asyncio.CancelledError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            await reporting
