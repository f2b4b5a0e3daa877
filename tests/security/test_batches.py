"""A worker's batch is judged by its lease and number before its events are parsed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.model import events as ev
from lobu_jupyter.model.bounds import MAX_BATCH_EVENTS
from lobu_jupyter.model.errors import (
    Conflict,
    InvalidField,
    LobuError,
    RunEnded,
    StaleIncarnation,
)
from tests.gateway.rig import Rig, Worker, batch, open_rig, say, success


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path / "store.sqlite") as opened:
        yield opened


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where the events stood that were parsed."""
    found: list[str] = []
    parse = ev.parse

    def count(body: Any, where: str) -> Any:
        found.append(where)
        return parse(body, where)

    monkeypatch.setattr(ev, "parse", count)
    return found


def many(run_id: str, incarnation: int, number: int, count: int = MAX_BATCH_EVENTS) -> ev.Batch:
    events = [event for n in range(count // 3 + 1) for event in say("x", f"{number}-{n}")][:count]
    return batch(run_id, incarnation, number, *events)


async def refused(rig: Rig, worker: Worker, sent: ev.Batch, error: type[LobuError]) -> None:
    with pytest.raises(error) as caught:
        await rig.gateway.workers.ingest(worker.caller, sent)
    assert type(caught.value) is error
    (each,) = await rig.gateway.workers.ingest_each(worker.caller, [sent])
    assert type(each) is error


async def test_a_batch_of_another_incarnation_is_not_parsed(rig: Rig, parsed: list[str]) -> None:
    run = await rig.running()
    incarnation = rig.worker.caller.incarnation

    await refused(rig, rig.worker, many(run.run_id, incarnation + 1, 1), StaleIncarnation)

    assert parsed == []


async def test_a_batch_of_a_worker_that_is_gone_is_not_parsed(rig: Rig, parsed: list[str]) -> None:
    run = await rig.running()
    await rig.gateway.workers.gone(rig.worker.caller.worker_id)

    await refused(rig, rig.worker, many(run.run_id, rig.worker.caller.incarnation, 1), StaleIncarnation)

    assert parsed == []


async def test_a_batch_of_another_workers_run_is_not_parsed(rig: Rig, parsed: list[str]) -> None:
    run = await rig.running()
    other = await Worker.register(rig.gateway)

    await refused(rig, other, many(run.run_id, other.caller.incarnation, 1), StaleIncarnation)

    assert parsed == []


@pytest.mark.parametrize("number", [2, 3, 10**9])
async def test_a_batch_out_of_turn_is_not_parsed(rig: Rig, parsed: list[str], number: int) -> None:
    run = await rig.running()

    await refused(rig, rig.worker, many(run.run_id, rig.worker.caller.incarnation, number), Conflict)

    assert parsed == []


async def test_a_batch_after_the_end_is_not_parsed(rig: Rig, parsed: list[str]) -> None:
    run = await rig.running()
    await rig.worker.emit(run.run_id, success())
    parsed.clear()

    await refused(rig, rig.worker, many(run.run_id, rig.worker.caller.incarnation, 2), RunEnded)

    assert parsed == []


async def test_a_repeated_batch_is_answered_again_and_not_parsed(rig: Rig, parsed: list[str]) -> None:
    run = await rig.running()
    sent = many(run.run_id, rig.worker.caller.incarnation, 1)
    first = await rig.gateway.workers.ingest(rig.worker.caller, sent)
    parsed.clear()

    assert await rig.gateway.workers.ingest(rig.worker.caller, sent) == first
    assert parsed == []


async def test_a_batch_of_too_many_events_is_not_parsed(rig: Rig, parsed: list[str]) -> None:
    run = await rig.running()
    incarnation = rig.worker.caller.incarnation

    await refused(rig, rig.worker, many(run.run_id, incarnation, 1, MAX_BATCH_EVENTS + 1), InvalidField)

    assert parsed == []
    assert (await rig.gateway.workers.ingest(rig.worker.caller, many(run.run_id, incarnation, 1)))[
        "acked"
    ] == 1


async def test_the_batch_that_comes_next_is_taken_without_a_look(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await rig.running()
    incarnation = rig.worker.caller.incarnation
    await rig.gateway.workers.ingest(rig.worker.caller, many(run.run_id, incarnation, 1))
    reads: list[Any] = []
    read = rig.database.read

    async def count(body: Any) -> Any:
        reads.append(body)
        return await read(body)

    monkeypatch.setattr(rig.database, "read", count)

    taken = await rig.gateway.workers.ingest(rig.worker.caller, many(run.run_id, incarnation, 2))

    assert (taken["acked"], reads) == (2, [])
