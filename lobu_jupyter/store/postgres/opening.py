"""Opening a schema: a new one is created, an older one upgraded, any other refused."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import psycopg

from lobu_jupyter.model.errors import StoreTooNew, StoreUnavailable

from .errors import translate
from .scripts import SCRIPTS

if TYPE_CHECKING:
    from lobu_jupyter.store.queries import Scripts

    from .address import Address
    from .connection import Connection, PostgresSession

__all__ = ["SCRIPTS", "prepare"]

log = logging.getLogger(__name__)

OLDEST = 140000
INDEXED = "SELECT 1 FROM pg_indexes WHERE schemaname = $1 AND indexname = 'texts_by_trigram'"


def prepare(session: PostgresSession, scripts: Scripts) -> None:
    """Check the database and bring its schema up to date, in one transaction.

    Raises:
        StoreTooNew: a newer lobu_jupyter made the schema.
        StoreUnavailable: it cannot be used. The message says why and what to do.
    """
    connection, address = session.connection(), session.address
    try:
        _check(connection, address)
        connection.execute("BEGIN")
        try:
            _bring_up(connection, address, scripts)
            indexed = _one(connection, INDEXED, address.schema)
            connection.execute("COMMIT")
        finally:
            session.rollback()
    except psycopg.Error as error:
        told = translate(error, address)
        raise (
            told if isinstance(told, StoreUnavailable) else StoreUnavailable(f"{address.name}: {error}")
        ) from error
    if indexed is None:
        log.warning(
            "%s searches without an index, because its role may not create the extension pg_trgm: docs/operations.md",
            address.name,
        )


def _check(connection: Connection, address: Address) -> None:
    if connection.info.server_version < OLDEST:
        version = connection.info.server_version // 10000
        raise StoreUnavailable(f"{address.name} is PostgreSQL {version}; lobu_jupyter needs 14 or newer.")
    if (encoding := _show(connection, "server_encoding")) != "UTF8":
        raise StoreUnavailable(
            f"{address.name} has the encoding {encoding}; create a database with ENCODING 'UTF8' and name that."
        )
    if _show(connection, "synchronous_commit") == "off":
        raise StoreUnavailable(
            f"{address.name} acknowledges what is not on disk yet (synchronous_commit = off): "
            "ALTER ROLE … SET synchronous_commit = on, and start again."
        )
    if _show(connection, "fsync") == "off":
        log.warning(
            "%s runs with fsync = off: a crash of its machine loses what was acknowledged", address.name
        )


def _show(connection: Connection, name: str) -> str:
    row = connection.execute(b"SHOW %b" % name.encode()).fetchone()
    assert row is not None, "a setting is one row"
    return str(row[0])


def _bring_up(connection: Connection, address: Address, scripts: Scripts) -> None:
    schema = address.schema
    # One server at a time; the others wait here and then find the schema made.
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))", [f"lobu schema {schema}"])
    there = _one(connection, "SELECT 1 FROM pg_namespace WHERE nspname = $1", schema)
    if there is None:
        connection.execute(b'CREATE SCHEMA "%b"' % schema.encode())
    connection.execute(b'SET LOCAL search_path = "%b"' % schema.encode(), prepare=False)
    tables = _one(connection, "SELECT count(*) FROM pg_tables WHERE schemaname = $1", schema)
    known = _one(
        connection, "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'lobu_store'", schema
    )
    if known is None and tables[0]:
        raise StoreUnavailable(
            f"The schema {schema} of {address.name} has tables of another program. Name another with ?schema=…"
        )
    if known is None:
        connection.execute(scripts.schema.encode(), prepare=False)
        connection.execute("CREATE TABLE lobu_store (version BIGINT NOT NULL)")
        connection.execute("INSERT INTO lobu_store VALUES ($1)", [scripts.version])
        return
    found = _one(connection, "SELECT version FROM lobu_store")[0]
    if found > scripts.version:
        raise StoreTooNew(
            f"The lobu store {address.name} was made by a newer lobu_jupyter (version {found}, this one knows "
            f"{scripts.version}). Upgrade lobu_jupyter, or set LobuApp.store to another store."
        )
    for version, script in scripts.steps.items():
        if version > found:
            connection.execute(script.encode(), prepare=False)
    if found != scripts.version:
        connection.execute("UPDATE lobu_store SET version = $1", [scripts.version])


def _one(connection: Connection, statement: str, *params: Any) -> Any:
    return connection.execute(statement.encode(), list(params) or None).fetchone()
