"""The hub's bells: a wake between a look and the wait is kept, and a wait has its own end."""

from __future__ import annotations

import asyncio

from lobu_jupyter.gateway.journal.hub import Hub


async def test_a_bell_that_rang_before_the_wait_is_heard() -> None:
    hub = Hub()

    with hub.listen("a thread") as bell:
        bell.clear()
        hub.wake(["a thread"])

        assert await bell.wait(0) is True


async def test_each_wait_has_its_own_end() -> None:
    loop, hub = asyncio.get_running_loop(), Hub()
    took: list[float] = []

    with hub.listen("a thread") as bell:
        for rung_within, seconds in ((0.05, 0.2), (3600, 0.01)):
            loop.call_soon(hub.wake, ["a thread"])
            assert await bell.wait(rung_within)
            bell.clear()
            began = loop.time()
            assert not await asyncio.wait_for(bell.wait(seconds), 30)
            took.append(loop.time() - began)

    assert took[0] >= 0.19
    assert took[1] < 30


async def test_a_bell_that_nobody_listens_to_leaves_no_timer() -> None:
    loop, hub = asyncio.get_running_loop(), Hub()

    with hub.listen("a thread") as bell:
        loop.call_soon(hub.wake, ["a thread"])
        await bell.wait(3600)

    assert bell._timer is None
    assert not hub.listened("a thread")
