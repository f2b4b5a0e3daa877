"""The inbox of a worker: read again after a lost answer, forgotten once confirmed."""

from __future__ import annotations

from .rig import Rig, say, success


async def test_what_was_not_confirmed_is_told_again(rig: Rig) -> None:
    started = await rig.start(await rig.thread())

    first = await rig.gateway.inbox(rig.worker.caller, 0)
    again = await rig.gateway.inbox(rig.worker.caller, 0)

    assert [item.run_id for item in first] == [started.run_id]
    assert again == first


async def test_what_a_worker_has_confirmed_is_forgotten_and_the_numbers_go_on(rig: Rig) -> None:
    for _ in range(3):
        await rig.running()

    assert await rig.worker.fetch() == []

    assert len(await rig.rows("SELECT * FROM inbox")) == 1
    await rig.start(await rig.thread())
    (item,) = await rig.worker.fetch()
    assert item.seq == 4


async def test_a_hole_in_one_journal_keeps_no_run_from_its_worker(rig: Rig) -> None:
    first = await rig.running()
    await rig.worker.emit(first.run_id, *say("hello"), success())
    await rig.lose(first.thread_id, 3)

    damaged = await rig.start(first.thread_id)
    whole = await rig.start(await rig.thread())

    assert [item.run_id for item in await rig.worker.fetch()] == [damaged.run_id, whole.run_id]
