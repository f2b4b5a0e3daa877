"""The WebSocket of :mod:`.batch_socket` on tornado's client."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, Any

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.netutil import Resolver
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from .batch_socket import Gone

if TYPE_CHECKING:
    from lobu_jupyter.client.tls import Verify

CONNECT_SECONDS = 5.0
MAX_MESSAGE = 10 * 1024 * 1024


class WorkerSocket:
    """An open connection to ``workers/{w}/socket``."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection = connection

    async def ask(self, message: bytes) -> bytes:
        """Send one message and read the next.

        Raises:
            Gone: the connection was closed.
        """
        try:
            await self._connection.write_message(message)
        except WebSocketClosedError as error:
            raise Gone from error
        answer = await self._connection.read_message()
        if answer is None:
            raise Gone
        return answer if isinstance(answer, bytes) else answer.encode()

    def close(self) -> None:
        self._connection.close()


class _UnixResolver(Resolver):
    """Resolves every name to one unix socket."""

    def initialize(self, path: str) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._path = path

    async def resolve(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[tuple[int, Any]]:
        return [(socket.AF_UNIX, self._path)]


async def connect(request: HTTPRequest, unix_socket: str | None = None) -> WorkerSocket:
    """Open the socket that `request` asks for.

    Raises:
        Gone: it cannot be opened.
    """
    try:
        return WorkerSocket(await dial(request, unix_socket))
    except (HTTPClientError, OSError) as error:
        raise Gone from error


def request_to(url: str, token: str, verify: Verify) -> HTTPRequest:
    """Return a worker's request for the socket at `url` (http or https)."""
    return HTTPRequest(
        "ws" + url.removeprefix("http"),
        headers={"Authorization": f"Lobu-Worker {token}"},
        validate_cert=bool(verify),
        ca_certs=verify if isinstance(verify, str) else None,
        ssl_options=verify if isinstance(verify, ssl.SSLContext) else None,
        connect_timeout=CONNECT_SECONDS,
    )


async def dial(
    request: HTTPRequest, unix_socket: str | None = None, *, max_message_size: int = MAX_MESSAGE
) -> WebSocketClientConnection:
    """Call ``websocket_connect``, and close its connection if the caller is cancelled, as tornado does not.

    ``unix_socket``: the path of the socket that the server listens at.

    Raises:
        HTTPClientError: refused, or timed out.
        OSError: nothing listens there.
    """
    resolver = None if unix_socket is None else _UnixResolver(path=unix_socket)
    connecting = asyncio.ensure_future(
        websocket_connect(request, max_message_size=max_message_size, resolver=resolver)
    )
    try:
        return await asyncio.shield(connecting)
    except asyncio.CancelledError:
        with contextlib.suppress(HTTPClientError, OSError):  # the caller is gone
            (await connecting).close()
        raise
