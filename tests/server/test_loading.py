"""The extension is a good guest: loading it neither pays for the server's garbage nor changes its collector."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from .wire import Wire

LOAD = """
import gc
import jupyter_server.serverapp
import lobu_jupyter
before = sum(one["collections"] for one in gc.get_stats())
lobu_jupyter._jupyter_server_extension_points()
print(sum(one["collections"] for one in gc.get_stats()) - before, gc.isenabled(), gc.get_freeze_count())
"""


def test_what_jupyter_has_loaded_is_not_collected_while_we_load() -> None:
    said = subprocess.run([sys.executable, "-c", LOAD], stdout=subprocess.PIPE, text=True, check=True).stdout

    collections, enabled, frozen = said.split()
    assert int(collections) <= 1, "only the one that is due when the collector is on again"
    assert (enabled, frozen) == ("True", "0")


class TestFreezing:
    @pytest.fixture(params=[True, False], ids=str)
    def freezes(self, request: pytest.FixtureRequest) -> Iterator[bool]:
        gc.unfreeze()
        yield request.param
        gc.unfreeze()

    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any], freezes: bool) -> dict[str, Any]:
        mine = {**jp_server_config.get("LobuApp", {}), "freeze_modules": freezes}
        return {**jp_server_config, "LobuApp": mine}

    async def test_modules_are_frozen_as_the_setting_says(self, wire: Wire, freezes: bool) -> None:
        await wire.ok("GET", "health")

        assert (gc.get_freeze_count() > 0) is freezes
