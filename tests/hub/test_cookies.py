"""A hardened hub: a WebSocket with a cookie alone is refused, so that no other person's page opens one.

Browsers say by Sec-Fetch-Mode that a request is a WebSocket's.
"""

from __future__ import annotations

import pytest
from httpx import Client
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.server.page import hang_up

from .conftest import WHOLE
from .hub import Hub, HubServer


@pytest.fixture
def page(hub: Hub) -> tuple[HubServer, Client]:
    """A browser of ada's, logged in at her hardened server."""
    server = hub.server("ada", "hardened")
    return server, browser_of(server)


def browser_of(server: HubServer) -> Client:
    """Return a browser that has visited the server's pages, so that it has a cookie there."""
    browser = server.hub.log_in("ada")
    browser.get(f"{server.url}files/nothing")
    return browser


async def connect(server: HubServer, browser: Client, query: str = "") -> WebSocketClientConnection:
    url = f"{server.url.replace('http', 'ws', 1)}lobu/api/socket{query}"
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies.jar)
    origin = server.hub.url.rstrip("/")
    headers = {"Cookie": cookies, "Sec-Fetch-Mode": "websocket", "Origin": origin}
    return await websocket_connect(HTTPRequest(url, headers=headers))


@WHOLE
async def test_the_page_s_socket_opens_by_token_where_cookies_are_refused(
    page: tuple[HubServer, Client],
) -> None:
    with pytest.raises(HTTPClientError, match="403"):
        await connect(*page)

    socket = await connect(*page, query=f"?token={page[0].token}")

    await socket.write_message('{"type": "watch"}')
    assert await socket.read_message()
    await hang_up(socket)


@WHOLE
async def test_elsewhere_it_opens_by_cookie(hub: Hub, server: HubServer) -> None:
    await hang_up(await connect(server, browser_of(server)))
