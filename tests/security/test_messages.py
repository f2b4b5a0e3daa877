"""A message is never a decision by accident: while a question is open, it is queued, from every surface.

A rejection, a reason and an answer are acts of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from lobu_jupyter.model.errors import ThreadWaiting
from lobu_jupyter.model.requests import RunsQuery
from lobu_jupyter.model.runs import RunStatus
from tests.cli.terminal import Terminal
from tests.gateway.rig import ME, Rig, approve, call, paused, reject, success
from tests.notebook.cells import ServedKernel
from tests.servers import RealServer

LOAD = "%load_ext lobu_jupyter\nimport lobu_jupyter as lobu"
ASKS = "%lobu --agent script run print('ran ' * 2)"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with RealServer(tmp_path_factory.mktemp("messages")) as server:
        yield server


_names = count()


@pytest.fixture
def kernel(server: RealServer) -> Iterator[ServedKernel]:
    kernel = ServedKernel(server, f"messages{next(_names)}.ipynb")
    kernel.run(LOAD)
    yield kernel
    kernel.close()
    server.shut_down_kernel(kernel.kernel_id)


@pytest.mark.parametrize("how", [{"if_running": "queue"}, {"if_waiting": "queue"}])
async def test_a_message_while_a_question_is_open_is_queued_and_settles_nothing(
    rig: Rig, how: dict[str, str]
) -> None:
    first = await rig.waiting("c")

    message = await rig.start(first.thread_id, "no, by week", **how)

    assert [one.id for one in await rig.gateway.policy.interrupts(ME)] == ["ask-c"]
    assert (await rig.run(message.run_id)).status is RunStatus.QUEUED
    assert "decided" not in " ".join(row["action"] for row in await rig.gateway.policy.audit(ME))


async def test_a_message_that_says_nothing_of_a_queue_is_refused_and_settles_nothing(rig: Rig) -> None:
    first = await rig.waiting("c")

    for fields in ({}, {"if_running": "cancel"}):
        with pytest.raises(ThreadWaiting):
            await rig.start(first.thread_id, "no, by week", **fields)

    assert [one.id for one in await rig.gateway.policy.interrupts(ME)] == ["ask-c"]


@pytest.mark.parametrize("when", ["before the call", "before the question", "after the question"])
async def test_two_prompts_in_a_row_are_queued_whenever_the_question_comes(rig: Rig, when: str) -> None:
    first = await rig.running()
    asked = [*call("c"), paused("c")]
    before = {"before the call": [], "before the question": asked[:-1], "after the question": asked}[when]
    checkpoint = "c" if before == asked else None
    if before:
        await rig.worker.emit(first.run_id, *before, checkpoint=checkpoint)
    second = await rig.start(first.thread_id, "second", if_running="queue")
    third = await rig.start(first.thread_id, "third", if_running="queue")
    if before != asked:
        await rig.worker.emit(first.run_id, *asked[len(before) :], checkpoint="c")

    runs = {
        run.run_id: run.status
        for run in await rig.gateway.runs.list(ME, RunsQuery(thread_id=first.thread_id))
    }
    assert runs == {
        first.run_id: RunStatus.INTERRUPTED,
        second.run_id: RunStatus.QUEUED,
        third.run_id: RunStatus.QUEUED,
    }
    assert [one.id for one in await rig.gateway.policy.interrupts(ME)] == ["ask-c"]


@pytest.mark.parametrize("decision", [approve("c"), reject("c", "by month")])
async def test_what_is_queued_begins_after_the_run_that_the_decision_began(rig: Rig, decision: dict) -> None:
    first = await rig.waiting("c")
    message = await rig.start(first.thread_id, "then this", if_running="queue")

    resumed, _ = await rig.gateway.policy.resume(ME, first.thread_id, [decision])
    assert (await rig.run(message.run_id)).status is RunStatus.QUEUED
    await rig.worker.fetch()
    await rig.worker.emit(
        resumed.run_id,
        {"type": "TOOL_CALL_RESULT", "messageId": "m", "toolCallId": "c", "content": "x"},
        success(),
    )

    assert (await rig.run(message.run_id)).status is RunStatus.RUNNING


async def test_a_queued_message_can_be_removed_and_the_question_stays_open(rig: Rig) -> None:
    first = await rig.waiting("c")
    message = await rig.start(first.thread_id, "then this", if_running="queue")

    await rig.gateway.runs.cancel(ME, message.run_id)

    state = await rig.gateway.runs.snapshot(ME, first.thread_id)
    assert (state["status"], [one["id"] for one in state["interrupts"]]) == ("waiting", ["ask-c"])
    assert (await rig.run(message.run_id)).status is RunStatus.CANCELLED
    await rig.gateway.policy.resume(ME, first.thread_id, [approve("c")])


async def test_stopping_what_waits_loses_no_queued_message(rig: Rig) -> None:
    first = await rig.waiting("c")
    second = await rig.start(first.thread_id, "second", if_running="queue")
    third = await rig.start(first.thread_id, "third", if_running="queue")

    await rig.gateway.runs.cancel(ME, first.run_id)

    assert (await rig.run(second.run_id)).status is RunStatus.RUNNING
    assert (await rig.run(third.run_id)).status is RunStatus.QUEUED


def test_two_prompts_and_run_all_leave_the_first_question_open(kernel: ServedKernel) -> None:
    """Case 14: each time the second is queued, whether or not the question was there."""
    for _ in range(3):
        kernel.run(f"first = {ASKS}")
        kernel.run("second = %lobu --agent script say second")
        kernel.run("first.wait()")

        assert "interrupted queued" in kernel.run("print(first.status, second.status)").text
        assert "Rejected. Resuming…" in kernel.run("%lobu reject by month").text

        kernel.run("second.wait()")
        assert "succeeded succeeded" in kernel.run("print(first.status, second.status)").text
        assert "by month" in kernel.run("print(first.state['items'])").text


def test_the_same_cell_run_again_while_it_asks_is_queued(kernel: ServedKernel) -> None:
    first = kernel.run(ASKS)
    kernel.more(first, "Answer with run.approve()")

    kernel.run(ASKS)

    assert "rejected" not in first.updates[-1]["data"]["text/plain"]
    assert "Approved. Resuming…" in kernel.run("%lobu approve").text
    kernel.more(first, "ran ran")


def test_ask_from_python_does_not_answer_the_agents_question(kernel: ServedKernel) -> None:
    kernel.run("run = lobu.ask('ask Which? | red | blue', agent='script').wait()")
    kernel.run("later = lobu.ask('say blue', agent='script')")
    assert "interrupted queued" in kernel.run("print(run.status, later.status)").text

    assert "Answered" in kernel.run("%lobu answer red").text

    kernel.run("later.wait()")
    assert "red" in kernel.run("print(run.text)").text


def test_an_answer_to_a_call_that_asks_for_approval_says_what_to_do(kernel: ServedKernel) -> None:
    first = kernel.run(ASKS)
    kernel.more(first, "Answer with run.approve()")

    assert "%lobu reject" in kernel.run("%lobu answer yes").text
    assert "run_code" in kernel.run("%lobu inbox").text


def test_cancel_ends_the_question_before_what_is_queued_behind_it(kernel: ServedKernel) -> None:
    first = kernel.run(ASKS)
    kernel.more(first, "Answer with run.approve()")
    kernel.run("later = lobu.ask('say later', agent='script')")

    assert "Cancelled." in kernel.run("%lobu cancel").text

    kernel.run("later.wait()")
    assert "succeeded" in kernel.run("print(later.status)").text


def test_a_cell_that_waits_behind_a_question_that_nobody_can_decide_fails_at_once(
    kernel: ServedKernel,
) -> None:
    first = kernel.run(ASKS)
    kernel.more(first, "Answer with run.approve()")

    cell = kernel.run("%lobu --agent script --wait say later")

    assert "no front end is open" in cell.error
    assert "run_code" in kernel.run("%lobu inbox").text
    assert "queued" not in kernel.run("%lobu runs").text


def test_a_prompt_at_a_terminal_is_queued_and_says_so(
    server: RealServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lobu = Terminal(server, monkeypatch, capfd)
    lobu("chat", "--agent", "script", "--thread", "typed", "ask Which? | red | blue", typed="")

    printed = lobu("chat", "--agent", "script", "--thread", "typed", "--timeout", "1", "say red", typed="")

    assert "Queued: the agent needs a decision first" in printed.err
    assert "longer than 1 s" in printed.err
    assert "Which?" in lobu("inbox").out


def test_a_script_whose_prompt_meets_a_question_fails_at_once(
    server: RealServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lobu = Terminal(server, monkeypatch, capfd)
    asked = lobu("chat", "--agent", "script", "--thread", "piped", "ask Which? | red | blue", typed="")
    assert asked.code != 0

    printed = lobu("chat", "--agent", "script", "--thread", "piped", "say red")

    assert printed.code == 1
    assert "needs a decision" in printed.err
