"""A person's servers, as the hub knows them. The service starts one only where the hub lets it (scope ``servers``)."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from lobu_jupyter.model.errors import LobuError, NotAllowed, NotFound, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from logging import Logger

    from jupyterhub.services.auth import HubAuth

ASKED_SECONDS = 60.0  # for how long a leave of the hub is remembered
LISTED_SECONDS = 10.0  # for how long a person's servers are, unless one of them starts or stops
MAX_LISTED = 2000  # people whose servers are remembered
AGAIN_SECONDS = 120.0  # after which a server that did not come is started again
HUB_SECONDS = 10.0
START_SECONDS = 30.0  # the hub holds the request for a start while it hopes for a quick one
NOT_HERE = "This hub does not let lobu start servers. Start yours from the hub's home page."


@dataclass(frozen=True)
class PersonServer:
    """One of a person's servers. The default server has no name."""

    name: str
    state: Literal["running", "starting", "stopping", "stopped"]
    url: str


class HubServers:
    """The starter of people's servers. ``has_server`` tells whether one of a person's is there."""

    def __init__(self, auth: HubAuth, has_server: Callable[[str], Awaitable[bool]], log: Logger) -> None:
        self._auth, self._has_server, self._log = auth, has_server, log
        self._may_until = 0.0
        self._started: dict[str, float] = {}
        self._listed: dict[str, tuple[float, list[PersonServer]]] = {}

    async def may_start(self) -> bool:
        """Return whether the hub lets this service start servers."""
        if self._may_until > time.monotonic():
            return True
        try:
            found = await self._ask("GET", "user")
        except LobuError:
            return False
        may = any(str(scope).partition("!")[0] in ("servers", "admin:servers") for scope in found["scopes"])
        self._may_until = time.monotonic() + ASKED_SECONDS if may else 0.0
        return may

    async def list(self, owner: str) -> list[PersonServer]:
        """Return a person's servers, the default one first. The hub says so only where the service may start them.

        Raises:
            NotAllowed: the service may not see them. StoreUnavailable: the hub does not answer.
        """
        until, listed = self._listed.get(owner, (0.0, []))
        if until > time.monotonic():
            return listed
        found = await self._ask("GET", f"users/{quote(owner, safe='')}?include_stopped_servers=1")
        if "servers" not in found:
            raise NotAllowed(NOT_HERE)
        models: dict[str, dict[str, Any]] = {"": {}, **found["servers"]}
        listed = [_server(name, models[name]) for name in sorted(models)]
        if (
            all(server.state in ("running", "stopped") for server in listed)
            and len(self._listed) < MAX_LISTED
        ):
            self._listed[owner] = (time.monotonic() + LISTED_SECONDS, listed)
        self._forget_old()
        return listed

    async def start(self, owner: str, name: str = "") -> None:
        """Start one of a person's servers.

        Raises:
            NotAllowed: the hub does not let this service do it. NotFound: the person has no server of this name.
            StoreUnavailable: the hub does not answer.
        """
        path = f"users/{quote(owner, safe='')}/server"
        if name:
            if name not in [server.name for server in await self.list(owner)]:
                raise NotFound("You have no server of this name.")
            path = f"{path}s/{quote(name, safe='')}"
        self._listed.pop(owner, None)
        await self._ask("POST", path)
        if not name:
            self._started[owner] = time.monotonic()

    async def start_for(self, owner: str) -> None:
        """Start a person's server for a decision, if none is there, the hub allows it, and it was not just started."""
        last = self._started.get(owner)
        if last is not None and time.monotonic() - last < AGAIN_SECONDS:
            return
        try:
            if not await self._has_server(owner) and await self.may_start():
                await self.start(owner)
        except LobuError as error:
            self._log.warning("lobu: the server of %s was not started: %s", owner, error)

    def _forget_old(self) -> None:
        now = time.monotonic()
        for owner in [owner for owner, (until, _) in self._listed.items() if until <= now]:
            del self._listed[owner]

    async def _ask(self, method: str, path: str) -> dict[str, Any]:
        tls: dict[str, Any] = {
            "ca_certs": self._auth.client_ca,
            "client_cert": self._auth.certfile,
            "client_key": self._auth.keyfile,
        }
        request = HTTPRequest(
            f"{self._auth.api_url.rstrip('/')}/{path}",
            method=method,
            body=b"" if method == "POST" else None,
            headers={"Authorization": f"token {self._auth.api_token}"},
            request_timeout=START_SECONDS if method == "POST" else HUB_SECONDS,
            follow_redirects=False,
            **{name: value for name, value in tls.items() if value},
        )
        try:
            response = await AsyncHTTPClient().fetch(request)
            return json.loads(response.body or b"{}")
        except HTTPClientError as error:
            if error.code == 400 and method == "POST":
                return {}  # it runs, or is starting
            if error.code in (403, 404):
                raise NotAllowed(NOT_HERE) from error
            raise StoreUnavailable("The hub does not answer.") from error
        except (OSError, ValueError) as error:
            raise StoreUnavailable("The hub does not answer.") from error


def _server(name: str, model: dict[str, Any]) -> PersonServer:
    pending = model.get("pending")
    if pending == "spawn":
        state = "starting"
    elif pending is not None:
        state = "stopping"
    else:
        state = "running" if model.get("ready") else "stopped"
    return PersonServer(name, state, str(model.get("url") or ""))
