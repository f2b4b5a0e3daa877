"""The inbox of a worker: read again after a lost answer, forgotten once confirmed."""

from __future__ import annotations

from .rig import Rig


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
