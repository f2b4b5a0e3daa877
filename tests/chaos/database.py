"""Faults of the database, if the store is in PostgreSQL: it is killed, restarted, frozen, cut off, and locked for long."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg

from lobu_jupyter.store.postgres.address import parse
from tests import postgres

if TYPE_CHECKING:
    from .faults import Fault
    from .stage import Stage


def kill(fault: Fault, stage: Stage) -> bool:
    """SIGKILL, as a machine that goes away."""
    cluster = _cluster(stage)
    cluster.kill()
    time.sleep(fault.lasts)
    cluster.start()
    return True


def restart(fault: Fault, stage: Stage) -> bool:
    """As an administrator does it, or in a hurry."""
    cluster = _cluster(stage)
    cluster.stop("fast" if fault.pick % 2 else "immediate")
    cluster.start()
    return True


def freeze(fault: Fault, stage: Stage) -> bool:
    """No answer and no end, as of a machine that swaps or a disk that hangs."""
    pid = int((_cluster(stage).folder / "data" / "postmaster.pid").read_text().split()[0])
    first = psutil.Process(pid)
    stopped = [first, *first.children(recursive=True)]
    for process in stopped:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(fault.lasts)
    finally:
        for process in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
    return True


def cut(fault: Fault, stage: Stage) -> bool:
    """All connections end at once."""
    with _connected(stage) as connection:
        ended = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'lobu_jupyter' AND pid <> pg_backend_pid()"
        ).fetchone()
    return ended is not None and ended[0] > 0


def lock(fault: Fault, stage: Stage) -> bool:
    """Somebody's transaction holds what every start, end and batch needs."""
    schema = parse(str(stage.store)).schema
    with _connected(stage) as connection, connection.transaction():
        connection.execute("SET LOCAL lock_timeout = '5s'")
        with contextlib.suppress(psycopg.errors.LockNotAvailable):
            connection.execute(f'LOCK TABLE "{schema}".leases, "{schema}".threads IN EXCLUSIVE MODE')  # pyright: ignore
            time.sleep(fault.lasts)
            return True
    return False


@contextlib.contextmanager
def _connected(stage: Stage) -> Iterator[psycopg.Connection]:
    with psycopg.connect(_cluster(stage).address, autocommit=True, application_name="chaos") as connection:
        yield connection


def _cluster(stage: Stage) -> postgres.Cluster:
    assert stage.cluster is not None, "these faults are of a store in PostgreSQL"
    return stage.cluster


def to_file(store: str, path: Path) -> None:
    """Copy the store to a file, which the verdict reads. The servers have ended, whatever their rows say."""
    import asyncio

    from lobu_jupyter.gateway.stores import copy_store

    with psycopg.connect(parse(store).conninfo, autocommit=True) as connection:
        connection.execute(f'DELETE FROM "{parse(store).schema}".servers')  # noqa: S608  # pyright: ignore
    asyncio.run(copy_store(store, path, lambda step: None))
