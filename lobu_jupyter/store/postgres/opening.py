"""Opening a schema: a new one is created, an older one upgraded, any other refused."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import psycopg

from lobu_jupyter.model.errors import StoreTooNew, StoreUnavailable
from lobu_jupyter.store.copying import MARK, UNFINISHED
from lobu_jupyter.store.engine import SHARED_SILENCE

from .errors import translate, unavailable
from .scripts import SCRIPTS

if TYPE_CHECKING:
    from lobu_jupyter.store.queries import Scripts

    from .address import Address
    from .connection import Connection, PostgresSession

__all__ = ["SCRIPTS", "prepare"]

log = logging.getLogger(__name__)

OLDEST = 140000
INDEXED = "SELECT 1 FROM pg_indexes WHERE schemaname = $1 AND indexname = 'texts_by_trigram'"
TOO_NEW = (
    "The lobu store {} was made by a newer lobu_jupyter (version {}, this one knows {}). "
    "Upgrade lobu_jupyter, or set LobuApp.store to another store."
)
_MARKED = "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = $2"
# A schema that was made before servers of several versions could share one has no column `oldest`.
_VERSION = "SELECT version, CAST(coalesce(to_jsonb(s) ->> 'oldest', CAST(version AS TEXT)) AS BIGINT) AS oldest FROM lobu_store s"
_LIVING = "SELECT host FROM servers WHERE seen_at > extract(epoch FROM clock_timestamp()) - CAST($1 AS DOUBLE PRECISION)"


def prepare(session: PostgresSession, scripts: Scripts, copying: bool) -> None:
    """Check the database and bring its schema up to date, in one transaction.

    Raises:
        StoreTooNew: a newer lobu_jupyter made the schema.
        StoreUnavailable: it cannot be used. The message says why and what to do.
    """
    connection, address = session.connection(), session.address
    try:
        _check(connection, address)
        connection.execute(
            b"BEGIN; SET LOCAL lock_timeout = %d" % int(session.busy_seconds * 1000), prepare=False
        )
        try:
            _bring_up(connection, address, scripts, copying)
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


def _bring_up(connection: Connection, address: Address, scripts: Scripts, copying: bool) -> None:
    schema = address.schema
    # One server at a time; the others wait here and then find the schema made.
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))", [f"lobu schema {schema}"])
    there = _one(connection, "SELECT 1 FROM pg_namespace WHERE nspname = $1", schema)
    if there is None:
        connection.execute(b'CREATE SCHEMA "%b"' % schema.encode())
    connection.execute(b'SET LOCAL search_path = "%b"' % schema.encode(), prepare=False)
    tables = _one(connection, "SELECT count(*) FROM pg_tables WHERE schemaname = $1", schema)
    known = _one(connection, _MARKED, schema, "lobu_store")
    if known is None and tables[0]:
        raise StoreUnavailable(
            f"The schema {schema} of {address.name} has tables of another program. Name another with ?schema=…"
        )
    if known is None:
        connection.execute(scripts.schema.encode(), prepare=False)
        connection.execute("CREATE TABLE lobu_store (version BIGINT NOT NULL, oldest BIGINT NOT NULL)")
        connection.execute("INSERT INTO lobu_store VALUES ($1, $2)", [scripts.version, scripts.oldest])
        return
    if not copying and _one(connection, _MARKED, schema, MARK) is not None:
        raise StoreUnavailable(UNFINISHED.format(address.name))
    _upgrade(connection, address, scripts)


def _upgrade(connection: Connection, address: Address, scripts: Scripts) -> None:
    """Take the steps that the schema lacks, but none that a living server would not understand.

    Raises:
        StoreTooNew: this lobu_jupyter is too old for the schema.
        StoreUnavailable: older servers are still alive.
    """
    version, oldest = _one(connection, _VERSION)
    if version > scripts.version:
        if oldest > scripts.version:
            raise StoreTooNew(TOO_NEW.format(address.name, version, scripts.version))
        log.warning("%s has the newer version %d, which this lobu_jupyter can use", address.name, version)
        return
    steps = [step for step in scripts.steps if step > version]
    if scripts.contracts.intersection(steps):
        _check_alone(connection, address, version, scripts)
    for step in steps:
        connection.execute(scripts.steps[step].encode(), prepare=False)
    if version != scripts.version:
        connection.execute("ALTER TABLE lobu_store ADD COLUMN IF NOT EXISTS oldest BIGINT NOT NULL DEFAULT 0")
        connection.execute(
            "UPDATE lobu_store SET version = $1, oldest = $2", [scripts.version, scripts.oldest]
        )


def _check_alone(connection: Connection, address: Address, version: int, scripts: Scripts) -> None:
    living = connection.execute(_LIVING, [SHARED_SILENCE]).fetchall()
    if living:
        hosts = ", ".join(sorted({row[0] for row in living}))
        raise StoreUnavailable(
            f"The lobu store {address.name} has to be upgraded from version {version} to {scripts.version}, and "
            f"{len(living)} older servers still use it ({hosts}). Stop these. It is then upgraded by itself."
        )


def find_version(session: PostgresSession) -> int | None:
    """Return the version of the schema, or None if there is no store in it."""
    connection, schema = session.connection(), session.address.schema
    try:
        if _one(connection, _MARKED, schema, "lobu_store") is None:
            return None
        return _one(connection, f'SELECT version FROM "{schema}".lobu_store')[0]  # noqa: S608
    except psycopg.Error as error:
        raise unavailable(error, session.address) from error


def _one(connection: Connection, statement: str, *params: Any) -> Any:
    return connection.execute(statement.encode(), list(params) or None).fetchone()
