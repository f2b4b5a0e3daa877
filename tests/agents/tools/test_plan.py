"""The plan: a checklist that ticks, and under *Plan first* the gate before everything that acts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.tools import specs
from lobu_jupyter.model.policy import Grant, Policy, Verdict, judge
from lobu_jupyter.model.ports import ToolSpec
from tests.agents.bench import Ended, FakeKernel, policy, registered, resume, run, task_for

PLAN_FIRST = Policy(plan_first=True)


def tick(*states: str) -> str:
    """A line of the script that shows the steps ``step 0``, ``step 1`` … in these states."""
    steps = [{"description": f"step {n}", "status": state} for n, state in enumerate(states)]
    return f"tool plan {json.dumps({'steps': steps})}"


def shown(ended: Ended) -> list[dict[str, Any]]:
    return [event for event in ended.events if event["type"].startswith("ACTIVITY")]


async def test_a_plan_is_shown_once_and_then_ticks() -> None:
    prompt = f"{tick('in_progress', 'pending')}\n{tick('completed', 'in_progress')}\n{tick('completed')}"

    ended = await run(script(), task_for(prompt), FakeKernel())

    first, second, third = shown(ended)
    assert first["activityType"] == "PLAN"
    assert first["content"]["steps"][0] == {"description": "step 0", "status": "in_progress"}
    assert second["type"] == "ACTIVITY_DELTA"
    assert second["patch"] == [
        {"op": "replace", "path": "/steps/0/status", "value": "completed"},
        {"op": "replace", "path": "/steps/1/status", "value": "in_progress"},
    ]
    assert third["type"] == "ACTIVITY_SNAPSHOT"
    assert first["messageId"] == second["messageId"] == third["messageId"]
    assert list(ended.results.values())[-1] == "The plan is shown. 1 of 1 steps are completed."


async def test_a_plan_asks_nobody_also_where_the_mode_asks_and_is_denied_by_a_rule_alone() -> None:
    asked = await run(script(), task_for(tick("pending"), policy=policy(run={"mode": "ask"})), FakeKernel())
    denied = await run(
        script(), task_for(tick("pending"), policy=policy(server={"deny": ("plan",)})), FakeKernel()
    )

    assert asked.pause is None
    assert len(shown(asked)) == 1
    assert shown(denied) == []


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [{"description": ""}],
        [{"description": "x" * 301}],
        [{"description": "x"}] * 21,
        [{"description": "x", "status": "done"}],
        [{"description": "  "}],
        ["x"],
    ],
)
async def test_a_plan_has_bounds(steps: list[Any]) -> None:
    ended = await run(script(), task_for(f"tool plan {json.dumps({'steps': steps})}"), FakeKernel())

    assert shown(ended) == []


ACTS = [
    "run 1 + 1",
    "run x",
    'tool write_file {"path": "a.txt", "content": "x"}',
    'tool edit_cell {"cell": "a", "code": "x"}',
    'tool insert_cell {"code": "x"}',
    'tool run_cell {"cell": "a"}',
    'tool double {"n": 1}',
]


@pytest.mark.parametrize("line", ACTS)
@pytest.mark.parametrize(
    "allowed",
    [
        PLAN_FIRST,
        msgspec.structs.replace(policy(server={"allow": ("*",)}, run={"mode": "allow"}), plan_first=True),
        Policy(
            plan_first=True, grants=(Grant(grant_id="g", tool="*", scope="thread", covers="all", by="me"),)
        ),
    ],
    ids=["no rules", "all allowed", "all granted"],
)
async def test_before_the_plan_nothing_acts_whatever_allows_it(
    tmp_path: Path, line: str, allowed: Policy
) -> None:
    double = ToolSpec(name="double", approval=False)
    kernel = FakeKernel(x=1)
    task = task_for(
        line, policy=allowed, root=str(tmp_path), kernel=registered(double), notebook_path="n.ipynb"
    )

    ended = await run(script(), task, kernel)

    assert ended.pause is None
    assert (kernel.ran, kernel.called, list(tmp_path.iterdir())) == ([], [], [])
    (told,) = ended.results.values()
    assert "Plan first is on, and no plan is approved yet" in told


async def test_before_the_plan_reads_run_under_the_usual_rules(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    prompt = 'tool read_file {"path": "a.txt"}\ntool describe_variable {"name": "x"}'
    ruled = msgspec.structs.replace(policy(server={"deny": ("describe_*",)}), plan_first=True)

    ended = await run(script(), task_for(prompt, policy=PLAN_FIRST, root=str(tmp_path)), FakeKernel(x=1))
    denied = await run(script(), task_for(prompt, policy=ruled, root=str(tmp_path)), FakeKernel(x=1))

    assert "hello" in next(iter(ended.results.values()))
    assert "Plan first" not in str(ended.results)
    assert "server policy denies describe_*" in str(denied.results)


def test_no_other_tool_runs_before_a_plan() -> None:
    """A tool that is new must be looked at before it counts as a read."""
    reads = {
        s.name
        for s in specs.BUILTIN
        if judge(PLAN_FIRST, s.name, needs_approval=False).verdict is Verdict.ALLOW
    }

    assert reads == {
        "list_variables",
        "describe_variable",
        "list_files",
        "search_files",
        "read_file",
        "read_notebook",
        "search_notebook",
        "ask_user",
        "delegate",
        "load_skill",
    }
    for name in ("fetch_url", "files__read_file", "robot__read", "robot__switch_mode", "read_file_", "plan_"):
        assert judge(PLAN_FIRST, name, needs_approval=False).verdict is Verdict.DENY


async def test_the_plan_is_a_question_that_no_grant_answers_and_approval_shows_it() -> None:
    task = task_for(f"{tick('pending')}\nrun 1", policy=PLAN_FIRST)
    granted = msgspec.structs.replace(
        PLAN_FIRST, grants=(Grant(grant_id="g", tool="plan", scope="thread", covers="all", by="me"),)
    )

    asked = await run(script(), task, FakeKernel())
    again = await run(script(), msgspec.structs.replace(task, policy=granted), FakeKernel())
    after = msgspec.structs.replace(task, policy=policy(run={"mode": "allow"}))
    kernel = FakeKernel()
    done = await resume(script(), after, asked, kernel, "approve")

    (question,) = asked.interrupts
    assert (question.tool_name, question.no_grant) == ("plan", True)
    assert question.decisions == ("approve", "edit", "reject")
    assert question.message.startswith("Approve this plan?")
    assert [i.tool_name for i in again.interrupts] == ["plan"]
    assert shown(asked) == []
    assert len(shown(done)) == 1
    assert "The person approved this plan" in next(iter(done.results.values()))
    assert kernel.ran == ["1"]


async def test_an_edited_plan_is_the_one_that_is_shown_and_the_model_is_told() -> None:
    asked = await run(script(), task_for(tick("pending", "pending"), policy=PLAN_FIRST), FakeKernel())

    edited = {"steps": [{"description": "only this"}]}
    done = await resume(script(), task_for("x"), asked, FakeKernel(), {"kind": "edit", "edited_args": edited})

    (event,) = shown(done)
    assert event["content"] == {"steps": [{"description": "only this", "status": "pending"}]}
    assert "only this" in next(iter(done.results.values()))
    assert "changed the arguments" in next(iter(done.results.values()))


async def test_a_plan_goes_on_as_the_same_activity_after_a_pause() -> None:
    task = task_for(f"{tick('in_progress')}\nrun 1\n{tick('completed')}")

    asked = await run(script(), task, FakeKernel())
    done = await resume(script(), task, asked, FakeKernel(), "approve")

    (before,), (after,) = shown(asked), shown(done)
    assert before["messageId"] == after["messageId"]
    assert after["type"] == "ACTIVITY_SNAPSHOT"  # a reader of this run alone has not seen the first one


async def test_where_nobody_can_approve_a_plan_the_model_is_told() -> None:
    ended = await run(
        script(), task_for(tick("pending"), policy=Policy(plan_first=True, answerable=False)), FakeKernel()
    )

    assert ended.pause is None
    assert "nobody can approve a plan here" in str(ended.results)


async def test_a_sub_agent_is_held_by_the_same_gate_and_has_no_plan() -> None:
    prompt = "delegate " + json.dumps({"prompt": f"run 1\n{tick('pending')}"})

    ended = await run(script(), task_for(f"tool {prompt}", policy=PLAN_FIRST), kernel := FakeKernel())

    assert kernel.ran == []
    assert shown(ended) == []
