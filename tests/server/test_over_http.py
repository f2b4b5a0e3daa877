"""The gateway's contract over HTTP: persons' clients and an outside worker against a ServerApp on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from jupyter_server.auth import IdentityProvider, User

from lobu_jupyter.client.http import AsyncClient
from lobu_jupyter.model.errors import from_wire
from lobu_jupyter.model.events import Event
from lobu_jupyter.model.ports import InboxItem
from tests.contract.gateway_contract import GatewayContract
from tests.gateway.rig import batch

from .wire import Wire


class TwoPeople(IdentityProvider):
    """Whose token it is, is who you are."""

    def get_user(self, handler: Any) -> User | None:
        name = handler.request.headers.get("Authorization", "").removeprefix("token ")
        return User(username=name) if name in ("ada", "bob") else None

    def is_token_authenticated(self, handler: Any) -> bool:
        return self.get_user(handler) is not None


class HttpWorker:
    """A worker outside the server, which Ada registered; numbers its batches."""

    def __init__(self, http: httpx.AsyncClient, registered: dict[str, Any]) -> None:
        self._http = http
        self._base = f"workers/{registered['workerId']}"
        self._headers = {"Authorization": f"Lobu-Worker {registered['token']}"}
        self._incarnation = registered["incarnation"]
        self._batches: dict[str, int] = {}
        self._seen = 0

    @classmethod
    async def register(cls, http: httpx.AsyncClient) -> HttpWorker:
        body = {"kind": "host", "agents": [{"name": "demo", "description": ""}]}
        reply = await http.post("workers", json=body, headers={"Authorization": "token ada"})
        assert reply.status_code == 201, reply.text
        return cls(http, reply.json())

    async def fetch(self, wait: float = 0.0) -> list[InboxItem]:
        query = {"after": self._seen, "wait": wait}
        reply = await self._http.get(f"{self._base}/inbox", params=query, headers=self._headers)
        items = msgspec.convert(self._json(reply)["items"], list[InboxItem])
        self._seen = items[-1].seq if items else self._seen
        return items

    async def emit(self, run_id: str, *events: Event, checkpoint: str | None = None) -> dict[str, int]:
        number = self._batches.get(run_id, 0) + 1
        body = msgspec.json.encode(batch(run_id, self._incarnation, number, *events, checkpoint=checkpoint))
        acked = self._json(await self._http.post(f"{self._base}/events", content=body, headers=self._headers))
        self._batches[run_id] = number
        return acked

    @staticmethod
    def _json(reply: httpx.Response) -> Any:
        if reply.is_success:
            return reply.json()
        raise from_wire(reply.json()["error"])


class TestOverHttp(GatewayContract):
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        people = {"identity_provider_class": f"{__name__}.TwoPeople"}
        return {**jp_server_config, "ServerApp": {**jp_server_config["ServerApp"], **people}}

    @pytest.fixture
    async def face(self, wire: Wire) -> AsyncIterator[AsyncClient]:
        async with AsyncClient(wire.url, token="ada") as client:
            yield client

    @pytest.fixture
    async def second(self, wire: Wire) -> AsyncIterator[AsyncClient]:
        async with AsyncClient(wire.url, token="ada") as client:
            yield client

    @pytest.fixture
    async def stranger(self, wire: Wire) -> AsyncIterator[AsyncClient]:
        async with AsyncClient(wire.url, token="bob") as client:
            yield client

    @pytest.fixture
    async def worker(self, wire: Wire) -> AsyncIterator[HttpWorker]:
        async with httpx.AsyncClient(base_url=f"{wire.url}lobu/api/", timeout=20) as http:
            yield await HttpWorker.register(http)
