"""A Jupyter server whose kernels run behind a gateway: a Kernel Gateway, and with `make test-gateway` an Enterprise
Gateway too, which has an environment of its own because it needs jupyter_client below 7.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scenarios.person import Person
from tests.servers import RealServer

from .gateway import RemoteGateway

ENTERPRISE = os.environ.get("ENTERPRISE_GATEWAY")
COMMANDS = {"kernel": [str(Path(sys.executable).with_name("jupyter-kernelgateway"))]}
if ENTERPRISE:
    COMMANDS["enterprise"] = [ENTERPRISE]
whole = pytest.mark.skipif(not ENTERPRISE, reason="takes long; `make test-gateway` runs it")


@dataclass
class Place:
    """A server, the gateway of its kernels, and its person."""

    gateway: RemoteGateway
    server: RealServer
    kind: str

    @property
    def person(self) -> Person:
        return Person(self.server)

    def kernel(self) -> str:
        return self.server.start_kernel()


@pytest.fixture(scope="module", params=list(COMMANDS))
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = tmp_path_factory.mktemp(request.param)
    gateway = RemoteGateway(home / "gateway", COMMANDS[request.param])
    server = RealServer(home / "server", options=[f"--GatewayClient.url={gateway.url}"])
    try:
        gateway.start()
        yield Place(gateway, server.start(), request.param)
    finally:
        server.stop()
        gateway.stop()


@pytest.fixture(scope="module")
def kernel(place: Place) -> str:
    """One kernel for tests that leave it as it was."""
    return place.kernel()
