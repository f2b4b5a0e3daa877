"""The journal's pages: where they end, whose events they have, and what a hole in it does."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice

import pytest

from lobu_jupyter.gateway.journal.journal import append, read_page
from lobu_jupyter.model.runs import Entry
from lobu_jupyter.store.tx import Tx
from tests.gateway.rig import Rig
from tests.peek import does, kind_of

MANY = 2**40


async def journaled(rig: Rig, *bodies: bytes, run_id: str | None = None, thread_id: str | None = None) -> str:
    """A thread, which is new if none is named, with these bodies at its end."""
    thread_id = thread_id or await rig.thread()

    async def body(tx: Tx) -> None:
        await tx.lock_threads(thread_id)
        await append(tx, thread_id, run_id, bodies, 0.0)

    await rig.database.write(body)
    return thread_id


async def page(
    rig: Rig, thread_id: str, position: int = 0, until: int = MANY, **bounds
) -> tuple[list[Entry], int]:
    return await rig.database.read(lambda tx: read_page(tx, thread_id, position, until, **bounds))


def batches(bodies: list[bytes], chance: random.Random) -> Iterator[list[bytes]]:
    """As they come: one alone, or some at once."""
    rest = iter(bodies)
    while batch := list(islice(rest, chance.choice((1, 1, 1, 5, 40)))):
        yield batch


def note(length: int) -> bytes:
    """An event of so many bytes."""
    event = b'{"type":"CUSTOM","name":"note","value":"%b"}'
    return event % (b"x" * (length - len(event % b"")))


@pytest.mark.parametrize("at_once", [1, 3, 200])
@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 84, 85, 86, 500])
async def test_a_page_has_each_event_once_in_order(rig: Rig, count: int, at_once: int) -> None:
    bodies = [b'{"type":"CUSTOM","name":"%d \xc3\xa9 \\u001e\\u0000","value":1}' % n for n in range(count)]
    beside = await rig.thread()
    thread_id = await rig.thread()
    for n in range(0, count, at_once):  # other threads write in between
        await journaled(rig, *bodies[n : n + at_once], thread_id=thread_id)
        await journaled(rig, note(50), thread_id=beside)

    entries, end = await page(rig, thread_id)

    assert entries == [Entry(seq, body) for seq, body in enumerate(bodies, 1)]
    assert end == count
    for cursor in range(0, count, 7):  # also within what came at once
        assert await page(rig, thread_id, cursor, cursor + 5) == (
            entries[cursor : cursor + 5],
            min(cursor + 5, count),
        )


@pytest.mark.parametrize("max_bytes", [1, 49, 50, 51, 100, 104, 4_000, 65_000, 65_001])
async def test_a_page_ends_with_the_event_that_fills_it(rig: Rig, max_bytes: int) -> None:
    chance = random.Random(max_bytes)
    bodies = [note(50), *(note(chance.choice((44, 51, 90, 3_000))) for _ in range(300)), note(60_000)]
    thread_id = await rig.thread()
    for batch in batches(bodies, chance):
        await journaled(rig, *batch, thread_id=thread_id)
    position, pages = 0, 0

    while position < len(bodies):
        entries, end = await page(rig, thread_id, position, max_bytes=max_bytes)
        sizes = [len(entry.body) for entry in entries]
        assert [entry.body for entry in entries] == bodies[position:end]
        assert sum(sizes[:-1]) < max_bytes
        assert sum(sizes) >= max_bytes or end == len(bodies)
        position, pages = end, pages + 1

    assert pages > 1


async def test_a_page_ends_after_so_many_events_and_where_it_is_told(rig: Rig) -> None:
    thread_id = await journaled(rig, *[note(50)] * 100)

    assert (await page(rig, thread_id, max_events=33))[1] == 33
    assert (await page(rig, thread_id, 20, max_events=33))[1] == 53
    assert (await page(rig, thread_id, 20, until=45))[1] == 45
    assert await page(rig, thread_id, 45, until=45) == ([], 45)
    assert await page(rig, thread_id, 100) == ([], 100)


async def test_a_page_of_one_run_passes_over_the_others(rig: Rig) -> None:
    thread_id = await rig.thread()
    for run_id in ("a", None, "b", "a"):
        await journaled(rig, *[note(50)] * 50, run_id=run_id, thread_id=thread_id)

    entries, end = await page(rig, thread_id, only="a", max_bytes=3_000)

    assert [entry.seq for entry in entries] == [*range(1, 51), *range(151, 161)]
    assert end == 160


@pytest.mark.parametrize(
    "lost",
    [{1}, {30}, {99}, {100}, {5, 7, 9}, set(range(1, 60)), set(range(2, 101, 2)), set(range(1, 101))],
    ids=len,
)
@pytest.mark.parametrize("bounds", [{}, {"max_events": 33}, {"max_bytes": 1_000}, {"until": 77}], ids=str)
@pytest.mark.parametrize("seed", range(4))
async def test_what_follows_a_hole_keeps_its_seqs(
    rig: Rig, lost: set[int], bounds: dict[str, int], seed: int
) -> None:
    bodies = [b'{"type":"CUSTOM","name":"note","value":%d}' % n for n in range(1, 101)]
    thread_id = await rig.thread()
    for batch in batches(bodies, random.Random(seed)):
        await journaled(rig, *batch, thread_id=thread_id)
    await rig.lose(thread_id, *lost)
    found: list[Entry] = []
    position = -1
    end = 0

    while position != end:
        position = end
        entries, end = await page(rig, thread_id, position, **bounds)
        assert len(entries) <= bounds.get("max_events", MANY)
        assert sum(len(entry.body) for entry in entries[:-1]) < bounds.get("max_bytes", MANY)
        found += entries

    last = bounds.get("until", 100)
    assert found == [Entry(n, bodies[n - 1]) for n in range(1, last + 1) if n not in lost]


async def test_few_large_events_are_not_read_a_hundred_at_a_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread_id = await rig.thread()
    for _ in range(100):
        await journaled(rig, note(60_000), thread_id=thread_id)
    read = 0
    kind = await kind_of(rig.database)
    one = kind.one

    async def counted(self, query, **params):
        nonlocal read
        row = await one(self, query, **params)
        read += len(row["bodies"] or b"")
        return row

    monkeypatch.setattr(kind, "one", counted)
    entries, _ = await page(rig, thread_id, max_bytes=1_300_000)

    assert len(entries) == 22
    assert read < 2 * 22 * 60_000


async def test_a_row_that_is_damaged_costs_its_own_events_alone(rig: Rig) -> None:
    thread_id = await rig.thread()
    for _ in range(30):
        await journaled(rig, *[note(50)] * 3, thread_id=thread_id)

    await rig.database.write(does("UPDATE journal SET bodies = ? WHERE first = 31", note(50)))
    entries, end = await page(rig, thread_id)
    await rig.lose(thread_id, 31)  # for who reads every journal of these tests

    assert [entry.seq for entry in entries] == [*range(1, 32), *range(34, 91)]
    assert end == 90
