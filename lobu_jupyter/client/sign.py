"""Credentials of a call: a person's token, or a kernel's signature (docs/wire.md, "Who calls")."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class TokenAuth(httpx.Auth):
    """A person's Jupyter token."""

    def __init__(self, token: str) -> None:
        self._header = f"token {token}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = self._header
        yield request


class KernelAuth(httpx.Auth):
    """A kernel's proof: HMAC-SHA256 over the request with the connection key, which never travels.

    ``boot`` is one random value per kernel process. Every request has a new nonce, so that a retry is signed
    anew.
    """

    requires_request_body = True

    def __init__(
        self, kernel_id: str, key: bytes, *, boot: str | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self.kernel_id = kernel_id
        self._key = key
        self._boot = boot or secrets.token_hex(16)
        self._now = now

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        request.headers.update(self.headers(request.method, request.url.raw_path, request.content))
        yield request

    def headers(self, method: str, target: bytes, body: bytes) -> dict[str, str]:
        """Return the headers that prove one request. `target`: path with query, as sent."""
        at, nonce = str(int(self._now() * 1000)), secrets.token_hex(16)
        digest = hashlib.sha256(body).hexdigest()
        signed = "\n".join([method, target.decode("ascii"), digest, at, nonce, self._boot])
        return {
            "X-Lobu-Kernel": self.kernel_id,
            "X-Lobu-Time": at,
            "X-Lobu-Nonce": nonce,
            "X-Lobu-Boot": self._boot,
            "X-Lobu-Mac": hmac.new(self._key, signed.encode(), hashlib.sha256).hexdigest(),
        }
