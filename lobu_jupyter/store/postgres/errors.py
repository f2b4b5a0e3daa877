"""The meaning of PostgreSQL's errors: try again, reconnect, or tell the caller what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import errors as pg

from lobu_jupyter.model.errors import StoreUnavailable, TooLarge

if TYPE_CHECKING:
    from .address import Address

RACES = frozenset(
    [
        "journal_by_thread",
        "journal_gapless",
        "inbox_pkey",
        "runs_one_running",
        "runs_one_per_request",
        "runs_one_resume",
    ]
)
"""Unique indexes that two servers may both want to fill. The one that lost runs its body again, and sees the winner."""

_HINTS: tuple[tuple[type[psycopg.Error] | tuple[type[psycopg.Error], ...], str], ...] = (
    (
        pg.InvalidPassword,
        "set the right user and password in LobuApp.store, LOBU_STORE or LobuApp.store_password_file.",
    ),
    (
        pg.InvalidAuthorizationSpecification,
        "let this user in (pg_hba.conf), or name another in LobuApp.store.",
    ),
    (pg.InvalidCatalogName, "create the database, or name another in LobuApp.store."),
    (
        pg.InsufficientPrivilege,
        "give the role the rights of docs/operations.md: CREATE on the database, or its own schema.",
    ),
    (pg.DiskFull, "make room on the database's disk; nothing of this request was written."),
    (pg.TooManyConnections, "raise max_connections, or set fewer writers and readers in the address."),
    (pg.LockNotAvailable, "another transaction holds a lock for long; pg_stat_activity shows which."),
    (pg.QueryCanceled, "a statement took longer than its timeout, or an administrator cancelled it."),
    (
        pg.ReadOnlySqlTransaction,
        "this server is a standby; name the primary, or all hosts, in LobuApp.store.",
    ),
    (
        (pg.UndefinedTable, pg.UndefinedColumn),
        "its schema is not what this lobu_jupyter made; restore a backup, or name another schema in LobuApp.store.",
    ),
)


def worth_another_try(error: BaseException) -> bool:
    """Return whether another transaction was in the way, so that the same body may succeed now."""
    if isinstance(error, pg.UniqueViolation):
        return error.diag.constraint_name in RACES
    return isinstance(error, pg.SerializationFailure | pg.DeadlockDetected)


def is_lost(error: BaseException, connection: psycopg.Connection[object] | None) -> bool:
    """Return whether the connection is gone or of no use any more.

    A newer server that adds a column makes statements useless that were prepared before.
    """
    if isinstance(error, pg.FeatureNotSupported) and "cached plan" in str(error):
        return True
    if isinstance(
        error, pg.ReadOnlySqlTransaction | pg.AdminShutdown | pg.CrashShutdown | pg.CannotConnectNow
    ):
        return True
    return isinstance(error, psycopg.Error) and (connection is None or connection.closed or connection.broken)


def translate(error: BaseException, address: Address) -> BaseException:
    """Return the error that a caller gets."""
    if isinstance(error, pg.ProgramLimitExceeded):
        return TooLarge("A text of this request is too long for the store's indexes.")
    ours = psycopg.IntegrityError | psycopg.DataError | psycopg.ProgrammingError | psycopg.NotSupportedError
    told = any(isinstance(error, kind) for kind, _ in _HINTS)
    if isinstance(error, ours) and not told:
        return error  # a rule broken by our own code, not the database's state
    return unavailable(error, address) if isinstance(error, psycopg.Error) else error


def unavailable(error: BaseException, address: Address) -> StoreUnavailable:
    """Return what a person reads: where, why, what to do. It holds no password."""
    text = " ".join(str(error).split()) or type(error).__name__
    for secret in address.secrets:
        text = text.replace(secret, "…")
    text = text[:400]
    hint = next((hint for kind, hint in _HINTS if isinstance(error, kind)), None)
    if hint is None and "password" in text:
        hint = _HINTS[0][1]
    if hint is None and "does not exist" in text:
        hint = _HINTS[2][1]
    hint = hint or "see that it runs and can be reached; it is tried again by itself."
    return StoreUnavailable(f"The lobu store {address.name} cannot be used ({text}): {hint}")
