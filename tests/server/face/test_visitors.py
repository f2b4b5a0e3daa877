"""A kernel that runs a visitor's cell reads nothing through the service either."""

from __future__ import annotations

from pathlib import Path

import pytest

from lobu_jupyter.model.callers import KernelCaller
from lobu_jupyter.model.errors import NotAllowed
from lobu_jupyter.model.requests import NewThread
from tests.gateway.rig import ME

from .rig import Hub, open_server, open_service


async def test_a_visitor_s_cell_reads_nothing_of_the_kernel_s_owner(store: str | Path) -> None:
    hub = Hub()
    async with (
        open_service(store, hub) as service,
        open_server(service.url, hub.server_token(ME.name)) as server,
    ):
        thread = await server.threads.create(ME, NewThread(kernel_id="k1"))
        kernel = KernelCaller(kernel_id="k1", name=ME.name, attended=False)

        assert (await server.threads.get(kernel, thread.thread_id)).thread_id == thread.thread_id
        visited = KernelCaller(kernel_id="k1", name=ME.name, attended=False, visited=True)
        with pytest.raises(NotAllowed, match="another person"):
            await server.threads.get(visited, thread.thread_id)
