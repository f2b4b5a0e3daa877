"""The inbox of a worker: read again after a lost answer, forgotten once confirmed."""

from __future__ import annotations

from typing import Any

import pytest

from lobu_jupyter.gateway.inbox import UNREADABLE
from lobu_jupyter.gateway.journal.snapshots import Snapshots
from lobu_jupyter.model.errors import InvalidField, StoreUnavailable
from lobu_jupyter.model.ports import LeftOut

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


async def test_a_later_run_gets_what_earlier_ones_left_out(rig: Rig) -> None:
    first = await rig.running()
    value = {"message": "It was left out.", "model": "m", "parts": [["text", "0f"], ["call", "c1"]]}
    old = {"type": "CUSTOM", "name": "lobu.left_out", "value": {"message": "as earlier versions had it"}}
    told = {"type": "CUSTOM", "name": "lobu.left_out", "value": value}
    await rig.worker.emit(first.run_id, old, told, success())

    await rig.start(first.thread_id, "again")
    task = (await rig.worker.fetch())[-1].task

    assert task is not None
    assert task.left_out == (LeftOut(model="m", parts=(("text", "0f"), ("call", "c1"))),)


@pytest.mark.parametrize("parts", [5, [["text"]], [["text", 5]], [["a", "b"]] * 1001])
async def test_parts_that_are_none_are_refused_by_name(rig: Rig, parts: Any) -> None:
    run = await rig.running()
    value = {"message": "m", "parts": parts}

    with pytest.raises(InvalidField, match="left_out") as refused:
        await rig.worker.emit(run.run_id, {"type": "CUSTOM", "name": "lobu.left_out", "value": value})

    assert str(refused.value.field).startswith("events[0].value.parts")
