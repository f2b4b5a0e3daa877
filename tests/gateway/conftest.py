"""A rig on a store of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .rig import Rig, open_rig


@pytest.fixture
async def rig(store: Path) -> AsyncIterator[Rig]:
    async with open_rig(store) as rig:
        yield rig
