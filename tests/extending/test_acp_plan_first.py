"""*Plan first* with an agent over ACP: its own plan mode, and our gate around what it asks for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.model.policy import Grant, Policy
from tests.agents.bench import FakeKernel, resume, run
from tests.extending.test_acp import WITH_KERNEL, Rig, sessions

ASKING = {"mode": "default"}
MODES = "--modes=auto,default,plan"
PLAN_FIRST = Policy(plan_first=True)
OPTIONS = [
    {"optionId": "auto", "name": "Yes, and auto-accept", "kind": "allow_always"},
    {"optionId": "default", "name": "Yes, and ask for each edit", "kind": "allow_once"},
    {"optionId": "plan", "name": "No, keep planning", "kind": "reject_once"},
]
LEAVES = "permit " + json.dumps({"toolCall": {"title": "Ready?", "kind": "switch_mode"}, "options": OPTIONS})


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    for agent in rig.agents:
        await agent.close()


def prompted(rig: Rig) -> list[str]:
    return [entry["mode"] for entry in rig.log("prompt")]


def chosen(rig: Rig) -> list[str]:
    return [entry["chosen"] for entry in rig.log("permission")]


async def test_it_is_put_into_its_own_plan_mode_and_back_for_the_next_message(rig: Rig) -> None:
    rig.anew(MODES, config=ASKING)

    first = await run(rig.agent, rig.task("say one", policy=PLAN_FIRST))
    await run(rig.agent, rig.task("say two"))

    assert prompted(rig) == ["plan", "default"]
    told = sessions(first)["robot"]
    assert told["mode"] == "plan"
    assert "Plan first is on: it is in its mode" in told["message"]
    assert first.customs("lobu.notice") == []


async def test_an_agent_without_a_plan_mode_is_said_to_have_none(rig: Rig) -> None:
    rig.anew("--modes=auto,default", config=ASKING)

    ended = await run(rig.agent, rig.task("say one", policy=PLAN_FIRST))

    (said,) = ended.customs("lobu.notice")
    assert "robot has no plan mode of its own" in said["message"]
    assert prompted(rig) == ["default"]


@pytest.mark.parametrize(
    "line", ["ask {root}/a.txt hello", "write {root}/a.txt hello", "run echo hello > {root}/a.txt"]
)
async def test_what_it_asks_to_do_is_refused_also_with_a_grant(rig: Rig, line: str) -> None:
    rig.anew(MODES, config=ASKING)
    grant = Grant(grant_id="g", tool="robot__*", scope="thread", covers="all", by="me")
    policy = Policy(plan_first=True, grants=(grant,))

    ended = await run(rig.agent, rig.task(line.format(root=f"{rig.home}/root"), policy=policy))

    assert ended.pause is None
    assert not rig.file("a.txt").exists()


async def test_our_tools_are_held_by_the_same_gate(rig: Rig) -> None:
    rig.anew(MODES, config=ASKING)
    kernel = FakeKernel()
    task = rig.task('tool run_code {"code": "1"}', policy=PLAN_FIRST, **WITH_KERNEL)

    ended = await run(rig.agent, task, kernel)

    assert kernel.ran == []
    assert "Plan first is on" in str(ended.results)


@pytest.mark.parametrize(
    ("decision", "answer", "put_into"),
    [("approve", "default", ["plan"]), ("reject", "plan", ["plan", "default"])],
)
async def test_its_wish_to_leave_its_plan_mode_is_a_question_that_no_grant_answers(
    rig: Rig, decision: str, answer: str, put_into: list[str]
) -> None:
    rig.anew(MODES, config=ASKING)
    grant = Grant(grant_id="g", tool="*", scope="thread", covers="all", by="me")
    task = rig.task(f"{LEAVES}\nmode {answer}\nsay done", policy=Policy(plan_first=True, grants=(grant,)))

    asked = await run(rig.agent, task)
    pressed = {"kind": decision, "option": answer}
    done = await resume(rig.agent, rig.task("x"), asked, None, pressed)
    await run(rig.agent, rig.task("say next"))

    (question,) = asked.interrupts
    assert (question.tool_name, question.no_grant) == ("robot__switch_mode", True)
    assert chosen(rig) == [answer]
    assert done.text.endswith("done ")
    assert done.customs("lobu.notice") == []
    modes = [entry["mode"] for entry in rig.log("set_mode")]
    assert modes == put_into  # the mode of an approved plan is not set back


async def test_a_sub_agents_wish_to_leave_its_plan_mode_is_refused(rig: Rig) -> None:
    rig.anew(MODES, config=ASKING)

    ended = await run(rig.agent, rig.task(f"{LEAVES}\nsay done", policy=PLAN_FIRST, depth=1))

    assert ended.pause is None
    assert chosen(rig) == ["plan"]


async def test_an_agent_that_leaves_its_plan_mode_by_itself_is_set_back(rig: Rig) -> None:
    rig.anew(MODES, config=ASKING)

    ended: Any = await run(rig.agent, rig.task("mode auto\nuntil plan\nsay done", policy=PLAN_FIRST))

    assert "it was set back to plan" in ended.customs("lobu.notice")[0]["message"]


async def test_its_plan_keeps_its_place_over_a_question(rig: Rig) -> None:
    task = rig.task(f"plan\nask {rig.home}/root/a.txt hello\nplan")

    asked = await run(rig.agent, task)
    done = await resume(rig.agent, task, asked, None, "approve")

    plans = [e["messageId"] for e in [*asked.events, *done.events] if e["type"] == "ACTIVITY_SNAPSHOT"]
    assert len(plans) == 2
    assert len(set(plans)) == 1
