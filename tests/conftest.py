"""Shared by all tests: outcomes are kept for `make scenarios`, and the last test of the suite runs last."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from lobu_jupyter.store.tx import Tx
from tests import ports, starts, stores, unit

from .outcomes import Keeper

for name in [name for name in os.environ if name.startswith(("LOBU_", "OPENAI_", "ANTHROPIC_"))]:
    if name != "LOBU_TEST_POSTGRES":
        del os.environ[name]  # a developer's own settings do not reach the tests

starts.install()

# How quickly inputs are made says more of the machine than of the code.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


Tx.strict = True


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--store", choices=stores.BOTH, default="sqlite", help="the database of the tests' stores"
    )
    parser.addoption("--unit", action="store_true", help="only tests that start no process: `make unit`")


@pytest.fixture
def store_kind(request: pytest.FixtureRequest) -> stores.Kind:
    """The database of this test's store."""
    return getattr(request, "param", stores.chosen)


@pytest.fixture
def store(tmp_path: Path, store_kind: stores.Kind) -> str | Path:
    """A new store."""
    return stores.new_store(tmp_path, store_kind)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    where = metafunc.definition.nodeid
    if "store_kind" in metafunc.fixturenames and stores.chosen == "sqlite" and where.startswith(stores.SLICE):
        metafunc.parametrize("store_kind", stores.BOTH, indirect=True)


def pytest_configure(config: pytest.Config) -> None:
    stores.chosen = config.getoption("--store")
    config.pluginmanager.register(Keeper(), "outcomes")
    if config.getoption("--unit"):
        config.pluginmanager.register(unit.Guard(), "unit")
    ports.install()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--unit"):
        unit.select(config, items)
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
