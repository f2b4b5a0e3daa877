"""The exchange of inline jobs: a job is taken by a cell that waits now, or by nobody."""

from __future__ import annotations

import asyncio

import pytest

from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.server.kernels.inline_jobs import MAX_CODE, Job, Jobs

JOB = Job("j1", "1 + 1")


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


@pytest.fixture
def gone() -> asyncio.Future[None]:
    return asyncio.Future()


async def poll(jobs: Jobs, gone: asyncio.Future[None], wait: float = 5) -> asyncio.Task[Job | None]:
    task = asyncio.create_task(jobs.poll("k1", wait, gone))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_a_waiting_cell_takes_the_job(jobs: Jobs, gone: asyncio.Future[None]) -> None:
    cell = await poll(jobs, gone)

    assert await jobs.offer("k1", JOB, 0)

    assert await cell == JOB
    assert jobs.is_out("k1")
    jobs.done("k1", "j1")
    assert not jobs.is_out("k1")


async def test_no_waiting_cell_means_not_taken(jobs: Jobs) -> None:
    assert not await jobs.offer("k1", JOB, 0)

    assert not jobs.is_out("k1")


async def test_an_offer_waits_for_a_cell_that_comes(jobs: Jobs, gone: asyncio.Future[None]) -> None:
    offer = asyncio.create_task(jobs.offer("k1", JOB, 5))
    await asyncio.sleep(0)

    cell = await poll(jobs, gone)

    assert await offer
    assert await cell == JOB


async def test_a_cell_that_left_takes_nothing(jobs: Jobs, gone: asyncio.Future[None]) -> None:
    cell = await poll(jobs, gone)
    gone.set_result(None)

    assert await cell is None

    assert not await jobs.offer("k1", JOB, 0)


async def test_a_second_offer_finds_the_cell_at_work(jobs: Jobs, gone: asyncio.Future[None]) -> None:
    await poll(jobs, gone)
    await jobs.offer("k1", JOB, 0)

    assert not await jobs.offer("k1", Job("j2", "2"), 0)


async def test_a_cell_that_polls_again_has_ended_its_job(jobs: Jobs, gone: asyncio.Future[None]) -> None:
    await poll(jobs, gone)
    await jobs.offer("k1", JOB, 0)

    again = await poll(jobs, gone, wait=0)

    assert not jobs.is_out("k1")
    assert await again is None


async def test_a_dead_kernel_is_done_with_its_job(jobs: Jobs, gone: asyncio.Future[None]) -> None:
    cell = await poll(jobs, gone)

    jobs.kernel_gone("k1")

    assert await cell is None
    assert not await jobs.offer("k1", JOB, 0)


async def test_too_long_a_job_is_refused_by_name(jobs: Jobs) -> None:
    with pytest.raises(InvalidField) as refused:
        await jobs.offer("k1", Job("j1", "x" * (MAX_CODE + 1)), 0)

    assert refused.value.field == "code"
