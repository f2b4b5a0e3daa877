"""The kernels of this worker's runs: one shared connection per incarnation, closed after its last run."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lobu_jupyter.worker.report import Report

from .connection import Kernel
from .executor import DEFAULT_OUTPUT_BYTES, Executor, Offer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from lobu_jupyter.model.ports import KernelInfo
    from lobu_jupyter.worker.gateway_link import Link


class _Shared:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.users = 0
        self.opening = asyncio.Lock()
        self.is_open = False


class KernelConnections:
    """A maker of executors, which share their connections."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._shared: dict[tuple[str, int], _Shared] = {}

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
        if shared is None:
            shared = self._shared[key] = _Shared(Kernel(info.connection))
        shared.users += 1
        try:
            async with shared.opening:
                if not shared.is_open:
                    await shared.kernel.open()
                    shared.is_open = True
            report = Report(self._link, info.kernel_id, run_id)
            yield Executor(shared.kernel, self._offer_in(info.kernel_id), output_bytes, report)
        finally:
            shared.users -= 1
            if shared.users == 0:
                del self._shared[key]
                await shared.kernel.close()

    def lose(self, info: KernelInfo, why: str) -> None:
        """End the requests to an incarnation that the gateway reports as gone."""
        shared = self._shared.get((info.kernel_id, info.incarnation))
        if shared is not None:
            shared.kernel.lose(why)

    def _offer_in(self, kernel_id: str) -> Offer:
        async def offer(job_id: str, code: str) -> bool:
            return await self._link.offer(kernel_id, job_id, code)

        return offer
