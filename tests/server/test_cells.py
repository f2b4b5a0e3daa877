"""A kernel is attended while a person's cell runs and no agent's code does."""

from __future__ import annotations

import asyncio

import pytest

from lobu_jupyter.server.cells import Cells


@pytest.fixture
def cells() -> Cells:
    return Cells(lambda session: session == "page")


def test_a_persons_cell_attends_the_kernel_until_it_ends(cells: Cells) -> None:
    assert not cells.attended

    cells.busy("page", "m1")
    assert cells.attended

    cells.idle("m1")
    assert not cells.attended


@pytest.mark.scenario("A34")
@pytest.mark.parametrize("session", ["lobu-executor-1", "a client that is no page"])
def test_agent_code_never_attends(cells: Cells, session: str) -> None:
    cells.busy(session, "m1")

    assert not cells.attended


@pytest.mark.scenario("A34")
def test_an_agents_job_inside_a_persons_cell_takes_the_attendance_away(cells: Cells) -> None:
    cells.busy("page", "cell")
    cells.busy("lobu-job", "job")
    assert not cells.attended

    cells.idle("job")

    assert cells.attended


def test_a_look_beside_a_persons_cell_changes_nothing(cells: Cells) -> None:
    cells.busy("page", "cell")

    cells.busy("lobu-look-1", "look")
    assert cells.attended
    cells.idle("look")

    assert cells.attended


def test_a_lost_idle_does_not_stick(cells: Cells) -> None:
    cells.busy("lobu-executor", "m1")

    cells.busy("page", "m2")

    assert cells.attended


def test_a_dead_kernel_is_attended_by_nobody(cells: Cells) -> None:
    cells.busy("page", "m1")

    cells.clear()

    assert not cells.attended


async def test_a_request_that_overtakes_its_cells_busy_message_is_waited_for(cells: Cells) -> None:
    waiting = asyncio.create_task(cells.wait_attended(5))
    await asyncio.sleep(0)

    cells.busy("page", "m1")

    assert await waiting
    cells.idle("m1")
    assert not await cells.wait_attended(0)
