"""A batch that takes the fast road leaves the same journal, lease and answers as one that takes the ordinary road."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lobu_jupyter.model.errors import LobuError
from lobu_jupyter.model.events import Event
from tests import postgres
from tests.gateway.rig import Rig, batch, call, open_rig, result, say, success
from tests.peek import does

pytestmark = pytest.mark.processes

CHUNK = {"type": "TEXT_MESSAGE_CHUNK", "messageId": "chunk", "role": "assistant", "delta": "par"}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["say", "call", "result", "chunk", "bad", "again", "early", "beat", "second", "rename"]
        ),
        st.booleans(),  # whether this server has the run's slice
    ),
    min_size=3,
    max_size=14,
)


@pytest.mark.timeout(600)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
async def test_either_road_gives_the_same_journal(steps: list[tuple[str, bool]]) -> None:
    assert await play(steps, fast=True) == await play(steps, fast=False)


async def test_the_usual_batch_takes_it_and_many_share_one_statement() -> None:
    async with open_rig(postgres.new_store()) as rig:
        runs = [await rig.running() for _ in range(8)]
        for run in runs:
            await rig.worker.emit(run.run_id, *say("x", "m1"))  # the first batch has more to do
        road = rig.database.engine.fast_road
        groups: list[tuple[int, int]] = []
        real = road._append

        def counted(batches: list[Any]) -> Any:
            rows = real(batches)
            groups.append((len(batches), len(rows)))
            return rows

        road._append = counted
        await asyncio.gather(*(rig.worker.emit(run.run_id, *say("y", "m2")) for run in runs))

        assert sum(taken for _, taken in groups) == 8
        assert len(groups) <= 2
        for run in runs:
            assert (await rig.types(run.thread_id)).count("TEXT_MESSAGE_START") == 2


async def test_a_batch_of_a_worker_that_is_gone_is_not_taken_by_it() -> None:
    async with open_rig(postgres.new_store()) as rig:
        run = await rig.running()
        await rig.worker.emit(run.run_id, *say("x", "m1"))
        await rig.database.write(
            does("UPDATE workers SET gone_at = 1")
        )  # by another server, unknown to this one
        assert rig.gateway._ctx.slices.expects(run.run_id, 2)

        with pytest.raises(LobuError):
            await rig.worker.emit(run.run_id, *say("y", "m2"))

        assert (await rig.types(run.thread_id))[-1] == "TEXT_MESSAGE_END"
        assert (await rig.rows("SELECT batch FROM leases")) == [(1,)]


async def play(steps: list[tuple[str, bool]], *, fast: bool) -> list[Any]:
    """The answers to a script of batches, the journal and the lease that they leave."""
    async with open_rig(postgres.new_store()) as rig:
        if not fast:
            rig.database.engine.fast_road, road = None, rig.database.engine.fast_road
        run = await rig.running()
        told: list[Any] = []
        number = 0
        for step, (what, knows) in enumerate(steps):
            if not knows:
                rig.gateway._ctx.slices.drop(run.run_id)
            if what == "second":
                rig.clock.advance(1.5)
            elif what == "beat":
                await rig.gateway.workers.heartbeat(rig.worker.caller)
            elif what == "rename":
                await rig.database.write(lambda tx: _title(rig, tx, run.thread_id))
            else:
                wanted = number + {"again": 0, "early": 2}.get(what, 1)
                answer = await emit(rig, run.run_id, wanted, events_of(what, step))
                told.append(answer)
                number = answer["acked"] if isinstance(answer, dict) else number
        told.append(await emit(rig, run.run_id, number + 1, [success()]))
        rows = await rig.rows("SELECT thread, first, last, bodies FROM journal ORDER BY first")
        bodies = re.sub(rb"msg_[0-9a-f]+", b"MSG", b"\x1e".join(row[3] for row in rows))
        bodies = bodies.replace(run.run_id.encode(), b"RUN")
        if not fast:
            rig.database.engine.fast_road = road
        return [*told, [row[:3] for row in rows], bodies.replace(run.thread_id.encode(), b"THREAD")]


def events_of(what: str, step: int) -> list[Event]:
    match what:
        case "call":
            return call(f"c{step}")
        case "result":
            return [*call(f"c{step}"), result(f"c{step}")]
        case "chunk":
            return [CHUNK]
        case "bad":
            return [{"type": "TEXT_MESSAGE_END", "messageId": "never began"}]
        case _:
            return say("x", f"m{step}")


async def emit(rig: Rig, run_id: str, number: int, events: list[Event]) -> Any:
    try:
        return await rig.gateway.workers.ingest(
            rig.worker.caller, batch(run_id, rig.worker.caller.incarnation, max(number, 1), *events)
        )
    except LobuError as error:
        return type(error).__name__, error.field


async def _title(rig: Rig, tx: Any, thread_id: str) -> None:
    from lobu_jupyter.gateway.journal.journal import append, stamped
    from lobu_jupyter.model.events import custom

    await tx.lock_threads(thread_id)
    event = stamped(custom("lobu.title", {"title": "another"}), rig.clock.now())
    await append(tx, thread_id, None, [event], rig.clock.now())
