"""The inbox of a worker: read again after a lost answer, forgotten once confirmed."""

from __future__ import annotations

import pytest

from lobu_jupyter.gateway.inbox import UNREADABLE
from lobu_jupyter.gateway.journal.snapshots import Snapshots
from lobu_jupyter.model.errors import StoreUnavailable

from .rig import Rig, say, success


async def test_what_was_not_confirmed_is_told_again(rig: Rig) -> None:
    started = await rig.start(await rig.thread())

    first = await rig.gateway.workers.inbox(rig.worker.caller, 0)
    again = await rig.gateway.workers.inbox(rig.worker.caller, 0)

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
    await rig.lose(first.thread_id, 4)  # what the message says; without it the run is whole, still

    damaged = await rig.start(first.thread_id)
    whole = await rig.start(await rig.thread())

    assert [item.run_id for item in await rig.worker.fetch()] == [damaged.run_id, whole.run_id]


async def test_a_run_whose_thread_cannot_be_read_fails_alone(rig: Rig, caplog) -> None:
    first = await rig.running()
    await rig.worker.emit(first.run_id, *say("hello"), success())
    await rig.spoil(first.thread_id, 4)

    damaged = await rig.start(first.thread_id)
    whole = await rig.start(await rig.thread())
    items = await rig.worker.fetch()

    assert [item.run_id for item in items if item.kind == "start"] == [whole.run_id]
    failed = await rig.run(damaged.run_id)
    assert (failed.status, failed.error.code, failed.error.message) == ("failed", "internal", UNREADABLE)
    assert damaged.run_id in caplog.text
    await rig.lose(first.thread_id, 4)  # for who reads every journal of these tests


async def test_a_worker_keeps_its_run_while_the_store_cannot_be_read(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await rig.start(await rig.thread())

    async def gone(*_: object) -> None:
        raise StoreUnavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Snapshots, "state", gone)
        with pytest.raises(StoreUnavailable):
            await rig.worker.fetch()

    assert [item.run_id for item in await rig.worker.fetch()] == [started.run_id]
