"""A follower on one server reads what a worker says on another, at once and not only with the look of each second."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lobu_jupyter.model.events import decode
from tests.gateway.rig import ME, QUIET, open_rig, say, success

FOLLOWING = replace(QUIET, poll_seconds=0.02)


@pytest.mark.scenario("E7")
async def test_a_follower_on_another_server_reads_each_batch_at_once(store: str | Path) -> None:
    async with (
        open_rig(store, settings=FOLLOWING) as one,
        open_rig(store, settings=FOLLOWING, clock=one.clock) as two,
    ):
        run = await one.running()
        seen: dict[str, float] = {}
        said: dict[str, float] = {}

        async def follow() -> None:
            async for page in two.gateway.runs.follow(ME, run.thread_id, 0, run_id=run.run_id):
                for entry in page:
                    event = decode(entry.body)
                    if event["type"] == "TEXT_MESSAGE_START":
                        seen[event["messageId"]] = time.monotonic()

        reader = asyncio.create_task(follow())
        await asyncio.sleep(0.3)
        for number in range(20):
            said[f"m{number}"] = time.monotonic()
            await one.worker.emit(run.run_id, *say("x", f"m{number}"))
            await asyncio.sleep(0.03)
        await one.worker.emit(run.run_id, success())
        await asyncio.wait_for(reader, 20)

    assert seen.keys() == said.keys()
    assert statistics.median(seen[name] - at for name, at in said.items()) < 0.3
