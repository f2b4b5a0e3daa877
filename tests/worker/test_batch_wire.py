"""The worker's WebSocket client: what it began to open is closed, also when nobody waits for it any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tornado.httpclient import HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from lobu_jupyter.worker.batch_wire import dial


class Slow(WebSocketHandler):
    """Accepts a connection when it is let, and says when that is closed."""

    knocked: asyncio.Event
    let: asyncio.Event
    closed: asyncio.Event

    async def prepare(self) -> None:
        self.knocked.set()
        await self.let.wait()

    def on_close(self) -> None:
        self.closed.set()


@pytest.fixture
async def url() -> AsyncIterator[str]:
    Slow.knocked, Slow.let, Slow.closed = asyncio.Event(), asyncio.Event(), asyncio.Event()
    listening, port = bind_unused_port()
    server = HTTPServer(Application([("/", Slow)]))
    server.add_socket(listening)
    yield f"ws://127.0.0.1:{port}/"
    server.stop()
    await server.close_all_connections()


@pytest.mark.timeout(60)
async def test_a_connection_that_opens_after_its_caller_was_cancelled_is_closed(url: str) -> None:
    dialing = asyncio.create_task(dial(HTTPRequest(url)))
    await Slow.knocked.wait()

    dialing.cancel()
    Slow.let.set()
    (ended,) = await asyncio.gather(dialing, return_exceptions=True)

    assert isinstance(ended, asyncio.CancelledError)
    await Slow.closed.wait()
