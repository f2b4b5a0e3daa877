"""Pages: who attaches again reads no event from the store that the reader before has read, and misses none."""

from __future__ import annotations

import pytest

from lobu_jupyter.gateway.journal import follow
from lobu_jupyter.gateway.journal.chunks import MAX_KEPT_BYTES, Chunk, Chunks, Place
from lobu_jupyter.model.runs import Entry
from tests.gateway.rig import ME, Rig, say, success


@pytest.fixture
def read_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events each look at the store has read."""
    found: list[int] = []
    page = follow.read_page

    async def counted(*place, **bounds):
        entries, position = await page(*place, **bounds)
        found.append(len(entries))
        return entries, position

    monkeypatch.setattr(follow, "read_page", counted)
    return found


async def whole(rig: Rig, thread_id: str, **more) -> list[int]:
    pages = rig.gateway.runs.follow(ME, thread_id, 0, follow=False, **more)
    return [entry.seq async for page in pages for entry in page]


@pytest.mark.parametrize("ended", [True, False])
async def test_who_attaches_again_is_given_what_was_read_before(
    rig: Rig, read_rows: list[int], ended: bool
) -> None:
    run = await rig.running()
    for part in range(3):
        await rig.worker.emit(run.run_id, *[e for n in range(300) for e in say("x", f"m{part}-{n}")])
    if ended:
        await rig.worker.emit(run.run_id, success())
    first = await whole(rig, run.thread_id, run_id=run.run_id)
    read_rows.clear()

    again = await whole(rig, run.thread_id, run_id=run.run_id)

    assert again == first == list(range(1, first[-1] + 1))
    assert len(first) > 2700
    assert read_rows == ([] if ended else [0])  # one look whether more has come


async def test_what_came_since_is_read_too(rig: Rig) -> None:
    run = await rig.running()
    lengths: list[int] = []

    for number in range(5):
        await rig.worker.emit(run.run_id, *say("x", f"m{number}"))
        for _ in range(2):
            seqs = await whole(rig, run.thread_id)
            assert seqs == list(range(1, len(seqs) + 1))
        lengths.append(len(seqs))

    assert lengths == [lengths[0] + 3 * number for number in range(5)]
    assert len(rig.gateway._ctx.chunks._kept) == 1


async def test_a_page_of_the_end_of_a_run_is_no_end_of_the_thread(rig: Rig) -> None:
    run = await rig.running()
    await rig.worker.emit(run.run_id, *say("x"), success())
    of_first = await whole(rig, run.thread_id, run_id=run.run_id)
    second = await rig.running(run.thread_id)
    await rig.worker.emit(second.run_id, *say("y", "m2"), success())

    all_of_it = await whole(rig, run.thread_id)

    assert len(all_of_it) > len(of_first)
    assert await whole(rig, run.thread_id, run_id=run.run_id) == of_first
    assert await whole(rig, run.thread_id) == all_of_it


def test_what_is_kept_is_bounded_and_counted_once() -> None:
    pages = Chunks()
    page = Chunk([Entry(seq, b"x" * 1000) for seq in range(1, 101)])

    for number in range(100):
        for _ in range(2):
            pages.keep(Place("t", number, None), page, 100, full=True)

    assert pages._bytes == sum(kept.size for kept in pages._kept.values())
    assert MAX_KEPT_BYTES - 100_000 < pages._bytes <= MAX_KEPT_BYTES
    pages.drop("t")
    assert (pages._bytes, len(pages._kept)) == (0, 0)
