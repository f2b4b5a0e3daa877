"""Readers: late, live, many, leaving; each sees the journal after its cursor, once and in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.gateway.journal import follow
from lobu_jupyter.model.errors import RunNotFound, ThreadNotFound
from lobu_jupyter.model.requests import ThreadPatch
from lobu_jupyter.model.runs import Entry
from lobu_jupyter.store.tx import Tx
from tests.gateway.rig import ME, QUIET, Kernels, Rig, Worker, call, open_rig, paused, say, success
from tests.peek import kind_of


class Tab:
    """A reader that keeps what it got."""

    def __init__(self, rig: Rig, thread_id: str, cursor: int | None = 0, **options: object) -> None:
        self.entries: list[Entry] = []
        self.pages: list[int] = []
        self._pages = rig.gateway.runs.follow(ME, thread_id, cursor, **options)  # type: ignore[arg-type]
        self._task: asyncio.Task[None] | None = None

    def attach(self) -> Tab:
        self._task = asyncio.create_task(self._read())
        return self

    async def _read(self) -> None:
        async for page in self._pages:
            self.entries += page
            self.pages.append(len(page))

    async def end(self) -> list[int]:
        assert self._task is not None
        await asyncio.wait_for(self._task, 30)
        return self.seqs

    async def leave(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._pages.aclose()

    @property
    def seqs(self) -> list[int]:
        return [entry.seq for entry in self.entries]


@pytest.mark.scenario("E7")
@pytest.mark.scenario("E9")
async def test_an_event_between_the_look_and_the_wait_is_delivered_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await rig.running()
    real, staged = follow._read, iter([say("a", "m1"), [*call("c"), paused("c")]])

    async def read_then_write(ctx, reader):
        page = await real(ctx, reader)
        if (events := next(staged, None)) is not None:
            checkpoint = "{}" if events[-1]["type"] == "RUN_FINISHED" else None
            await rig.worker.emit(run.run_id, *events, checkpoint=checkpoint)
        return page

    monkeypatch.setattr(follow, "_read", read_then_write)
    tab = Tab(rig, run.thread_id, run_id=run.run_id).attach()

    assert await tab.end() == list(range(1, 10))


@pytest.mark.scenario("E8")
@pytest.mark.scenario("E14")
async def test_tabs_at_different_cursors_each_see_the_journal_after_theirs(rig: Rig) -> None:
    run = await rig.running()
    await rig.worker.emit(run.run_id, *say("one", "m1"))
    tabs = [Tab(rig, run.thread_id, cursor, run_id=run.run_id).attach() for cursor in (0, 0, 2, 5)]

    for number in range(2, 20):
        await rig.worker.emit(run.run_id, *say("more", f"m{number}"))
    await rig.worker.emit(run.run_id, success())

    whole = await tabs[0].end()
    assert whole == list(range(1, 61))
    for tab, cursor in zip(tabs, (0, 0, 2, 5), strict=True):
        assert await tab.end() == whole[cursor:]


@pytest.mark.scenario("E12")
async def test_two_events_of_the_same_content_are_both_delivered(rig: Rig) -> None:
    run = await rig.running()
    start, delta, end = say("ha")
    await rig.worker.emit(run.run_id, start, delta, delta, end, success())

    bodies = [e.body async for page in rig.gateway.runs.follow(ME, run.thread_id, follow=False) for e in page]

    assert sum(b'"ha"' in body for body in bodies) == 2


@pytest.mark.scenario("E16")
async def test_fifty_readers_that_come_and_go_harm_nothing_and_miss_nothing(rig: Rig) -> None:
    run = await rig.running()
    seen: list[int] = []
    for number in range(50):
        tab = Tab(rig, run.thread_id, seen[-1] if seen else 0).attach()
        await rig.worker.emit(run.run_id, *say("x", f"m{number}"))
        await asyncio.wait_for(_until(lambda tab=tab: len(tab.pages) > 0, rig, run.thread_id), 30)
        await tab.leave()
        seen += tab.seqs
    await rig.worker.emit(run.run_id, success())
    seen += [
        e.seq async for p in rig.gateway.runs.follow(ME, run.thread_id, seen[-1], follow=False) for e in p
    ]

    assert seen == list(range(1, 154))
    assert not rig.gateway._ctx.hub.used.is_set()


async def _until(true, rig: Rig, thread_id: str) -> None:
    while not true():
        await rig.gateway.threads.get(ME, thread_id)


@pytest.mark.scenario("E31")
@pytest.mark.scenario("E17")
async def test_an_empty_tail_is_no_end_and_carries_heartbeats(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, heartbeat_seconds=0.01)) as rig:
        run = await rig.running()
        pages = rig.gateway.runs.follow(ME, run.thread_id, run.cursor + 1, run_id=run.run_id)

        quiet = [await anext(pages) for _ in range(3)]
        await rig.worker.emit(run.run_id, success())
        rest = [entry async for page in pages for entry in page]

        assert quiet == [[], [], []]
        assert [b"RUN_FINISHED" in entry.body for entry in rest] == [True]


async def test_a_reader_after_the_end_of_its_run_ends_at_once(rig: Rig) -> None:
    run = await rig.running()
    acked = await rig.worker.emit(run.run_id, success())

    pages = rig.gateway.runs.follow(ME, run.thread_id, acked["cursor"], run_id=run.run_id)

    assert [page async for page in pages] == []


async def test_a_run_of_another_thread_cannot_be_followed_here(rig: Rig) -> None:
    run, other = await rig.running(), await rig.thread()

    with pytest.raises(RunNotFound):
        await anext(rig.gateway.runs.follow(ME, other, run_id=run.run_id))


async def test_pages_are_bounded_in_events_and_bytes(rig: Rig) -> None:
    run = await rig.running()
    start, delta, end = say("x")
    for number in range(12):
        many = [{**event, "messageId": f"m{number}"} for event in (start, *[delta] * 198, end)]
        await rig.worker.emit(run.run_id, *many)
    large = {**delta, "messageId": "large", "delta": "x" * 60_000}
    for event in ({**start, "messageId": "large"}, *[large] * 9, {**end, "messageId": "large"}):
        await rig.worker.emit(run.run_id, event)

    pages = [page async for page in rig.gateway.runs.follow(ME, run.thread_id, follow=False)]

    assert max(len(page) for page in pages) == 2000
    assert max(sum(len(e.body) for e in page[:-1]) for page in pages) < 256 * 1024
    assert [e.seq for page in pages for e in page] == list(range(1, 2414))


def _note(number: int) -> dict[str, object]:
    return {"type": "CUSTOM", "name": "note", "value": number}


async def test_who_attaches_again_reads_only_the_end_from_the_store(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "PAGE_EVENTS", 10)
    run = await rig.running()
    for number in range(20):
        await rig.worker.emit(run.run_id, _note(number))
    first = [e async for page in rig.gateway.runs.follow(ME, run.thread_id, follow=False) for e in page]
    await rig.worker.emit(run.run_id, _note(20))
    reads: list[int] = []
    kind = await kind_of(rig.database)
    one = kind.one

    async def counted(tx: Tx, query: str, **params: Any) -> Any:
        row = await one(tx, query, **params)
        if query == "stretch_after":
            reads.append(row["first"])
        return row

    monkeypatch.setattr(kind, "one", counted)

    again = [e async for page in rig.gateway.runs.follow(ME, run.thread_id, follow=False) for e in page]

    assert again[: len(first)] == first
    assert [e.seq for e in again] == list(range(1, len(first) + 2))
    assert min(reads) == 21  # behind two full pages


async def test_kept_pages_end_where_a_run_ends(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "PAGE_EVENTS", 10)
    run = await rig.running()
    await rig.worker.emit(run.run_id, _note(1), success())
    second = await rig.running(run.thread_id)
    await rig.worker.emit(second.run_id, *[_note(n) for n in range(30)])
    whole = [e.seq async for page in rig.gateway.runs.follow(ME, run.thread_id, follow=False) for e in page]

    own = [
        e.seq async for page in rig.gateway.runs.follow(ME, run.thread_id, 0, run_id=run.run_id) for e in page
    ]

    assert whole == list(range(1, whole[-1] + 1))
    assert own == whole[: whole.index(second.cursor) + 1] == [1, 2, 3, 4]


async def test_one_wake_reads_everything_new_in_one_page(rig: Rig) -> None:
    run = await rig.running()
    tab = Tab(rig, run.thread_id, run_id=run.run_id).attach()
    await _until(lambda: tab.pages, rig, run.thread_id)

    await rig.worker.emit(run.run_id, *say("a"), *call("c"))
    await _until(lambda: len(tab.seqs) >= 8, rig, run.thread_id)
    await tab.leave()

    assert tab.pages[-1] == 6


@pytest.mark.scenario("E26")
async def test_followers_of_a_deleted_thread_see_its_end_and_then_that_it_is_gone(rig: Rig) -> None:
    run = await rig.running()
    tab = Tab(rig, run.thread_id).attach()
    await _until(lambda: tab.pages, rig, run.thread_id)

    await rig.gateway.threads.delete(ME, run.thread_id)

    with pytest.raises(ThreadNotFound, match="deleted"):
        await tab.end()
    assert b"cancelled" in tab.entries[-1].body
    with pytest.raises(ThreadNotFound):
        await rig.gateway.threads.get(ME, run.thread_id)
    rig.clock.advance(61)
    await rig.gateway.sweep()
    for rows in (await rig.rows("SELECT 1 FROM threads"), await rig.rows("SELECT 1 FROM events")):
        assert rows == []
    for rows in (await rig.rows("SELECT 1 FROM runs"), await rig.rows("SELECT 1 FROM leases")):
        assert rows == []


@pytest.fixture
async def two(store: Path) -> AsyncIterator[tuple[Rig, Rig]]:
    """Two servers on one file that look for each other's commits."""
    settings = replace(QUIET, poll_seconds=0.01)
    async with (
        open_rig(store, settings=settings) as one,
        open_rig(store, settings=settings, clock=one.clock, kernels=Kernels()) as other,
    ):
        yield one, other


@pytest.mark.scenario("W15")
async def test_a_reader_on_another_server_gets_every_event(two: tuple[Rig, Rig]) -> None:
    one, other = two
    run = await one.running()
    here = Tab(one, run.thread_id, run_id=run.run_id).attach()
    there = Tab(other, run.thread_id, run_id=run.run_id).attach()

    for number in range(20):
        await one.worker.emit(run.run_id, *say("x", f"m{number}"))
    await one.worker.emit(run.run_id, success())

    assert await there.end() == await here.end() == list(range(1, 64))
    assert there.entries == here.entries


@pytest.mark.scenario("S6")
async def test_a_cancel_through_another_server_reaches_the_worker(two: tuple[Rig, Rig]) -> None:
    one, other = two
    run = await one.running()
    waiting = asyncio.create_task(one.worker.fetch(wait=20))

    await other.gateway.runs.cancel(ME, run.run_id)

    assert [item.kind for item in await asyncio.wait_for(waiting, 30)] == ["cancel"]


async def test_a_run_bound_to_another_servers_kernel_goes_to_that_servers_worker(
    two: tuple[Rig, Rig],
) -> None:
    one, other = two
    first = await one.running(kernel_id="k1")
    await one.worker.emit(first.run_id, success())

    started = await other.start(first.thread_id, "next")
    (item,) = await one.worker.fetch()

    assert item.run_id == started.run_id


@pytest.mark.scenario("H6")
async def test_a_worker_that_changes_servers_between_batches_writes_one_valid_journal(
    two: tuple[Rig, Rig],
) -> None:
    one, other = two
    run = await one.running()
    events = [*say("a", "m1"), *call("c"), {"type": "STEP_STARTED", "stepName": "s"}]
    sides = [one.worker, Worker(other.gateway, one.worker.caller)]
    sides[1].batches = sides[0].batches

    for number, event in enumerate(events):
        await sides[number % 2].emit(run.run_id, event)
    await other.gateway.runs.cancel(ME, run.run_id)

    assert (await one.types(run.thread_id))[-3:] == ["STEP_FINISHED", "TOOL_CALL_RESULT", "RUN_FINISHED"]


@pytest.mark.scenario("E1")
async def test_seqs_are_gapless_whatever_writes_at_once(two: tuple[Rig, Rig]) -> None:
    one, other = two
    run = await one.running()

    async def titles(rig: Rig, name: str) -> None:
        for number in range(100):
            await rig.gateway.threads.patch(ME, run.thread_id, ThreadPatch(title=f"{name}{number}"))

    async def batches() -> None:
        for number in range(100):
            await one.worker.emit(run.run_id, {"type": "CUSTOM", "name": "n", "value": number})

    await asyncio.gather(titles(one, "a"), titles(other, "b"), titles(one, "c"), batches())

    assert len(await one.journal(run.thread_id)) == 2 + 400
