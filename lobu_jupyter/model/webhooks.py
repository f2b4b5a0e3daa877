"""Webhooks: what is told to addresses of the configuration, and the signature by which a receiver knows it.

The signature is that of Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over ``id.timestamp.body``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Literal, get_args
from urllib.parse import urlsplit

from msgspec import Struct, field

WebhookEvent = Literal["run.ended", "question.opened", "question.decided", "budget.exceeded"]
EVENTS: tuple[WebhookEvent, ...] = get_args(WebhookEvent)
MAX_TITLE = 200
PREFIX = "whsec_"
MIN_SECRET = 24  # bytes, as the standard says


class Webhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One receiver of the configuration. ``secret``: as it stands there, ``env:NAME`` or ``file:/path``.

    ``content``: whether it is told what a question asks and why a run failed.
    """

    url: str
    secret: str
    events: tuple[WebhookEvent, ...] = EVENTS
    content: bool = False


class Hook(Struct, frozen=True, kw_only=True):
    """A webhook that can be used. ``key``: the secret's bytes."""

    name: str
    url: str
    key: bytes = field(default=b"")
    events: tuple[WebhookEvent, ...] = EVENTS
    content: bool = False

    @property
    def digest(self) -> str:
        """The name of the address. A webhook that was turned off is on again under another one."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]

    @property
    def host(self) -> str:
        """The part of the address that may be shown: the rest is often a secret."""
        return urlsplit(self.url).hostname or ""


def problem_of_url(url: str) -> str | None:
    """Return why a webhook cannot have this address, None if it can."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        has_password = "@" in parts.netloc
    except ValueError:
        return "must be an address as in https://example.org/hook"
    if has_password:
        return "must hold no user and password"
    return (
        None
        if fits and url.isprintable() and " " not in url
        else "must be an address as in https://example.org/hook"
    )


def key_of(secret: str) -> bytes | None:
    """Return the bytes of a secret: base64 after ``whsec_``, else its own. None if they are too few."""
    try:
        key = (
            base64.b64decode(secret.removeprefix(PREFIX), validate=True)
            if secret.startswith(PREFIX)
            else secret.encode()
        )
    except (binascii.Error, ValueError):
        return None
    return key if len(key) >= MIN_SECRET else None


def signature(key: bytes, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the header ``webhook-signature``."""
    signed = b".".join([event_id.encode(), str(timestamp).encode(), body])
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
