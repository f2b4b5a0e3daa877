"""An ASGI application behind one of our Tornado handlers, for a library that speaks ASGI only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .handler import LobuHandler

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]
    Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

_CREDENTIALS = frozenset({"authorization", "cookie", "x-xsrftoken"})
_OF_TORNADO = frozenset({b"content-length", b"transfer-encoding", b"connection"})


async def serve(handler: LobuHandler, application: Application) -> None:
    """Answer the handler's request with the application. Its credentials are not passed on.

    Raises:
        StreamClosedError: the client is gone (tornado's).
    """
    bodies = [handler.request.body]

    async def receive() -> dict[str, Any]:
        if bodies:
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}
        await handler.client_gone()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            handler.set_status(message["status"])
            handler.clear_header("Content-Type")
            for name, value in message.get("headers", []):
                if name.lower() not in _OF_TORNADO:
                    handler.set_header(name.decode("latin-1"), value.decode("latin-1"))
            return
        if message.get("body"):
            handler.write(message["body"])
        if message.get("more_body"):
            await handler.flush()

    await application(_scope(handler), receive, send)
    if not handler.client_gone().done():
        kind = str(handler._headers.get("Content-Type", "application/json"))  # pyright: ignore[reportPrivateUsage]
        await handler.finish(set_content_type=kind)


def _scope(handler: LobuHandler) -> dict[str, Any]:
    request = handler.request
    headers = [
        (name.lower().encode(), value.encode("latin-1", "replace"))
        for name, value in request.headers.get_all()
        if name.lower() not in _CREDENTIALS
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.protocol,
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": (request.remote_ip or "", 0),
        "server": (request.host, None),
    }
