"""A hub with its lobu service: two replicas on a PostgreSQL behind one address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.postgres import new_store

from .hub import Hub
from .service import LobuService

PASSWORD = "a-password"


@dataclass
class Site:
    """A hub with its service. The store's address holds a password, which only the service has."""

    hub: Hub
    service: LobuService

    @property
    def url(self) -> str:
        """The service's address through the hub's proxy."""
        return f"{self.hub.url}services/lobu"

    def at_service(self, user: str) -> httpx.Client:
        """Return a client of the service as a person, through the hub's proxy."""
        headers = {"Authorization": f"token {self.hub.token_of(user)}"}
        return self.hub.client(base_url=f"{self.url}/lobu/api/", headers=headers)

    def server_token(self, user: str, name: str = "") -> str:
        """Return a token of the hub with the scope that it gives to the token of a person's server."""
        return self.hub.token_of(user, f"access:servers!server={user}/{name}")


@contextmanager
def open_site(home: Path, **settings: Any) -> Iterator[Site]:
    """Yield a hub and its service. ``settings`` are those of :class:`Hub`."""
    store = new_store()
    assert PASSWORD in store
    service = LobuService(home / "service", store)
    hub = Hub(home / "hub", **service.hub_settings(), **settings)
    try:
        service.start(hub)  # a hub waits half a minute for a service that is not there
        with hub:
            yield Site(hub, service)
    finally:
        service.stop()
