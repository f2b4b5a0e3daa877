"""One kernel's watch: a death is told once, by whomever it is noticed."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from jupyter_client.session import Session

from lobu_jupyter.server.cells import Cells
from lobu_jupyter.server.watch import Watch


class Process:
    """A kernel manager whose answer is held back until all have asked."""

    shutting_down = False

    def __init__(self, askers: int) -> None:
        self.session = Session(key=b"k")
        self.alive = False
        self._all_ask = asyncio.Barrier(askers)

    async def is_alive(self) -> bool:
        await self._all_ask.wait()
        return self.alive

    def get_connection_info(self) -> dict[str, Any]:
        return {}  # no ports: nothing to connect to


def _watch(process: Process, told: list[Watch]) -> Watch:
    cells = Cells(lambda _session: True)
    return Watch("k1", cast("Any", process), cells, told.append, logging.getLogger("test"))


async def test_monitor_poll_and_callback_that_notice_one_death_tell_it_once() -> None:
    told: list[Watch] = []
    watch = _watch(Process(3), told)

    await asyncio.gather(watch.check(), watch.check(), watch.check())

    assert told == [watch]


async def test_a_second_death_is_told_too() -> None:
    told: list[Watch] = []
    process = Process(1)
    watch = _watch(process, told)
    await watch.check()

    process.alive = True
    await watch.check()
    process.alive = False
    await watch.check()

    assert told == [watch, watch]
