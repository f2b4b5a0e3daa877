"""Cold equals warm: however a script is cut into batches, resent, and whichever server takes them,
restarted in between or not, journal and fold are those of one process that took it in one piece."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lobu_jupyter.model.errors import LobuError
from lobu_jupyter.model.events import Event
from lobu_jupyter.model.fold import fold
from tests import stores
from tests.gateway.rig import ME, Rig, batch, open_rig, success

from .scripts import scripts

RUN = {"max_examples": 15, "deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


@pytest.mark.scenario("H6")
@settings(**RUN)
@given(script=scripts(), data=st.data())
async def test_cold_equals_warm(script: list[Event], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole = await _journal_of(stores.new_store(Path(folder), name="warm.sqlite"), script, data=None)
        cut = await _journal_of(stores.new_store(Path(folder), name="cold.sqlite"), script, data=data)

    assert cut == whole


async def _journal_of(path: str | Path, script: list[Event], data: st.DataObject | None) -> list[bytes]:
    """The run's events as journaled, but for ids and the first and last, which name the run."""
    events = [*script, success()]
    async with open_rig(path) as rig:
        started = await rig.running()
        caller, number = rig.worker.caller, 0
        while events:
            size = len(events) if data is None else data.draw(st.integers(1, len(events)))
            number += 1
            part = batch(started.run_id, caller.incarnation, number, *events[:size])
            events = events[size:]
            await rig.gateway.workers.ingest(caller, part)
            if data is not None:
                await _disturb(rig, data, caller, part, started.run_id)
        bodies = [
            e.body
            async for page in rig.gateway.runs.follow(ME, started.thread_id, 0, follow=False)
            for e in page
        ]
        entries = [
            e async for page in rig.gateway.runs.follow(ME, started.thread_id, 0, follow=False) for e in page
        ]
        assert await rig.gateway.runs.snapshot(ME, started.thread_id) == fold(entries)
    return bodies[2:-1]


async def _disturb(rig: Rig, data: st.DataObject, caller: Any, part: Any, run_id: str) -> None:
    if data.draw(st.booleans()):
        await rig.gateway.workers.ingest(caller, part)  # the ack was lost
    if data.draw(st.booleans()):
        rig.gateway._ctx.slices.drop(run_id)  # another server took the batch, or this one was restarted
    if data.draw(st.booleans()):
        bad = batch(
            run_id, caller.incarnation, part.batch + 1, {"type": "TEXT_MESSAGE_END", "messageId": "?"}
        )
        with pytest.raises(LobuError):
            await rig.gateway.workers.ingest(caller, bad)
