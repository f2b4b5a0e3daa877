"""Addresses of servers, by TCP or by a unix socket: ``http+unix://%2Frun%2Fjupyter.sock/base/``, as Jupyter writes it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

_UNIX = "http+unix://"


@dataclass(frozen=True)
class ServerAddress:
    """A URL for requests, and the path of the socket that takes them, None for TCP."""

    url: str
    socket: str | None


def address_of(url: str) -> ServerAddress:
    """Return the address that `url` names."""
    if not url.startswith(_UNIX):
        return ServerAddress(url, None)
    socket, _, path = url.removeprefix(_UNIX).partition("/")
    return ServerAddress(f"http://localhost/{path}", unquote(socket))


def unix_url(socket: str, path: str) -> str:
    """Return the URL of a path on the server at `socket`."""
    return f"{_UNIX}{quote(socket, safe='')}{path}"
