"""The gateway's contract as the third face has it at home: over the hub's proxy, with the hub's tokens, at the service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from lobu_jupyter.model.callers import Person
from lobu_jupyter.server.face.remote import RemoteGateway
from tests.contract.gateway_contract import GatewayContract
from tests.gateway.rig import Worker
from tests.server.face.rig import open_server
from tests.server.face.test_contract import Face

from .conftest import WHOLE
from .site import Site


@WHOLE
class TestOnTheHub(GatewayContract):
    """Each test has two people of its own, because all of them are on one store."""

    @pytest.fixture
    def people(self, site: Site) -> tuple[str, str]:
        names = (f"ada-{uuid4().hex[:12]}", f"bob-{uuid4().hex[:12]}")
        for name in names:
            site.hub.api("POST", f"users/{name}")
        return names

    @pytest.fixture
    async def adas(self, site: Site, people: tuple[str, str]) -> AsyncIterator[RemoteGateway]:
        async with open_server(site.url, site.server_token(people[0])) as remote:
            yield remote

    @pytest.fixture
    def face(self, adas: RemoteGateway, people: tuple[str, str]) -> Face:
        return Face(adas, Person(people[0]))

    @pytest.fixture
    async def second(self, site: Site, people: tuple[str, str]) -> AsyncIterator[Face]:
        token = site.server_token(people[0], "two")
        async with open_server(site.url, token, server="two") as remote:
            yield Face(remote, Person(people[0]))

    @pytest.fixture
    async def stranger(self, site: Site, people: tuple[str, str]) -> AsyncIterator[Face]:
        async with open_server(site.url, site.server_token(people[1])) as remote:
            yield Face(remote, Person(people[1]))

    @pytest.fixture
    async def worker(self, adas: RemoteGateway) -> Worker:
        return await Worker.register(adas)  # pyright: ignore[reportArgumentType]
