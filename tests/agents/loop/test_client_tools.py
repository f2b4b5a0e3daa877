"""Tools and state of the client: their calls end the run, and nothing about them is an approval."""

from __future__ import annotations

from typing import Any

import pytest

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.model.client_tools import CLIENT_TOOL, MAX_STATE_BYTES
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.interrupts import decide
from lobu_jupyter.model.policy import Policy
from lobu_jupyter.model.ports import ToolSpec
from tests.agents.bench import FakeKernel, policy, resume, run, task_for

SHOW = ToolSpec(
    name="show",
    description="Shows a page.",
    parameters={"type": "object", "properties": {"page": {"type": "string"}}, "required": ["page"]},
    approval=False,
)


def shows(prompt: str, *tools: ToolSpec, **more: Any) -> Any:
    return task_for(prompt, client_tools=tools or (SHOW,), **more)


async def test_a_call_of_the_client_ends_the_run_and_its_result_goes_on() -> None:
    task = shows('tool show {"page": "two"}\nsay after')

    asked = await run(script(), task)
    ended = await resume(script(), task, asked, None, {"kind": "respond", "response": "shown"})

    (interrupt,) = asked.interrupts
    assert (interrupt.reason, interrupt.tool_name, interrupt.args) == (CLIENT_TOOL, "show", {"page": "two"})
    assert asked.results == {}
    assert ended.results == {interrupt.tool_call_id: "shown"}
    assert "after" in ended.text


async def test_no_approval_is_offered_and_none_is_taken() -> None:
    asked = await run(script(), shows('tool show {"page": "two"}'))

    (interrupt,) = asked.interrupts
    assert interrupt.decisions == ("respond", "reject")
    for payload in ({"approved": True}, {"approved": True, "editedArgs": {"page": "x"}}):
        with pytest.raises(InvalidField):
            decide({"status": "resolved", "payload": payload}, interrupt, "resume[0]")


async def test_a_call_that_the_client_leaves_open_says_so() -> None:
    task = shows('tool show {"page": "two"}\nsay after')

    asked = await run(script(), task)
    ended = await resume(script(), task, asked, None, "reject")

    assert list(ended.results.values()) == ["The client did not run this call."]


async def test_a_call_beside_an_approval_waits_with_it() -> None:
    kernel = FakeKernel()
    task = shows('run 6 * 7 && tool show {"page": "two"}')

    asked = await run(script(), task, kernel)
    kinds = {"tool_call": "approve", CLIENT_TOOL: {"kind": "respond", "response": "shown"}}
    ended = await resume(script(), task, asked, kernel, *[kinds[i.reason] for i in asked.interrupts])

    assert sorted(i.reason for i in asked.interrupts) == [CLIENT_TOOL, "tool_call"]
    assert kernel.ran == ["6 * 7"]
    assert "shown" in ended.results.values()


@pytest.mark.parametrize("name", ["run_code", "ask_user", "delegate", "double"])
async def test_no_tool_of_ours_or_of_the_kernel_is_shadowed(name: str) -> None:
    from tests.agents.bench import registered

    kernel = FakeKernel()
    double = ToolSpec(name="double", parameters={"type": "object", "properties": {}}, approval=False)
    args = {"run_code": '{"code": "1"}', "ask_user": '{"questions": [{"question": "Which?"}]}'}.get(
        name, '{"prompt": "say hi"}' if name == "delegate" else "{}"
    )
    fake = ToolSpec(name=name, parameters={"type": "object", "properties": {}}, approval=False)

    ended = await run(script(), shows(f"tool {name} {args}", fake, kernel=registered(double)), kernel)

    (notice,) = ended.customs("lobu.tools")
    assert name in notice["message"]
    assert not [i for i in (ended.interrupts if ended.pause else []) if i.reason == CLIENT_TOOL]


async def test_a_denied_tool_is_refused_and_a_run_that_nobody_can_answer_still_has_its_client() -> None:
    denied = await run(script(), shows('tool show {"page": "x"}', policy=policy(run={"deny": ("show",)})))
    alone = await run(script(), shows('tool show {"page": "x"}', policy=Policy(answerable=False)))

    assert denied.pause is None
    assert "run policy denies show" in next(iter(denied.results.values()))
    assert [i.reason for i in alone.interrupts] == [CLIENT_TOOL]


async def test_arguments_that_do_not_fit_go_back_to_the_model() -> None:
    ended = await run(script(), shows('tool show {"page": 7}'))

    assert ended.pause is None
    assert ended.text


async def test_a_sub_agent_has_no_tool_of_the_client() -> None:
    ended = await run(script(), shows('delegate:\n    tool show {"page": "x"}', state={"page": 1}))

    assert ended.pause is None


async def test_the_agent_changes_the_shared_state_and_everybody_sees_it() -> None:
    prompt = 'tool update_state {"set": {"b": 2}, "remove": ["a"]}\ntool update_state {"set": {"c": 3}}'

    ended = await run(script(), task_for(prompt, state={"a": 1, "keep": [1]}))

    snapshots = [e["snapshot"] for e in ended.events if e["type"] == "STATE_SNAPSHOT"]
    assert snapshots == [{"keep": [1], "b": 2}, {"keep": [1], "b": 2, "c": 3}]


async def test_a_state_that_no_event_carries_is_refused_and_stays() -> None:
    big = "x" * (MAX_STATE_BYTES + 1)

    ended = await run(script(), task_for(f'tool update_state {{"set": {{"b": "{big}"}}}}', state={"a": 1}))

    assert "STATE_SNAPSHOT" not in ended.types
    assert "are the most" in next(iter(ended.results.values()))


async def test_without_a_state_there_is_no_tool_for_it() -> None:
    ended = await run(script(), task_for('tool update_state {"set": {"b": 2}}'))

    assert "STATE_SNAPSHOT" not in ended.types
