"""A receiver of webhooks on loopback, which checks each signature as the standard says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

KEY = b"a-secret-of-thirty-two-bytes-000"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@dataclass
class Receiver:
    """``answers``: the statuses to answer with, the last one for ever; 0: answers nothing."""

    url: str = ""
    answers: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def kinds(self) -> list[str]:
        return [body["type"] for _, body in self.got]

    async def until(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(30):
            while len(self.got) < count:
                self.came.clear()
                await self.came.wait()
        return [body for _, body in self.got]


class _Handler(RequestHandler):
    def initialize(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def post(self) -> None:
        receiver, headers = self._receiver, self.request.headers
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + self.request.body
        mac = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{mac}"
        receiver.got.append((headers["webhook-id"], json.loads(self.request.body)))
        receiver.came.set()
        status = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
        if status == 0:
            await asyncio.Event().wait()
        self.set_status(status)
        for name, value in receiver.headers.items():
            self.set_header(name, value)
        self.finish(receiver.body)

    def get(self) -> None:
        raise AssertionError("nothing follows a redirect")


@asynccontextmanager
async def receiving() -> AsyncGenerator[Receiver]:
    receiver = Receiver()
    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(Application([(r"/.*", _Handler, {"receiver": receiver})]))
    server.add_sockets(sockets)
    receiver.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/hook/a-long-secret-path"
    try:
        yield receiver
    finally:
        server.stop()
        async with asyncio.timeout(5):
            await server.close_all_connections()
