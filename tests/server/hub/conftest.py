"""One hub and one replica of the service for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .hub import Hub
from .replica import Replica


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture(scope="module")
def service(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    home: Path = tmp_path_factory.mktemp("service")
    replica = Replica(hub, home, home / "lobu.sqlite")
    try:
        yield replica.start()
    finally:
        replica.stop()
