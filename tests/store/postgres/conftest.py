"""Stores in PostgreSQL, whatever the session is for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from lobu_jupyter.store.database import Database, open_database
from tests import postgres


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Cluster]:
    """A database server of the module's own, to kill."""
    cluster = postgres.new_cluster()
    yield cluster
    cluster.remove()


@pytest.fixture
def address() -> str:
    return postgres.new_store()


@pytest.fixture
async def database(address: str) -> AsyncIterator[Database]:
    database = await open_database(address, busy_seconds=2)
    yield database
    await database.close()
