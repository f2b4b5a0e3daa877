"""A run whose changes of cells are reviewed: they are asked whatever mode or grant allows them, and nothing is widened."""

from __future__ import annotations

import pytest

from lobu_jupyter.model.policy import Policy, Rules, Ruling, Verdict, judge
from tests.gateway.rig import ME, Rig, approve, call, paused, result, success

CHANGES = ["insert_cell", "edit_cell", "delete_cell", "move_cell", "run_cell"]
ARGS = {"cell": "a", "code": "x = 2"}


async def handed(rig: Rig) -> Policy:
    """The policy of the run that the worker gets next."""
    (item,) = await rig.worker.fetch()
    assert item.task is not None
    return item.task.policy


def ruled(policy: Policy, tool: str) -> Ruling:
    return judge(policy, tool, True, ARGS)


@pytest.mark.parametrize("tool", CHANGES)
async def test_a_mode_that_runs_automatically_still_asks_before_a_change_of_a_cell(
    rig: Rig, tool: str
) -> None:
    await rig.start(await rig.thread(), mode="allow", review_cells=True)

    policy = await handed(rig)

    ruling = ruled(policy, tool)
    assert (ruling.verdict, ruling.no_grant) == (Verdict.ASK, True)
    assert ruled(policy, "run_code").verdict is Verdict.ALLOW


@pytest.mark.parametrize("scope", ["call", "thread_all", "notebook_all"])
async def test_no_standing_approval_answers_it_and_the_next_message_is_as_before(
    rig: Rig, scope: str
) -> None:
    thread = await rig.thread(notebook_path="a.ipynb")
    first = await rig.running(thread)
    asks = [*call("c", "edit_cell", '{"cell": "a", "code": "x = 2"}'), paused("c")]
    await rig.worker.emit(first.run_id, *asks, checkpoint="the checkpoint")
    next_, _ = await rig.gateway.policy.resume(ME, thread, [approve("c", grant=scope)])
    covered = ruled(await handed(rig), "edit_cell")
    await rig.worker.emit(next_.run_id, result("c"), success())

    reviewed = await rig.start(thread, review_cells=True)
    ruling = ruled(await handed(rig), "edit_cell")
    await rig.worker.emit(reviewed.run_id, success())
    await rig.start(thread)

    assert covered.verdict is Verdict.ALLOW
    assert (ruling.verdict, ruling.no_grant) == (Verdict.ASK, True)
    assert ruled(await handed(rig), "edit_cell").verdict is Verdict.ALLOW


async def test_the_run_after_a_decision_asks_again(rig: Rig) -> None:
    waiting = await rig.waiting("c", mode="allow", review_cells=True)

    await rig.gateway.policy.resume(ME, waiting.thread_id, [approve("c")])

    assert ruled(await handed(rig), "edit_cell").verdict is Verdict.ASK


@pytest.mark.parametrize("more", [{"mode": "deny"}, {"mode": "plan"}, {"answerable": False}])
async def test_what_is_denied_is_not_asked(rig: Rig, more: dict[str, object]) -> None:
    await rig.start(await rig.thread(), review_cells=True, **more)

    assert ruled(await handed(rig), "edit_cell").verdict is Verdict.DENY


async def test_a_notebook_whose_mode_denies_is_not_asked_either(rig: Rig) -> None:
    thread = await rig.thread(notebook_path="a.ipynb")
    await rig.gateway.policy.put(ME, notebook_path="a.ipynb", rules=Rules(mode="deny"))

    await rig.start(thread, review_cells=True)

    assert ruled(await handed(rig), "edit_cell").verdict is Verdict.DENY
