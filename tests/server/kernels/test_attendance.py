"""Whose cell runs is what this server forwarded and what workers reported; iopub only takes away."""

from __future__ import annotations

import asyncio

import pytest

from lobu_jupyter.server.kernels import attendance
from lobu_jupyter.server.kernels.attendance import Attendance, Cells

BOTH, WORKS, NOTHING = Attendance(True, True), Attendance(True, False), Attendance()


@pytest.fixture
def cells() -> Cells:
    """A kernel with a page of ada's."""
    cells = Cells()
    cells.opened("ada", "page")
    return cells


def ada(cells: Cells) -> Attendance:
    return cells.attendance("ada")


def test_a_forwarded_cell_attends_the_kernel_until_its_reply(cells: Cells) -> None:
    assert ada(cells) == NOTHING

    cells.forwarded("m1", "ada", "page")
    assert ada(cells) == BOTH

    cells.answered("m1")
    assert ada(cells) == NOTHING


@pytest.mark.scenario("A34")
@pytest.mark.parametrize("session", ["page", "lobu-executor-1", "a client that is no page"])
def test_what_the_kernel_says_it_runs_attends_nothing(cells: Cells, session: str) -> None:
    cells.busy(session, "m1")

    assert ada(cells) == NOTHING


def test_a_reply_to_nothing_that_was_forwarded_changes_nothing(cells: Cells) -> None:
    cells.forwarded("m1", "ada", "page")

    cells.answered("forged")

    assert ada(cells) == BOTH


def test_the_first_request_without_a_reply_is_the_one_that_runs(cells: Cells) -> None:
    cells.opened("bob", "his")
    cells.forwarded("m1", "bob", "his")
    cells.forwarded("m2", "ada", "page")
    assert (ada(cells), cells.attendance("bob")) == (NOTHING, BOTH)

    cells.answered("m1")

    assert (ada(cells), cells.attendance("bob")) == (BOTH, NOTHING)


def test_a_reply_answers_all_that_came_before_it(cells: Cells) -> None:
    for name in ("m1", "m2", "m3"):
        cells.forwarded(name, "ada", "page")

    cells.answered("m3")  # of m1 and m2 the replies were withheld

    assert ada(cells) == NOTHING


def test_an_aborted_queue_is_answered_one_by_one(cells: Cells) -> None:
    for name in ("m1", "m2", "m3"):
        cells.forwarded(name, "ada", "page")

    for name in ("m1", "m2", "m3"):
        assert ada(cells) == BOTH
        cells.answered(name)

    assert ada(cells) == NOTHING


def test_in_a_subshell_another_persons_cell_takes_the_attendance_away(cells: Cells) -> None:
    cells.forwarded("m1", "ada", "page")
    cells.forwarded("m2", "bob", "his", lane="subshell")
    assert ada(cells) == NOTHING

    cells.answered("m2")

    assert ada(cells) == BOTH


def test_a_silent_request_is_nobodys_cell(cells: Cells) -> None:
    cells.forwarded("m1", "", "page")

    assert ada(cells) == NOTHING


def test_a_cell_whose_page_is_gone_works_and_decides_nothing(cells: Cells) -> None:
    cells.forwarded("m1", "ada", "page")

    cells.closed("ada", "page")
    assert ada(cells) == WORKS

    cells.opened("bob", "page")
    assert ada(cells) == WORKS
    cells.opened("ada", "page")  # it was only its connection
    assert ada(cells) == BOTH


def test_of_two_connections_of_a_page_one_may_go(cells: Cells) -> None:
    cells.opened("ada", "page")  # a reconnect, before the lost connection is noticed
    cells.forwarded("m1", "ada", "page")

    cells.closed("ada", "page")

    assert ada(cells) == BOTH


@pytest.mark.scenario("A34")
def test_while_a_workers_call_is_under_way_nobody_attends(cells: Cells) -> None:
    cells.forwarded("m1", "ada", "page")
    cells.call_begins("c1", "w1")

    cells.idle("c1")  # the kernel's word
    cells.call_ends("c1", "w2")  # another worker's
    assert ada(cells) == NOTHING

    cells.call_ends("c1", "w1")
    assert ada(cells) == BOTH


@pytest.mark.scenario("A34")
def test_a_cell_that_ran_agent_code_while_it_waited_decides_nothing_more(cells: Cells) -> None:
    cells.forwarded("m1", "ada", "page")
    cells.forwarded("m2", "ada", "page")

    cells.call_begins("job", "w1", inside_cell=True)
    assert ada(cells) == NOTHING
    cells.call_ends("job", "w1")
    assert ada(cells) == WORKS

    cells.answered("m1")
    assert ada(cells) == BOTH


def test_a_given_up_call_ends_when_the_kernel_says_so(cells: Cells) -> None:
    cells.forwarded("m1", "ada", "page")
    cells.call_begins("c1", "w1")

    cells.call_ends("c1", "w1", stopped=False)
    assert ada(cells) == NOTHING

    cells.idle("c1")
    assert ada(cells) == BOTH


def test_the_calls_of_a_worker_that_is_gone_end_with_the_next_cell(cells: Cells) -> None:
    cells.call_begins("c1", "w1")
    cells.call_begins("c2", "w2")
    cells.worker_gone("w1")
    assert cells.workers() == {"w2"}

    cells.forwarded("m1", "ada", "page")
    cells.answered("m1")  # the shell is past the orphan
    cells.call_ends("c2", "w2")
    cells.forwarded("m2", "ada", "page")

    assert ada(cells) == BOTH


def test_a_job_that_its_cell_never_ran_ends_with_the_cell(cells: Cells) -> None:
    cells.forwarded("m1", "ada", "page")
    cells.call_begins("job", "w1", inside_cell=True)
    cells.call_ends("job", "w1", stopped=False)

    cells.answered("m1")
    cells.forwarded("m2", "ada", "page")

    assert ada(cells) == BOTH


@pytest.mark.scenario("A34")
def test_what_nobody_forwarded_takes_the_attendance_away_while_it_runs(cells: Cells) -> None:
    cells.forwarded("m1", "ada", "page")
    cells.busy("of a console", "x1")
    assert ada(cells) == NOTHING

    cells.idle("x1")

    assert ada(cells) == BOTH


def test_a_lost_idle_does_not_stick(cells: Cells) -> None:
    cells.busy("lobu-executor", "x1")
    cells.forwarded("m1", "ada", "page")
    assert ada(cells) == NOTHING

    cells.busy("page", "m1")

    assert ada(cells) == BOTH


def test_a_dead_kernel_is_attended_by_nobody(cells: Cells) -> None:
    cells.forwarded("m1", "ada", "page")

    cells.clear()

    assert ada(cells) == NOTHING


def test_requests_without_end_are_bounded(cells: Cells, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lobu_jupyter.server.kernels.attendance.MOST_REQUESTS", 2)
    for name in ("m1", "m2", "m3"):
        cells.forwarded(name, "ada", "page")

    cells.answered("m2")

    assert ada(cells) == NOTHING


async def test_a_call_that_overtakes_its_cell_is_waited_for(cells: Cells) -> None:
    waiting = asyncio.create_task(cells.wait("ada", 5, 5))
    await asyncio.sleep(0)

    cells.forwarded("m1", "ada", "page")

    assert await waiting == BOTH
    cells.answered("m1")
    assert await cells.wait("ada", 0, 5) == NOTHING


async def test_the_word_that_an_agents_call_has_ended_is_waited_for_longer(cells: Cells) -> None:
    cells.call_begins("c1", "w1")
    cells.forwarded("m1", "ada", "page")
    waiting = asyncio.create_task(cells.wait("ada", 0, 5))
    await asyncio.sleep(0)

    cells.call_ends("c1", "w1")

    assert await waiting == BOTH


def test_in_an_embedding_kernel_its_own_word_counts_but_for_agents_sessions() -> None:
    cells = Cells(embedded=True)
    cells.busy("lobu-executor", "x1")
    assert cells.attendance("owner") == NOTHING

    cells.busy("vs code", "m1")
    assert cells.attendance("owner") == BOTH
    cells.idle("m1")
    assert cells.attendance("owner") == NOTHING


def test_a_kernel_that_runs_another_person_s_cell_is_visited(cells: Cells) -> None:
    assert not cells.visited("ada")

    cells.forwarded("m1", "bob", "his")
    assert cells.visited("ada")
    assert not cells.visited("bob")

    cells.answered("m1")
    cells.forwarded("m2", "", "an agent's session")  # silent, which is no cell
    assert not cells.visited("ada")


COMM: dict[str, str] = {"msg_type": "comm_msg", "session": "page", "msg_id": "m1"}


async def test_a_click_attends_the_kernel_until_it_is_handled(cells: Cells) -> None:
    cells.clicked("m1", "ada", "page")
    assert ada(cells) == BOTH

    cells.reported("idle", COMM)
    assert ada(cells) == NOTHING


async def test_a_kernel_that_keeps_a_click_has_it_for_a_moment_only(
    cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attendance, "CLICK_SECONDS", 0.01)
    cells.clicked("m1", "ada", "page")

    cells._changed.clear()
    async with asyncio.timeout(30):
        await cells._changed.wait()
    assert ada(cells) == NOTHING


async def test_a_click_while_an_agents_code_runs_attends_nothing(cells: Cells) -> None:
    cells.call_begins("call", "worker")
    cells.clicked("m1", "ada", "page")

    assert ada(cells) == NOTHING


async def test_a_click_behind_another_persons_cell_attends_nothing(cells: Cells) -> None:
    cells.opened("bob", "his")
    cells.forwarded("m0", "bob", "his")
    cells.clicked("m1", "ada", "page")

    assert ada(cells) == NOTHING


async def test_a_click_ends_no_cell(cells: Cells) -> None:
    cells.forwarded("m0", "ada", "page")
    cells.clicked("m1", "ada", "page")
    cells.reported("idle", COMM)

    assert ada(cells) == BOTH


async def test_only_the_embedding_kernel_is_believed_about_its_clicks(cells: Cells) -> None:
    cells.reported("busy", COMM)
    assert ada(cells) == NOTHING

    own = Cells(embedded=True)
    own.reported("busy", {**COMM, "session": "lobu-executor-1"})
    assert ada(own) == NOTHING
    own.reported("busy", COMM)
    assert ada(own) == BOTH
