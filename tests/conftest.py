"""Shared by all tests: outcomes are kept for `make scenarios`, and the last test of the suite runs last."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests import ports

from .outcomes import Keeper

for name in [name for name in os.environ if name.startswith(("LOBU_", "OPENAI_", "ANTHROPIC_"))]:
    del os.environ[name]  # a developer's own settings do not reach the tests

# How quickly inputs are made says more of the machine than of the code.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Keeper(), "outcomes")
    ports.install()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
