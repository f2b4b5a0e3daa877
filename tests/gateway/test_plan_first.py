"""*Plan first*: only a person's approval of a plan ends it, in the transaction that settles the approval."""

from __future__ import annotations

import pytest

from lobu_jupyter.model.policy import Policy
from tests.gateway.rig import ME, Rig, approve, call, paused, reject

STEPS = '{"steps": [{"description": "look"}]}'


async def planned(rig: Rig, tool: str = "plan") -> tuple[str, str]:
    """A thread whose run in the mode *Plan first* waits for the approval of a call."""
    started = await rig.running(mode="plan", agent="demo")
    events = [*call("c", tool, STEPS), paused("c")]
    await rig.worker.emit(started.run_id, *events, checkpoint="the checkpoint")
    return started.thread_id, started.run_id


async def handed(rig: Rig) -> Policy:
    """The policy of the run that the worker gets next."""
    (item,) = await rig.worker.fetch()
    assert item.task is not None
    return item.task.policy


async def audited(rig: Rig) -> list[str]:
    return [str(row["action"]) for row in reversed(await rig.gateway.policy.audit(ME))]


async def test_a_run_that_plans_first_is_handed_to_its_worker_so_and_is_in_the_audit(rig: Rig) -> None:
    thread = await rig.thread()
    started = await rig.start(thread, mode="plan")

    policy = await handed(rig)

    assert policy.plan_first
    assert [layer.name for layer in policy.layers] == ["server"]
    assert (await rig.run(started.run_id)).mode == "plan"
    assert "plan first" in await audited(rig)


@pytest.mark.parametrize("tool", ["plan", "demo__switch_mode"])
@pytest.mark.parametrize("edits", [False, True])
async def test_the_approved_plan_ends_the_mode_and_the_audit_says_so(
    rig: Rig, tool: str, edits: bool
) -> None:
    thread, _ = await planned(rig, tool)
    edited = {"editedArgs": {"steps": [{"description": "other"}]}} if edits else {}

    started, _ = await rig.gateway.policy.resume(ME, thread, [approve("c", **edited)])

    assert not (await handed(rig)).plan_first
    assert (await rig.run(started.run_id)).mode is None
    assert (await audited(rig))[-1] == "plan approved"


@pytest.mark.parametrize("tool", ["plan", "run_code", "other__switch_mode", "demo__edit", "plan_b"])
async def test_nothing_else_ends_it(rig: Rig, tool: str) -> None:
    thread, _ = await planned(rig, tool)

    entry = reject("c") if tool == "plan" else approve("c")
    started, _ = await rig.gateway.policy.resume(ME, thread, [entry])

    assert (await handed(rig)).plan_first
    assert (await rig.run(started.run_id)).mode == "plan"
    assert "plan approved" not in await audited(rig)


async def test_the_next_message_has_the_mode_that_it_names(rig: Rig) -> None:
    thread, _ = await planned(rig)
    await rig.start(thread, mode="plan", if_waiting="cancel")

    assert (await handed(rig)).plan_first
