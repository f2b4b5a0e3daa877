"""A thread or a run of another person looks absent, whatever is asked of it, and nothing of it changes."""

from __future__ import annotations

import pytest

from lobu_jupyter.model.errors import RunNotFound, ThreadNotFound
from lobu_jupyter.model.requests import StartRun, ThreadPatch
from tests.gateway.rig import OTHER, Rig, approve


async def test_nothing_of_another_persons_is_there(rig: Rig) -> None:
    of = await rig.waiting("c", kernel_id="k1")
    before = await rig.journal(of.thread_id)
    gateway = rig.gateway

    for attempt in (
        gateway.threads.get(OTHER, of.thread_id),
        gateway.threads.patch(OTHER, of.thread_id, ThreadPatch(title="mine")),
        gateway.threads.delete(OTHER, of.thread_id),
        gateway.runs.start(OTHER, of.thread_id, StartRun(prompt="x")),
        gateway.policy.resume(OTHER, of.thread_id, [approve("c")]),
    ):
        with pytest.raises(ThreadNotFound):
            await attempt
    for attempt in (gateway.runs.get(OTHER, of.run_id), gateway.runs.cancel(OTHER, of.run_id)):
        with pytest.raises(RunNotFound):
            await attempt

    assert await gateway.policy.interrupts(OTHER) == []
    assert await rig.journal(of.thread_id) == before
