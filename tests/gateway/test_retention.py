"""Retention deletes what is old or too much, and never what a pause, a queue or a reader needs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from lobu_jupyter.gateway.sweeper import RETENTION_SECONDS
from lobu_jupyter.model.errors import ThreadNotFound
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.requests import ThreadPatch

from .rig import ME, QUIET, Rig, approve, open_rig, say, success

DAY = 24 * 3600.0


async def ended(rig: Rig, messages: int = 1) -> str:
    """A thread whose one run has ended, with messages of 50 kB."""
    started = await rig.running()
    said = [event for _ in range(messages) for event in say("x" * 50_000, new_id("m"))]
    await rig.worker.emit(started.run_id, *said, success())
    return started.thread_id


async def exists(rig: Rig, thread_id: str) -> bool:
    try:
        await rig.gateway.threads.get(ME, thread_id)
    except ThreadNotFound:
        return False
    return True


@pytest.mark.scenario("A15")
async def test_a_pause_outlives_every_window_and_can_still_be_decided(store: Path) -> None:
    settings = replace(QUIET, keep_seconds=DAY, keep_bytes=1, interrupt_seconds=None, purge_seconds=0)
    async with open_rig(store, settings=settings) as rig:
        paused = await rig.waiting("c")
        old = await ended(rig)

        for _ in range(3):
            rig.clock.advance(400 * DAY)
            await rig.gateway.sweep()

        assert not await exists(rig, old)
        _, is_new = await rig.gateway.policy.resume(ME, paused.thread_id, [approve("c")])
        assert is_new
        await rig.gateway.workers.heartbeat(rig.worker.caller)
        (item,) = [i for i in await rig.worker.fetch() if i.kind == "start"]
        assert item.task is not None
        assert item.task.resumption is not None
        assert item.task.resumption.checkpoint == "the checkpoint"


async def test_threads_go_by_age_from_their_last_touch_and_leave_no_rows(store: Path) -> None:
    settings = replace(QUIET, keep_seconds=30 * DAY, purge_seconds=60)
    async with open_rig(store, settings=settings) as rig:
        old, touched = await ended(rig), await ended(rig)
        rig.clock.advance(20 * DAY)
        await rig.gateway.threads.patch(ME, touched, ThreadPatch(title="still of use"))
        rig.clock.advance(11 * DAY)

        await rig.gateway.sweep()
        rig.clock.advance(61)
        await rig.gateway.sweep()

        assert not await exists(rig, old)
        assert await exists(rig, touched)
        assert await rig.rows("SELECT 1 FROM events WHERE thread_id = ?", old) == []
        (row,) = await rig.gateway.policy.audit(ME)
        assert (row["action"], row["by"], row["detail"]) == ("deleted", "retention", {"why": "age"})


async def test_of_a_store_that_is_too_large_the_oldest_threads_go_until_it_fits(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, purge_seconds=0)) as rig:
        threads: list[str] = []
        for _ in range(6):
            threads.append(await ended(rig, messages=4))
            rig.clock.advance(1)
        used = await rig.database.read(lambda tx: tx.one("used_bytes"))
    limit = used["bytes"] - 500_000
    async with open_rig(store, settings=replace(QUIET, keep_bytes=limit, purge_seconds=0)) as rig:
        rig.clock.advance(60)

        await rig.gateway.sweep()
        rig.clock.advance(RETENTION_SECONDS + 1)
        await rig.gateway.sweep()

        kept = [await exists(rig, thread) for thread in threads]
        assert kept == [False, False, False, True, True, True]


async def test_what_is_running_queued_or_read_stays(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, keep_seconds=DAY)) as rig:
        running = await rig.running()
        await rig.start(running.thread_id, if_running="queue")
        read = await ended(rig)
        pages = rig.gateway.runs.follow(ME, read, 0)
        await anext(pages)
        rig.clock.advance(2 * DAY)
        await rig.gateway.workers.heartbeat(rig.worker.caller)

        await rig.gateway.sweep()

        assert await exists(rig, running.thread_id)
        assert await exists(rig, read)
        await asyncio.wait_for(pages.aclose(), 30)


async def test_by_default_nothing_is_deleted(rig: Rig) -> None:
    thread = await ended(rig)
    rig.clock.advance(5000 * DAY)

    await rig.gateway.sweep()

    assert await exists(rig, thread)
