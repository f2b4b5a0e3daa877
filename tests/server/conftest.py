"""A real ServerApp in the test's own loop, with the extension loaded.

pytest-jupyter's fixtures are imported here only: loaded at the root beside pytest-asyncio, two event
loops would wait for each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_jupyter.jupyter_core import *  # noqa: F403
from pytest_jupyter.jupyter_server import *  # noqa: F403

from tests.servers import RealServer

from .wire import Wire


@pytest.fixture
async def running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


@pytest.fixture
def jp_asyncio_loop(running_loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    """pytest-jupyter's server runs on pytest-asyncio's loop."""
    return running_loop


@pytest.fixture
def jp_server_config(tmp_path: Path, lobu_config: dict[str, Any]) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"lobu_jupyter": True}},
        # Not a random one: redaction holds back text that ends as a secret begins, until more text comes.
        "IdentityProvider": {"token": "_token-of-the-server-under-test"},
        "LobuApp": {"store_path": str(tmp_path / "lobu.sqlite"), **lobu_config},
    }


@pytest.fixture
def lobu_config() -> dict[str, Any]:
    """Traits of LobuApp; a test module overrides it."""
    return {}


@pytest.fixture
async def wire(jp_serverapp: Any, jp_fetch: Any) -> Wire:
    await jp_serverapp.extension_manager.start_all_extensions()  # a real server does it in its loop
    return Wire(jp_serverapp, jp_fetch)


@pytest.fixture
def real_server(tmp_path: Path) -> Iterator[RealServer]:
    server = RealServer(tmp_path / "server")
    try:
        yield server.start()
    finally:
        server.stop()
