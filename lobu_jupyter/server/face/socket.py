"""lobu/api/face: the WebSocket by which a person's server has its seat. It takes the token of that server only."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec
from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from lobu_jupyter.model.errors import LobuError, NotAllowed, StoreUnavailable, status_of

from .seat import Seat
from .wire import (
    LEAVING,
    MAX_FRAME,
    NOT_YOURS,
    PATH,
    PING_SECONDS,
    SERVER_HEADER,
    TAKEN,
    VERSION,
    VERSION_HEADER,
    decode_up,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from lobu_jupyter.server.service import Service

    from .wire import Down

CHECK_SECONDS = 60.0  # how often a token is checked again while its socket is open
MAX_NAME = 255
ONLY_SERVERS = "Only a Jupyter server of this hub may be a client of this service, with its own token: one with the scope {scope}."


class Users(Protocol):
    """The hub's answers to whose token it is."""

    def user_of_token(self, token: str) -> Awaitable[dict[str, Any] | None]:
        """Return the hub's model of the user with ``name``, ``kind`` and ``scopes``, or None if there is none.

        Raises:
            StoreUnavailable: the hub does not answer.
        """
        ...


class FaceSocket(WebSocketHandler):
    """One connection of a person's server. A page cannot open it: no cookie counts, and no Origin is taken."""

    _seat: Seat | None = None
    _checks: asyncio.Task[None] | None = None

    @property
    def service(self) -> Service:
        return self.settings["lobu_service"]

    @property
    def max_message_size(self) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        return MAX_FRAME

    @property
    def ping_interval(self) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        return PING_SECONDS

    @property
    def ping_timeout(self) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        return PING_SECONDS

    @allow_unauthenticated  # the token is checked below, and not as a page's would be
    async def get(self, *args: Any, **kwargs: Any) -> None:
        try:
            await self.service.wait_ready()
            token, owner, server = await self._admitted()
            host = self.service.gateway
        except LobuError as error:
            self.set_status(426 if error.code == "version" else status_of(error))
            self.set_header("Content-Type", "application/json")
            self.finish(msgspec.json.encode({"error": error.to_wire()}))
            return
        self._seat = Seat(host, owner, server, self._send, self.service.log)
        self._checks = asyncio.create_task(self._check_on(token, server), name=f"check the token of {owner}")
        await super().get(*args, **kwargs)

    def check_origin(self, origin: str) -> bool:
        return False

    async def _admitted(self) -> tuple[str, str, str]:
        """Return the token, its user and the name of the server.

        Raises:
            NotAllowed: it is no server's token, or that of a server of another name.
        """
        version = self.request.headers.get(VERSION_HEADER, "")
        server = self.request.headers.get(SERVER_HEADER, "")
        token = _token(self.request.headers.get("Authorization", ""))
        if token is None or "Origin" in self.request.headers or len(server) > MAX_NAME:
            raise NotAllowed(ONLY_SERVERS.format(scope="access:servers!server=…"))
        owner = await self._owner(token, server)
        if not version.isascii() or not version.isdigit() or int(version[:9]) not in TAKEN:
            raise VersionRefused(
                f"The hub's lobu service speaks version {VERSION} and the one before, this server speaks {version[:9] or 'none'}. "
                "Install the same lobu_jupyter on both.",
                service=VERSION,
            )
        return token, owner, server

    async def _owner(self, token: str, server: str) -> str:
        user = await cast("Users", self.service.hub_users).user_of_token(token)
        name = str(user["name"]) if user is not None else ""
        scope = f"access:servers!server={name}/{server}"
        if user is None or user.get("kind") != "user" or scope not in user.get("scopes", ()):
            raise NotAllowed(ONLY_SERVERS.format(scope=f"access:servers!server=…/{server}"))
        return name

    async def _check_on(self, token: str, server: str) -> None:
        """Close the socket once the hub no longer knows the token, as when the server was stopped."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self._owner(token, server)
            except StoreUnavailable:
                continue  # the hub may restart
            except NotAllowed:
                self.close(NOT_YOURS, "this token is good no more")
                return

    def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        self.service.sockets.add(self)

    async def on_message(self, message: str | bytes) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert self._seat is not None, "the socket is open"
        try:
            frame = decode_up(message if isinstance(message, bytes) else message.encode())
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            self.close(1003, "not a frame")
            return
        await self._seat.receive(frame)

    def on_close(self) -> None:
        self.service.sockets.discard(self)
        if self._checks is not None:
            self._checks.cancel()
        if self._seat is not None:
            self._closing = asyncio.ensure_future(self._seat.close())

    async def _send(self, frame: Down) -> None:
        with suppress(WebSocketClosedError):  # the server comes back by another
            await self.write_message(encode(frame), binary=True)


class VersionRefused(LobuError):
    """This server and the hub's lobu service are of versions that do not fit."""

    code = "version"


def _token(header: str) -> str | None:
    """Return the token of an Authorization header. No other place counts: a page could send a cookie or a query."""
    scheme, _, token = header.partition(" ")
    return token.strip() or None if scheme.lower() in ("token", "bearer") else None


ROUTES = [(f"/{PATH}", FaceSocket)]
__all__ = ["LEAVING", "ROUTES", "FaceSocket", "Users"]
