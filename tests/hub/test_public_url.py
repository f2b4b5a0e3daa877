"""A kernel behind a Jupyter gateway finds its server at the hub's address of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateways.gateway import RemoteGateway
from tests.server.page import PageClient

from .conftest import WHOLE
from .hub import Hub

KNOWS = "import sys, time; time.sleep(0.2); print('_lobu_door' in sys.modules)"
CELL = """
%load_ext lobu_jupyter
import sys, lobu_jupyter as lobu
print(sys.modules["_lobu_door"].url)
print(lobu.ask("say from a kernel elsewhere", agent="script").wait().text)
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RemoteGateway]:
    gateway = RemoteGateway(tmp_path, [str(Path(sys.executable).with_name("jupyter-kernelgateway"))])
    try:
        yield gateway.start()
    finally:
        gateway.stop()


@WHOLE
async def test_a_kernel_elsewhere_finds_its_server_by_the_hubs_address(
    hub: Hub, gateway: RemoteGateway
) -> None:
    hub.set_variables("remote", {"TESTS_KERNEL_GATEWAY": gateway.url})
    server = hub.server("ada", "remote")

    async with PageClient(server, server.start_kernel()) as page:  # pyright: ignore[reportArgumentType]
        async with asyncio.timeout(30):
            while "True" not in await page.run(KNOWS):
                pass
        said = await page.run(CELL, 60)

    assert server.url in said, said
    assert "from a kernel elsewhere" in said
    server.stop()
