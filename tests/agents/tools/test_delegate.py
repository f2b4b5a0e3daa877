"""Sub-agents: their events, their questions and their ends are the run's, under the run's policy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.registry import registry
from lobu_jupyter.agents.tools.delegate import MAX_CHILDREN, policy_for
from lobu_jupyter.model.events import Event, encode
from lobu_jupyter.model.fold import State, fold
from lobu_jupyter.model.interrupts import event_of_interrupt, interrupt_from_event
from lobu_jupyter.model.policy import Policy, Rules
from lobu_jupyter.model.ports import AgentError, KernelPort, Task
from lobu_jupyter.model.runs import Entry
from tests.agents.bench import Ended, FakeKernel, policy, resume, run, task_for

ALLOW = policy(run={"mode": "allow"})
ASKS = """\
say I hand over.
delegate:
    say I am the child.
    run 6 * 7
    say The child is done.
say The parent is done.
"""


def of_child(ended: Ended) -> list[Event]:
    return [e for e in ended.events if e.get("subagentRunId") and not e["type"].startswith("SUBAGENT")]


def lives(ended: Ended) -> list[str]:
    return [kind.removeprefix("SUBAGENT_") for kind in ended.types if kind.startswith("SUBAGENT_")]


def folded(*runs: Ended) -> State:
    """The thread's state, as if the runs had been journaled."""
    entries: list[Entry] = []
    for number, ended in enumerate(runs):
        begun = {"type": "RUN_STARTED", "threadId": "t", "runId": f"r{number}"}
        entries += [Entry(len(entries) + n, encode(e)) for n, e in enumerate([begun, *ended.events], 1)]
    return fold(entries)


async def test_what_a_sub_agent_says_and_does_carries_its_name_and_its_answer_is_the_result() -> None:
    kernel = FakeKernel()

    ended = await run(
        script(), task_for(ASKS.replace("say The child", "think hm\n    say The child"), policy=ALLOW), kernel
    )

    assert lives(ended) == ["STARTED", "FINISHED"]
    started = next(e for e in ended.events if e["type"] == "SUBAGENT_STARTED")
    ours = next(name for name, tool in ended.calls.items() if tool == "delegate")
    assert started["parentToolCallId"] == ours
    assert {e["subagentRunId"] for e in of_child(ended)} == {started["subagentRunId"]}
    assert {"TEXT_MESSAGE_CONTENT", "TOOL_CALL_RESULT", "REASONING_MESSAGE_CONTENT", "CUSTOM"} <= {
        e["type"] for e in of_child(ended)
    }
    assert "run_code: 42" in ended.results[ours]
    assert kernel.ran == ["6 * 7"]


@pytest.mark.scenario("A31")
async def test_a_sub_agents_question_is_the_runs_and_its_decision_goes_on_in_the_child_then_the_parent() -> (
    None
):
    kernel, task = FakeKernel(), task_for(ASKS)

    asked = await run(script(), task, kernel)
    after = await resume(script(), task, asked, kernel, "approve")

    (interrupt,) = asked.interrupts
    assert (interrupt.tool_name, interrupt.args) == ("run_code", {"code": "6 * 7"})
    assert interrupt.run_id == task.run_id
    assert interrupt.subagent_run_id == asked.events[-1]["subagentRunId"]
    assert [asked.calls[name] for name in interrupt.parent_tool_call_ids] == ["delegate"]
    assert asked.events[-1]["outcome"] == {"type": "suspended", "interruptIds": [interrupt.id]}
    assert kernel.ran == ["6 * 7"]
    assert (lives(asked), lives(after)) == (["STARTED", "FINISHED"], ["STARTED", "FINISHED"])
    assert "run_code: 42" in after.results[interrupt.parent_tool_call_ids[0]]
    assert after.text.index("The child is done.") < after.text.index("The parent is done.")
    assert (asked.text + after.text).count("I am the child.") == 1
    assert [i["status"] for i in folded(asked, after)["items"] if i["kind"] == "subagent"] == ["done"]


def test_the_interrupt_of_a_sub_agent_travels_whole() -> None:
    fields = {"thread_id": "t", "run_id": "r", "created_at": "now"}
    wire = {
        "id": "i",
        "reason": "tool_call",
        "subagentRunId": "s",
        "metadata": {"lobu": {"parentToolCallIds": ["a", "b"]}},
    }

    interrupt = interrupt_from_event(wire, "here", **fields)

    assert (interrupt.subagent_run_id, interrupt.parent_tool_call_ids) == ("s", ("a", "b"))
    assert interrupt_from_event(event_of_interrupt(interrupt), "here", **fields) == interrupt


@pytest.mark.parametrize(
    ("decision", "ran", "told"),
    [
        ({"kind": "reject", "reason": "not that"}, [], "not that"),
        ({"kind": "edit", "edited_args": {"code": "1 + 1"}}, ["1 + 1"], "2"),
        ({"kind": "respond", "response": "take 41"}, [], "take 41"),
    ],
)
async def test_every_decision_reaches_the_sub_agent(
    decision: dict[str, object], ran: list[str], told: str
) -> None:
    kernel, task = FakeKernel(), task_for(ASKS)
    asked = await run(script(), task, kernel)

    after = await resume(script(), task, asked, kernel, decision)

    assert kernel.ran == ran
    assert told in after.results[asked.interrupts[0].tool_call_id or ""]
    assert told in after.results[asked.interrupts[0].parent_tool_call_ids[0]]


async def test_questions_of_the_parent_and_of_a_sub_agent_are_decided_as_one_batch_and_again() -> None:
    kernel = FakeKernel()
    prompt = 'tool run_code {"code": "1"} && tool delegate {"prompt": "run 2\\nask Sure?\\nrun 3"}'
    task = task_for(prompt)

    first = await run(script(), task, kernel)
    second = await resume(script(), task, first, kernel, "approve", "approve")
    third = await resume(script(), task, second, kernel, {"kind": "answer", "answers": {"q1": "yes"}})
    last = await resume(script(), task, third, kernel, "approve")

    assert [i.args.get("code") for i in first.interrupts] == ["1", "2"]
    assert [i.tool_name for i in second.interrupts] == ["ask_user"]
    assert kernel.ran == ["1", "2", "3"]
    assert last.pause is None
    assert len({i.subagent_run_id for e in (second, third) for i in e.interrupts}) == 1


async def test_a_sub_agent_of_a_sub_agent_asks_too_and_a_third_is_refused() -> None:
    prompt = "delegate:\n    delegate:\n        run 1\n        delegate:\n            say too deep\nsay end"
    kernel, task = FakeKernel(), task_for(prompt)

    asked = await run(script(), task, kernel)
    after = await resume(script(), task, asked, kernel, "approve")

    (interrupt,) = asked.interrupts
    outer, inner = (e["subagentRunId"] for e in asked.events if e["type"] == "SUBAGENT_STARTED")
    assert interrupt.subagent_run_id == inner
    assert len(interrupt.parent_tool_call_ids) == 2
    parents = [e.get("parentSubagentRunId") for e in asked.events if e["type"] == "SUBAGENT_STARTED"]
    assert parents == [None, outer]
    assert kernel.ran == ["1"]
    assert "nested 2 deep" in str(after.results)
    assert "too deep" not in after.text
    assert "end" in after.text


async def test_a_run_has_so_many_sub_agents_also_over_its_pauses() -> None:
    lines = ["delegate:\n    say one more"] * (MAX_CHILDREN - 1)
    task = task_for("\n".join([*lines, "delegate:\n    run 1", "delegate:\n    say one too many"]))

    asked = await run(script(), task, FakeKernel())
    after = await resume(script(), task, asked, FakeKernel(), "approve")

    assert lives(asked).count("STARTED") == MAX_CHILDREN
    assert lives(after).count("STARTED") == 1
    assert f"may have {MAX_CHILDREN} sub-agents" in str(after.results)


@pytest.mark.scenario("P7")
async def test_what_the_parents_policy_denies_its_sub_agent_may_not_do() -> None:
    denies = policy(server={"deny": ("run_code",)}, run={"mode": "allow"})
    kernel = FakeKernel()

    ended = await run(script(), task_for(ASKS, policy=denies), kernel)

    assert kernel.ran == []
    assert "server policy denies run_code" in str(ended.results)
    assert ended.text.endswith("\n") or "The parent is done." in ended.text


@pytest.mark.scenario("P7")
async def test_where_nobody_can_answer_a_sub_agent_asks_nobody() -> None:
    kernel = FakeKernel()

    ended = await run(script(), task_for(ASKS, policy=Policy(answerable=False)), kernel)

    assert ended.pause is None
    assert kernel.ran == []
    assert "nobody can be asked" in str(ended.results)


@pytest.mark.scenario("P7")
async def test_the_rules_of_the_sub_agents_own_agent_hold_too() -> None:
    rules = {"demo": Rules(deny=("list_*",)), "script": Rules(deny=("nothing",))}
    kernel = FakeKernel()
    task = task_for("delegate demo:\n    plot sales", policy=ALLOW, agent_rules=rules)

    ended = await run(registry({})["script"], task, kernel)

    assert "agent policy denies list_*" in str(ended.results)
    assert [layer.name for layer in policy_for(task, "demo").layers] == ["agent", "run"]
    assert policy_for(task, "script") == task.policy


@pytest.mark.scenario("P7")
async def test_a_denial_that_comes_while_a_sub_agent_waits_stands() -> None:
    kernel, task = FakeKernel(), task_for(ASKS)
    asked = await run(script(), task, kernel)
    denied = msgspec.structs.replace(task, policy=policy(server={"deny": ("delegate",)}))

    after = await resume(script(), denied, asked, kernel, "approve")

    assert kernel.ran == []
    assert lives(after) == ["STARTED", "ERROR"]
    assert "server policy denies delegate" in after.results[asked.interrupts[0].tool_call_id or ""]
    assert "The parent is done." in after.text


@pytest.mark.parametrize(
    ("child", "why"),
    [
        ("delegate:\n    say so far\n    fail 500 no luck", "no luck"),
        ("delegate nobody:\n    say x", "There is no agent 'nobody'"),
    ],
)
async def test_a_sub_agent_that_fails_is_a_result_and_the_parent_goes_on(child: str, why: str) -> None:
    ended = await run(script(), task_for(f"{child}\nsay still here"), FakeKernel())

    assert ended.error is None
    assert why in next(iter(ended.results.values()))
    assert "still here" in ended.text
    assert lives(ended) in (["STARTED", "ERROR"], [])


class Careless:
    """Leaves a message and a call open, and then: ends, raises, or says what is no event."""

    name = "careless"
    description = ""

    def __init__(self, then: str) -> None:
        self.then = then

    async def run(self, task: Task, kernel: KernelPort | None) -> AsyncIterator[Event]:
        yield {"type": "TEXT_MESSAGE_CHUNK", "messageId": "m", "delta": "half"}
        yield {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "f"}
        if self.then == "raise":
            raise AgentError("internal", "broken", [{"inputTokens": 3, "outputTokens": 4}])
        if self.then == "nonsense":
            yield {"type": "TEXT_MESSAGE_END", "messageId": "another"}


@pytest.mark.parametrize(("then", "last"), [("end", "FINISHED"), ("raise", "ERROR"), ("nonsense", "ERROR")])
async def test_what_a_careless_sub_agent_leaves_open_is_closed(then: str, last: str) -> None:
    agent = script({"careless": Careless(then)})

    ended = await run(agent, task_for("delegate careless:\n    go\nsay on"), None)

    assert lives(ended) == ["STARTED", last]
    assert "c" in ended.results
    assert "on" in ended.text


async def test_the_usage_of_a_sub_agent_is_the_runs() -> None:
    agent = script({"careless": Careless("raise")})

    ended = await run(agent, task_for("delegate careless:\n    go"), None)

    assert {"inputTokens": 3, "outputTokens": 4} in ended.usage


async def test_the_sub_agents_own_answer_is_the_result_and_lines_with_and_stay_its() -> None:
    prompt = "delegate:\n    run 1 && run 2\n    say last words"
    kernel = FakeKernel()

    ended = await run(script(), task_for(prompt, policy=ALLOW), kernel)

    assert kernel.ran == ["1", "2"]
    assert "last words" in next(
        e["content"] for e in reversed(ended.events) if e["type"] == "TOOL_CALL_RESULT"
    )
