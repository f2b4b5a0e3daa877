"""Two people's servers on one store: ada's and bob's, each of its own pool and place, with one clock."""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.gateway.servers import Process, see_server
from lobu_jupyter.model.clock import FakeClock
from tests.gateway.rig import QUIET, Kernels, Rig, open_rig

DEAD = Process(platform.node(), 2**22 + 1, 0.0)
"""A process that is gone, as far as one machine can tell."""

Server = Callable[..., AbstractAsyncContextManager[Rig]]


@pytest.fixture
def server(store: str | Path) -> Server:
    """Open a server of a person on the store: of the pool and the place that have their name, unless told otherwise."""
    clock = FakeClock()

    @asynccontextmanager
    async def opened(
        who: str, *kernels: str, process: Process | None = None, **more: Any
    ) -> AsyncIterator[Rig]:
        settings = replace(QUIET, **{"pool": who, "place": f"{who}:/home", **more})
        async with open_rig(
            store, settings=settings, clock=clock, kernels=Kernels(*kernels), process=process
        ) as rig:
            yield rig

    return opened


@pytest.fixture
async def ada(server: Server) -> AsyncIterator[Rig]:
    async with server("ada", "k1") as rig:
        yield rig


@pytest.fixture
async def bob(server: Server) -> AsyncIterator[Rig]:
    async with server("bob") as rig:
        yield rig


@pytest.fixture
async def killed(server: Server) -> AsyncIterator[Rig]:
    """A server of ada's that a test kills with :func:`kill`."""
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(server("ada", "k1", process=DEAD))


async def kill(killed: Rig, *living: Rig) -> None:
    """End a server as a SIGKILL does, and let the others notice by what this store goes by."""
    await killed.gateway.close(end_runs=False)
    for other in living:
        if not other.database.one_machine:
            other.clock.advance(20 if other is living[0] else 0)
            await see_server(other.gateway._ctx)
    for other in living:
        await other.gateway.recover()
