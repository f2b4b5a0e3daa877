"""The contract on the gateway itself; ``second`` is a second server on the same store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.model.callers import Person
from tests.gateway.rig import ME, OTHER, Rig, Worker, open_rig

from .gateway_contract import GatewayContract


class Face:
    """A gateway as one person sees it."""

    def __init__(self, rig: Rig, by: Person) -> None:
        self._rig = rig
        self._by = by

    def __getattr__(self, name: str) -> Any:
        return FacePart(getattr(self._rig.gateway, name), self._by)


class FacePart:
    """A part of the gateway as one person sees it."""

    def __init__(self, part: Any, by: Person) -> None:
        self._part = part
        self._by = by

    def __getattr__(self, name: str) -> Any:
        return partial(getattr(self._part, name), self._by)


class TestInProcess(GatewayContract):
    @pytest.fixture
    async def rig(self, store: str | Path) -> AsyncIterator[Rig]:
        async with open_rig(store) as rig:
            yield rig

    @pytest.fixture
    def face(self, rig: Rig) -> Face:
        return Face(rig, ME)

    @pytest.fixture
    def stranger(self, rig: Rig) -> Face:
        return Face(rig, OTHER)

    @pytest.fixture
    async def second(self, rig: Rig, store: str | Path) -> AsyncIterator[Face]:
        async with open_rig(store, clock=rig.clock) as other:
            yield Face(other, ME)

    @pytest.fixture
    def worker(self, rig: Rig) -> Worker:
        return rig.worker
