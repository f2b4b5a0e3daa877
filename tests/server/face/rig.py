"""A hub's service on a store, and servers of people that are its clients, all over real sockets in this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from lobu_jupyter.gateway import Gateway, Settings, open_gateway
from lobu_jupyter.model.errors import StoreUnavailable
from lobu_jupyter.server.face.remote import RemoteGateway, open_remote
from lobu_jupyter.server.face.socket import ROUTES
from lobu_jupyter.server.face.wire import SERVER_HEADER, VERSION, VERSION_HEADER
from tests.gateway.rig import QUIET, Kernels, Pool

LOG = logging.getLogger("tests.face")
OPEN = replace(QUIET, lease_seconds=30.0)


class Hub:
    """Whose token it is."""

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.away = False

    def server_token(self, name: str, server: str = "") -> str:
        token = f"server-token-of-{name}-{server}"
        scopes = [f"access:servers!server={name}/{server}", f"users:activity!user={name}"]
        self.users[token] = {"name": name, "kind": "user", "scopes": scopes}
        return token

    async def user_of_token(self, token: str) -> dict[str, Any] | None:
        if self.away:
            raise StoreUnavailable("the hub does not answer")
        return self.users.get(token)


class HubService:
    """A replica of the service."""

    def __init__(self, gateway: Gateway, hub: Hub, port: int) -> None:
        self.gateway = gateway
        self.url = f"http://127.0.0.1:{port}/services/lobu"
        self.hub_users = hub
        self.sockets = set[Any]()
        self.log = LOG

    async def wait_ready(self) -> None:
        pass


@asynccontextmanager
async def open_service(
    store: str | Path, hub: Hub, *, settings: Settings = OPEN, port: int = 0
) -> AsyncGenerator[HubService]:
    async with open_gateway(store, settings=settings) as gateway:
        listening, port = bind_unused_port() if not port else (None, port)
        service = HubService(gateway, hub, port)
        routes = [(f"/services/lobu{pattern}", handler) for pattern, handler in ROUTES]
        server = HTTPServer(Application(routes, lobu_service=service))
        if listening is not None:
            server.add_sockets([listening])
        else:
            server.listen(port, "127.0.0.1")
        try:
            yield service
        finally:
            for socket in list(service.sockets):
                socket.close()
            server.stop()
            await server.close_all_connections()
            await asyncio.sleep(0)


class Owners:
    """A server whose authorizer allows everything that the test does not refuse."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.refusal: Exception | None = None

    async def kernel(self, owner: str, kernel_id: str) -> None:
        self.asked.append((owner, kernel_id))
        if self.refusal is not None:
            raise self.refusal

    async def notebook(self, owner: str, path: str, action: str) -> None:
        self.asked.append((owner, path, action))


@asynccontextmanager
async def open_server(
    url: str | Callable[[], str],
    token: str,
    *,
    server: str = "",
    settings: Settings = QUIET,
    kernels: Kernels | None = None,
    version: int = VERSION,
    owners: Owners | None = None,
    pool: Pool | None = None,
) -> AsyncGenerator[RemoteGateway]:
    kernels = kernels or Kernels("k1")
    remote = RemoteGateway(
        settings,
        kernels=kernels,
        table=lambda: dict.fromkeys(kernels.ids, "python"),
        workers=pool or Pool(),
        owners=owners or Owners(),
        version="1",
        log=LOG,
    )

    def request() -> dict[str, Any]:
        headers = {
            "Authorization": f"token {token}",
            SERVER_HEADER: server,
            VERSION_HEADER: str(version),
        }
        return {"headers": headers}

    async with open_remote(url if isinstance(url, str) else url(), remote, request):
        await remote.recover()
        yield remote


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.01)
