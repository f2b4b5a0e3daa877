"""The place of the store: a path, or an address whose password comes from a file or the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlsplit

if TYPE_CHECKING:
    from .app import LobuApp

ADDRESSES = ("postgresql://", "postgres://")


def is_address(store: str) -> bool:
    """Return whether a setting names a database server, not a file."""
    return store.startswith(ADDRESSES)


def store_of(app: LobuApp) -> tuple[str | Path, list[str]]:
    """Return the store of the configuration or of ``LOBU_STORE``, and the secrets in it.

    If the password's file cannot be read, the log says so, and the database will refuse us.
    """
    store = app.store or os.environ.get("LOBU_STORE", "")
    if not is_address(store):
        return Path(app.store or app.store_path).expanduser(), []
    password = None
    if app.store_password_file:
        password = _from_file(app)
    elif not _passwords(store):
        password = os.environ.get("PGPASSWORD")
    if password:
        store = f"{store}{'&' if '?' in store else '?'}password={quote(password, safe='')}"
    found = _passwords(store)
    return store, [
        *found,
        *(quote(secret, safe="") for secret in found),
        *([store, app.store] if found else []),
    ]


def _from_file(app: LobuApp) -> str | None:
    try:
        return Path(app.store_password_file).expanduser().read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        app.log.error("lobu: LobuApp.store_password_file cannot be read: %s", error)
        return None


def _passwords(store: str) -> list[str]:
    """Return the passwords in an address, decoded."""
    try:
        parts = urlsplit(store)
        given = dict(parse_qsl(parts.query)).get("password")
        return [unquote(secret) for secret in (parts.password, given and quote(given)) if secret]
    except ValueError:
        return [store]  # not a URL: all of it may be secret
