"""Tails: live readers share what was just journaled, and see exactly what the store would give them."""

from __future__ import annotations

import asyncio

import pytest

from lobu_jupyter.gateway.journal.chunks import Chunk
from lobu_jupyter.gateway.journal.tail import MAX_BATCHES, MAX_BYTES, MAX_EVENTS, Tails
from lobu_jupyter.model.runs import Entry
from tests.gateway.rig import ME, Rig, say, success


async def collect(pages) -> list[Entry]:
    return [entry async for page in pages for entry in page]


async def test_live_readers_read_the_store_to_catch_up_and_at_the_end_only(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await rig.running()
    pages = rig.gateway.runs.follow(ME, run.thread_id, run.cursor, run_id=run.run_id)
    got = list(await anext(pages))
    database, looks = rig.gateway._ctx.database, 0
    read = database.read

    async def counted(body):
        nonlocal looks
        looks += 1
        return await read(body)

    monkeypatch.setattr(database, "read", counted)
    for number in range(10):
        await rig.worker.emit(run.run_id, *say("x", f"m{number}"))
        got += await anext(pages)
    while_live = looks
    await rig.worker.emit(run.run_id, success())
    got += await collect(pages)

    assert while_live == 0
    assert got == await collect(rig.gateway.runs.follow(ME, run.thread_id, run.cursor, follow=False))


async def test_a_reader_that_the_tail_does_not_reach_loses_nothing(rig: Rig) -> None:
    run = await rig.running()
    slow = rig.gateway.runs.follow(ME, run.thread_id, 0, run_id=run.run_id)
    got = list(await anext(slow))
    start, delta, end = say("y" * 50_000, "large")

    for event in (start, *[delta] * 20, end, success()):
        await rig.worker.emit(run.run_id, event)
    got += await asyncio.wait_for(collect(slow), 20)

    assert [entry.seq for entry in got] == list(range(1, got[-1].seq + 1))
    assert sum(len(entry.body) for entry in got) > 3 * MAX_BYTES


async def test_a_tail_goes_with_its_last_reader(rig: Rig) -> None:
    run = await rig.running()
    pages = rig.gateway.runs.follow(ME, run.thread_id, 0)
    await anext(pages)
    await rig.worker.emit(run.run_id, *say("x"))
    await anext(pages)

    await pages.aclose()

    assert rig.gateway._ctx.tails._tails == {}


def test_a_tail_knows_only_what_joins_on() -> None:
    tails = Tails()
    tails.extend("t", "a", 3, [b"3", b"4"])
    tails.extend("t", "a", 5, [b"5"])
    joined = tails.after("t", 3, None)
    tails.extend("t", "b", 9, [b"9"])

    assert joined == ([Entry(4, b"4"), Entry(5, b"5")], 5)
    assert tails.after("t", 5, None) is None
    assert tails.after("t", 8, None) == ([Entry(9, b"9")], 9)
    assert tails.after("t", 8, "a") == ([], 9)
    assert tails.after("t", 9, None) == ([], 9)


def test_a_tail_of_many_small_batches_keeps_the_last_ones_only() -> None:
    tails = Tails()

    for seq in range(1, MAX_BATCHES + 2):
        tails.extend("t", "a", seq, [b"1"])

    assert tails.after("t", 0, None) is None
    found = tails.after("t", 1, None)
    assert found is not None
    assert [entry.seq for entry in found[0]] == list(range(2, MAX_BATCHES + 2))


def test_a_tail_of_large_batches_keeps_so_many_events_at_most() -> None:
    tails = Tails()

    tails.extend("t", "a", 1, [b"1"])
    tails.extend("t", "a", 2, [b"1"] * (MAX_EVENTS - 1))
    full = tails.after("t", 0, None)
    tails.extend("t", "a", MAX_EVENTS + 1, [b"1"])

    assert full is not None
    assert len(full[0]) == MAX_EVENTS
    assert tails.after("t", 0, None) is None
    assert tails.after("t", MAX_EVENTS, None) == ([Entry(MAX_EVENTS + 1, b"1")], MAX_EVENTS + 1)


def test_readers_at_one_place_share_one_encoding() -> None:
    tails, made = Tails(), []

    def encode(entries: list[Entry]) -> bytes:
        made.append(len(entries))
        return b"".join(entry.body for entry in entries)

    tails.extend("t", "a", 1, [b"1", b"2"])
    pages = [found[0] for found in (tails.after("t", 0, None) for _ in range(50)) if found]

    assert [page.encoded(encode) for page in pages] == [b"12"] * 50
    assert made == [2]
    assert isinstance(pages[0], Chunk)
