"""The address of a store in PostgreSQL: libpq's own, and the name of the schema."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from lobu_jupyter.model.errors import StoreUnavailable

PREFIXES = ("postgresql://", "postgres://")
SCHEMA = "lobu"
WRITERS, READERS = 4, 2


@dataclass(frozen=True, slots=True)
class Address:
    """The place of a store. ``conninfo`` is for libpq and has the password, ``name`` is for people and has none.

    Args:
        listen: the address past a pooler, for notices of other servers. None: there is no pooler.
    """

    conninfo: str
    name: str
    schema: str = SCHEMA
    writers: int = WRITERS
    readers: int = READERS
    secrets: tuple[str, ...] = ()
    listen: str | None = None


def is_address(where: object) -> bool:
    """Return whether a setting names a store in PostgreSQL, not a path."""
    return str(where).startswith(PREFIXES)


def parse(where: str) -> Address:
    """Return the parts of an address such as ``postgresql://lobu@host/db?schema=lobu&sslmode=verify-full``.

    All parameters are libpq's but ``schema``, ``writers`` and ``readers`` (connections of this server), and ``listen``
    (host and port of the database itself, if the address is a pooler's).

    Raises:
        StoreUnavailable: it is malformed. The message has no password.
    """
    try:
        parts = urlsplit(where)
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        secrets = tuple(unquote(s) for s in (parts.password, given.get("password")) if s)
    except ValueError as error:
        raise _wrong("it is no URL") from error
    schema = given.pop("schema", SCHEMA)
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,48}", schema):
        raise _wrong("schema must be up to 49 small letters, digits and underscores")
    writers, readers = (
        _count(given, name, usual) for name, usual in (("writers", WRITERS), ("readers", READERS))
    )
    host = parts.netloc.rpartition("@")[2] or given.get("host", "")
    listen = given.pop("listen", None)
    if listen is not None and not re.fullmatch(r"[^@/?#\s]+:[0-9]{1,5}", listen):
        raise _wrong("listen must be host:port of the database itself")
    user = unquote(parts.username or given.get("user", "") or "")
    name = f"postgresql://{user + '@' if user else ''}{host}{parts.path} (schema {schema})"
    defaults = {
        "connect_timeout": "5",
        "application_name": "lobu_jupyter",
        "target_session_attrs": "read-write",
    }
    defaults |= {
        "keepalives_idle": "10",
        "keepalives_interval": "5",
        "keepalives_count": "3",
        "tcp_user_timeout": "20000",
    }
    query = urlencode({**defaults, **given}, quote_via=quote)
    conninfo = urlunsplit(("postgresql", parts.netloc, parts.path, query, ""))
    direct = None
    if listen is not None:
        past = "".join(parts.netloc.rpartition("@")[:2]) + listen
        given = {key: value for key, value in given.items() if key not in ("host", "hostaddr", "port")}
        direct = urlunsplit(
            ("postgresql", past, parts.path, urlencode({**defaults, **given}, quote_via=quote), "")
        )
    return Address(conninfo, name, schema, writers, readers, secrets, direct)


def _count(given: dict[str, str], name: str, usual: int) -> int:
    text = given.pop(name, str(usual))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 64):
        raise _wrong(f"{name} must be 1 to 64")
    return int(text)


def _wrong(why: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"The address of the lobu store is not right: {why}. Set LobuApp.store to "
        "postgresql://user@host:5432/database, or to a path."
    )
