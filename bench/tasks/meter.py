"""A meter between the product and its model: what is sent with each request, and how long the model takes.

It forwards to any service that speaks OpenAI's chat completions. A token counts as four bytes of UTF-8, as in B16,
of the messages and of the tools as they are on the wire. Pixels are left out.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

BYTES_PER_TOKEN = 4
PASSED_ON = ("authorization", "content-type", "accept")


@dataclass(frozen=True)
class Sent:
    """One request. ``seconds``: until the last byte of its answer."""

    messages: int
    tools: int
    seconds: float

    @property
    def tokens(self) -> int:
        return self.messages + self.tools


@dataclass
class Meter:
    """The requests since the last :meth:`reset`."""

    url: str = ""
    sent: list[Sent] = field(default_factory=list[Sent])

    def reset(self) -> None:
        self.sent.clear()


def tokens_of(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) // BYTES_PER_TOKEN


def without_pixels(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages with the data of their images left out."""

    def cut(part: Any) -> Any:
        return {"type": "image_url"} if isinstance(part, dict) and part.get("type") == "image_url" else part

    return [
        {**message, "content": [cut(part) for part in message["content"]]}
        if isinstance(message.get("content"), list)
        else message
        for message in messages
    ]


@contextmanager
def metering(base_url: str) -> Iterator[Meter]:
    """Yield a meter before the service at an OpenAI-compatible address, as in http://127.0.0.1:8080/v1."""
    meter = Meter()
    client = httpx.Client(timeout=600)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            began, asked = time.monotonic(), json.loads(body)
            headers = {name: value for name in PASSED_ON if (value := self.headers.get(name))}
            url = base_url.rstrip("/") + self.path.removeprefix("/v1")
            with client.stream("POST", url, content=body, headers=headers) as reply:
                self.send_response(reply.status_code)
                self.send_header("Content-Type", reply.headers.get("content-type", "text/event-stream"))
                self.end_headers()
                for chunk in reply.iter_bytes():
                    self.wfile.write(chunk)
                    self.wfile.flush()
            messages, tools = without_pixels(asked["messages"]), asked.get("tools") or []
            meter.sent.append(Sent(tokens_of(messages), tokens_of(tools), time.monotonic() - began))

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    meter.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield meter
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
        client.close()
