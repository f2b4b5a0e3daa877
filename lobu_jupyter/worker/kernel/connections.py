"""The kernels of this worker's runs: one shared connection per incarnation, closed after its last run."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from lobu_jupyter.worker.report import Report

from .connection import Kernel
from .executor import DEFAULT_OUTPUT_BYTES, Executor, Offer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from lobu_jupyter.model.ports import KernelInfo
    from lobu_jupyter.worker.gateway_link import Link

LINGER_SECONDS = 10.0  # below that of server/api/kernel_channels.py


class _Shared:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.users = 0
        self.opened = 0  # how often
        self.is_closed = False
        self.opening = asyncio.Lock()
        self.is_open = False


class KernelConnections:
    """A maker of executors, which share their connections."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._shared: dict[tuple[str, int], _Shared] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def executor(
        self, info: KernelInfo | None, run_id: str, output_bytes: int = DEFAULT_OUTPUT_BYTES
    ) -> AsyncGenerator[Executor | None]:
        """Yield the run's executor in this kernel, or None if there is no kernel to reach.

        Raises:
            KernelGone: nothing answers at the kernel's address.
        """
        if info is None or info.connection is None:
            yield None
            return
        key = (info.kernel_id, info.incarnation)
        shared = self._shared.get(key)
        if shared is None or shared.kernel.gone is not None:
            shared = self._shared[key] = _Shared(self._connect(info))
        shared.users += 1
        shared.opened += 1
        try:
            async with shared.opening:
                if not shared.is_open:
                    await shared.kernel.open()
                    shared.is_open = True
            report = Report(self._link, info.kernel_id, run_id)
            yield Executor(shared.kernel, self._offer_in(info.kernel_id), output_bytes, report)
        finally:
            shared.users -= 1
            if shared.kernel.remote and shared.kernel.gone is None:
                self._close_later(key, shared)
            else:
                await self._close_unused(key, shared)

    async def _close_unused(self, key: tuple[str, int], shared: _Shared) -> None:
        if shared.users == 0 and not shared.is_closed:
            shared.is_closed = True
            if self._shared.get(key) is shared:
                del self._shared[key]
            await shared.kernel.close()

    def _close_later(self, key: tuple[str, int], shared: _Shared) -> None:
        """Keep a connection through the server for the next run, because it takes long to open."""

        async def wait() -> None:
            count = shared.opened
            await asyncio.sleep(LINGER_SECONDS)
            if shared.opened == count:
                await self._close_unused(key, shared)

        task = asyncio.create_task(wait(), name=f"keep {key[0]}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _connect(self, info: KernelInfo) -> Kernel:
        assert info.connection is not None, "the caller has seen it"
        if "socket" not in info.connection:
            return Kernel(info.connection, language=info.language)
        return Kernel(info.connection, partial(self._link.dial_kernel, info.kernel_id), info.language)

    def lose(self, info: KernelInfo, why: str) -> None:
        """End the requests to an incarnation that the gateway reports as gone."""
        shared = self._shared.get((info.kernel_id, info.incarnation))
        if shared is not None:
            shared.kernel.lose(why)

    def _offer_in(self, kernel_id: str) -> Offer:
        async def offer(job_id: str, code: str) -> bool:
            return await self._link.offer(kernel_id, job_id, code)

        return offer
