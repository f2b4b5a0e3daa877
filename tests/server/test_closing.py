"""A server that is stopped while it starts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lobu_jupyter.gateway import Gateway, open_gateway


@pytest.mark.scenario("S18")
async def test_a_stop_while_the_store_opens_leaves_no_store_open(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = jp_serverapp.web_app.settings["lobu_service"]
    opens, may_open = asyncio.Event(), asyncio.Event()
    before = await store_threads()

    @asynccontextmanager
    async def slowly(*args: Any, **options: Any) -> AsyncGenerator[Gateway]:
        opens.set()
        await may_open.wait()
        async with open_gateway(*args, **options) as gateway:
            yield gateway

    monkeypatch.setattr("lobu_jupyter.server.service.open_gateway", slowly)
    opening = asyncio.create_task(service.open())
    await opens.wait()
    closings = [asyncio.create_task(service.close()) for _ in range(2)]  # two signals
    await asyncio.sleep(0)
    may_open.set()
    await asyncio.gather(opening, *closings)

    assert await store_threads() == before
    await service.open()  # a start that comes after the stop
    assert await store_threads() == before


async def store_threads() -> set[threading.Thread]:
    """The connections' threads that go on, and so would keep this process from its end."""
    threads = {thread for thread in threading.enumerate() if "connection_worker" in thread.name}
    for thread in threads:
        await asyncio.to_thread(thread.join, 2)  # a closed one ends by itself
    return {thread for thread in threads if thread.is_alive()}
