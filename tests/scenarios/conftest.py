"""Real servers, workers and kernels: one server a module where nothing is killed, one a test where it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import RealServer

from .person import Person


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    server = RealServer(tmp_path_factory.mktemp("server"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def person(shared_server: RealServer) -> Person:
    return Person(shared_server)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RealServer]:
    """A server of the test's own, to kill."""
    server = RealServer(tmp_path / "server")
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def two_servers(tmp_path: Path) -> Iterator[tuple[RealServer, RealServer]]:
    """Two real Jupyter servers on one SQLite file."""
    store = tmp_path / "shared.sqlite"
    first, second = (RealServer(tmp_path / name, store=store) for name in ("first", "second"))
    try:
        yield first.start(), second.start()
    finally:
        first.stop()
        second.stop()
