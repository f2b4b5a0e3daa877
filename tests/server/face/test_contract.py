"""The gateway's contract over the face: servers without a store against a hub's service on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lobu_jupyter.server.face.remote import RemoteGateway
from tests.contract.gateway_contract import GatewayContract
from tests.contract.test_in_process import FacePart
from tests.gateway.rig import ME, OTHER, Worker

from .rig import Hub, HubService, open_server, open_service


class Face:
    """A remote gateway as one person sees it."""

    def __init__(self, gateway: RemoteGateway, by: object) -> None:
        self._gateway, self._by = gateway, by

    def __getattr__(self, name: str) -> FacePart:
        return FacePart(getattr(self._gateway, name), self._by)  # pyright: ignore[reportArgumentType]


class TestOverFace(GatewayContract):
    @pytest.fixture
    def hub(self) -> Hub:
        return Hub()

    @pytest.fixture
    async def service(self, store: str | Path, hub: Hub) -> AsyncIterator[HubService]:
        async with open_service(store, hub) as service:
            yield service

    @pytest.fixture
    async def adas(self, service: HubService, hub: Hub) -> AsyncIterator[RemoteGateway]:
        async with open_server(service.url, hub.server_token("ada")) as remote:
            yield remote

    @pytest.fixture
    def face(self, adas: RemoteGateway) -> Face:
        return Face(adas, ME)

    @pytest.fixture
    async def second(self, service: HubService, hub: Hub) -> AsyncIterator[Face]:
        async with open_server(service.url, hub.server_token("ada", "two"), server="two") as remote:
            yield Face(remote, ME)

    @pytest.fixture
    async def stranger(self, service: HubService, hub: Hub) -> AsyncIterator[Face]:
        async with open_server(service.url, hub.server_token("bob")) as remote:
            yield Face(remote, OTHER)

    @pytest.fixture
    async def worker(self, adas: RemoteGateway) -> Worker:
        return await Worker.register(adas)  # pyright: ignore[reportArgumentType]
