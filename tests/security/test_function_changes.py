"""An approval of a registered function is for the function that was asked about, as the kernel has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.model.digest import digest_of
from lobu_jupyter.model.errors import Conflict
from lobu_jupyter.model.ports import ToolSpec
from lobu_jupyter.model.requests import AuditQuery
from tests.agents.bench import FakeKernel, policy, registered, resume, run, task_for
from tests.extending.test_acp import Rig as Robot
from tests.gateway.rig import ME, Rig, Worker, approve, call, paused, reject
from tests.security.test_tool_registration import kernel
from tests.worker.conftest import *  # noqa: F403

if TYPE_CHECKING:
    from tests.worker.conftest import Hand, Person

OLD, NEW = "a" * 64, "b" * 64
FUNCTION = ToolSpec(name="sh", fingerprint=OLD)
ASKING: dict[str, Any] = {"kernel": registered(FUNCTION)}
CHANGED = {"fingerprint": NEW, "byAgent": True}
DEFINE = """
import lobu_jupyter.notebook.tools.decorator as t
@t.tool(approval=False)
def sh(n: int = 1) -> int: return {value}
"""


@pytest.fixture
async def robot(tmp_path: Path) -> AsyncIterator[Robot]:
    robot = Robot(tmp_path)
    yield robot
    for agent in robot.agents:
        await agent.close()


# -- the worker


async def test_a_function_that_changed_since_is_asked_about_anew_and_marked() -> None:
    agent, task, hand = script(), task_for("tool sh {}", **ASKING), FakeKernel()
    asked = await run(agent, task, hand)
    hand.changed = CHANGED

    again = await resume(agent, task, asked, hand, "approve")
    assert hand.called == []
    done = await resume(agent, task, again, hand, "approve")

    (first,), (second,) = asked.interrupts, again.interrupts
    assert first.binds == {"function": "sh", "fingerprint": OLD}
    assert second.binds == {"function": "sh", "fingerprint": NEW}
    assert (second.by_agent, second.no_grant) == (True, True)
    assert "has changed since it was approved" in second.message
    assert digest_of(first) != digest_of(second)
    assert (hand.called, done.error) == ([("sh", {})], None)


async def test_what_needed_no_approval_is_asked_about_if_agent_code_has_changed_it() -> None:
    task = task_for("tool sh {}", policy=policy(server={"allow": ["sh"]}), **ASKING)
    hand = FakeKernel()
    hand.changed = CHANGED

    asked = await run(script(), task, hand)

    assert hand.called == []
    assert [interrupt.by_agent for interrupt in asked.interrupts] == [True]


async def test_where_nobody_can_be_asked_a_changed_function_does_not_run() -> None:
    rules = policy(server={"allow": ["sh"]}, answerable=False)
    hand = FakeKernel()
    hand.changed = CHANGED

    done = await run(script(), task_for("tool sh {}", policy=rules, **ASKING), hand)

    assert (hand.called, done.pause) == ([], None)
    assert "Nobody can be asked again here" in next(iter(done.results.values()))


async def test_an_outside_agents_call_of_a_changed_function_is_asked_about_anew(robot: Robot) -> None:
    hand, task = FakeKernel(), robot.task("ask-tool sh {}", **ASKING)
    asked = await run(robot.agent, task, hand)
    hand.changed = CHANGED

    again = await resume(robot.agent, task, asked, hand, "approve")
    assert hand.called == []
    done = await resume(robot.agent, task, again, hand, "approve")

    (second,) = again.interrupts
    assert second.binds == {"function": "sh", "fingerprint": NEW}
    assert (second.by_agent, second.no_grant) == (True, True)
    assert "has changed since it was approved" in " ".join(again.results.values())
    assert (hand.called, done.error) == ([("sh", {})], None)


# -- the kernel


async def test_the_kernel_runs_only_the_function_that_was_approved(hand: Hand, person: Person) -> None:
    await hand.run(DEFINE.format(value="n"))
    shown = await person.value("t.specs()[0].fingerprint")
    await hand.run(DEFINE.format(value="-n"))

    async def call_it(approved: str | None) -> Any:
        return await hand.executor.call_tool("sh", {}, hand.on_output, hand.on_waiting, approved=approved)

    unasked, outdated = await call_it(None), await call_it(shown.strip("'"))
    assert unasked.changed is not None
    assert unasked.changed == outdated.changed
    assert unasked.changed["byAgent"]
    done = await call_it(unasked.changed["fingerprint"])
    await person.run("t.forget('sh')")
    assert (done.ok, done.value) == (True, -1)


# -- the gateway


@pytest.mark.parametrize("said", [{}, {"byAgent": False, "noGrant": False}], ids=["left out", "denied"])
async def test_an_outside_workers_question_about_a_function_has_the_gateways_own_mark(
    rig: Rig, said: dict[str, Any]
) -> None:
    rig.worker = await Worker.register(rig.gateway, child=False, agents=("outside",))
    await rig.gateway.kernels.set_tools(
        kernel(decides=False), "k1", [ToolSpec(name="sh", approval=False, fingerprint=OLD)]
    )
    started = await rig.running(agent="outside", kernel_id="k1")

    ask = paused("c", metadata={"lobu": said})
    await rig.worker.emit(started.run_id, *call("c", "sh", "{}"), ask, checkpoint="opaque")

    (found,) = await rig.gateway.policy.interrupts(ME)
    assert (found.by_agent, found.no_grant) == (True, True)
    assert found.binds == {"function": "sh", "fingerprint": OLD, "checkedByGateway": True}


@pytest.mark.parametrize("now", [[ToolSpec(name="sh", fingerprint=NEW)], []], ids=["another", "none"])
async def test_an_outside_workers_question_about_a_function_that_changed_can_only_be_rejected(
    rig: Rig, now: list[ToolSpec]
) -> None:
    rig.worker = await Worker.register(rig.gateway, child=False, agents=("outside",))
    await rig.gateway.kernels.set_tools(ME, "k1", [FUNCTION])
    started = await rig.running(agent="outside", kernel_id="k1")
    await rig.worker.emit(started.run_id, *call("c", "sh", "{}"), paused("c"), checkpoint="opaque")
    await rig.gateway.kernels.set_tools(ME, "k1", now)

    with pytest.raises(Conflict, match="another function now than the one that was asked about: sh"):
        await rig.gateway.policy.resume(ME, started.thread_id, [approve("c")])

    (row, *_) = await rig.gateway.policy.audit(ME, AuditQuery(thread_id=started.thread_id))
    assert (row["action"], row["detail"]["why"]) == ("refused decision", "function_changed")
    assert (await rig.gateway.policy.resume(ME, started.thread_id, [reject("c")]))[1]


async def test_an_outside_workers_question_about_the_same_function_is_approved(rig: Rig) -> None:
    rig.worker = await Worker.register(rig.gateway, child=False, agents=("outside",))
    await rig.gateway.kernels.set_tools(ME, "k1", [FUNCTION])
    started = await rig.running(agent="outside", kernel_id="k1")
    await rig.worker.emit(started.run_id, *call("c", "sh", "{}"), paused("c"), checkpoint="opaque")
    await rig.gateway.kernels.set_tools(ME, "k1", [FUNCTION, ToolSpec(name="other", fingerprint=NEW)])

    assert (await rig.gateway.policy.resume(ME, started.thread_id, [approve("c")]))[1]
