"""A front end's connections to a server: to a kernel, as JupyterLab makes it, and to the extension."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self
from uuid import uuid4

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.servers import RealServer

from .wire import Json, Wire


async def hang_up(socket: WebSocketClientConnection, code: int | None = None) -> None:
    """Close a socket, with a WebSocket code or none, and wait until it is closed: one that outlives its loop is a leak to whichever test runs then."""
    socket.close(code)
    async with asyncio.timeout(30):
        while await socket.read_message() is not None:
            pass


class PageClient:
    """Runs cells in a kernel through the server's own WebSocket, under one session id."""

    def __init__(self, server: RealServer, kernel_id: str, session: str | None = None) -> None:
        self._server = server
        self._kernel_id = kernel_id
        self._session = session or uuid4().hex
        self._socket: WebSocketClientConnection | None = None

    async def __aenter__(self) -> Self:
        url = self._server.url.replace("http", "ws", 1)
        path = f"api/kernels/{self._kernel_id}/channels?session_id={self._session}"
        self._socket = await websocket_connect(HTTPRequest(url + path, headers=self._server.auth))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._socket is not None
        await hang_up(self._socket)

    async def run(self, code: str, seconds: float = 30) -> str:
        """Run a cell to its end and return what it printed.

        Raises:
            AssertionError: the cell raised.
        """
        msg_id = await self.send(code)
        said = ""
        async with asyncio.timeout(seconds):
            while True:
                message = await self._read()
                if message["parent_header"].get("msg_id") != msg_id:
                    continue
                if message["msg_type"] == "stream":
                    said += message["content"]["text"]
                elif message["msg_type"] == "error":
                    raise AssertionError("\n".join(message["content"]["traceback"]))
                elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                    return said

    async def send(self, code: str) -> str:
        """Send a cell without waiting for it; returns its msg_id."""
        assert self._socket is not None
        msg_id = uuid4().hex
        header = {"msg_id": msg_id, "msg_type": "execute_request", "session": self._session}
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        header |= {"username": "person", "version": "5.3", "date": "2026-01-01T00:00:00Z"}
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "shell",
        }
        await self._socket.write_message(json.dumps(message))
        return msg_id

    async def _read(self) -> dict[str, Any]:
        assert self._socket is not None
        text = await self._socket.read_message()
        assert text is not None, "the server closed the kernel's socket"
        return json.loads(text)


class LobuPage:
    """A page's socket to the extension."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.socket = socket

    @classmethod
    async def open(cls, wire: Wire, **headers: str) -> LobuPage:
        url = wire.url.replace("http", "ws", 1) + "lobu/api/socket"
        token = {"Authorization": f"token {wire.app.identity_provider.token}"}
        return cls(await websocket_connect(HTTPRequest(url, headers={**token, **headers})))

    async def say(self, message: Json | str) -> None:
        await self.socket.write_message(message if isinstance(message, str) else json.dumps(message))

    async def hear(self, kind: str) -> Json:
        """The next message of a kind; heartbeats are passed over."""
        async with asyncio.timeout(30):
            while True:
                text = await self.socket.read_message()
                assert text is not None, "the server closed the socket"
                message = json.loads(text)
                if message["type"] == kind:
                    return message

    async def hear_until(self, marker: str) -> list[tuple[int, Json]]:
        """The events up to one of a type."""
        heard: list[tuple[int, Json]] = []
        while not heard or heard[-1][1]["type"] != marker:
            heard += [(e["seq"], e["event"]) for e in (await self.hear("events"))["events"]]
        return heard
