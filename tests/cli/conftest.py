"""One real server for all command lines that kill nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.person import Person
from tests.servers import RealServer

from .terminal import Terminal


@pytest.fixture(scope="package")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    server = RealServer(tmp_path_factory.mktemp("server"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def lobu(
    shared_server: RealServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Terminal:
    return Terminal(shared_server, monkeypatch, capfd)


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
