"""Policy, pause and resume are one code path for every agent: tried here with the script agent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.interrupts import decide
from lobu_jupyter.model.policy import Grant, Policy
from lobu_jupyter.model.ports import Executed, KernelGone, ToolSpec
from tests.agents.bench import FakeKernel, Taker, policy, registered, resume, run, said, task_for

DOUBLE = ToolSpec(
    name="double",
    description="Doubles.",
    parameters={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
)


# -- policy ---------------------------------------------------------------------------------------


@pytest.mark.scenario("P2")
@pytest.mark.parametrize(("mode", "ran", "asked"), [("allow", 1, 0), ("ask", 0, 1), ("deny", 0, 0)])
async def test_the_mode_decides_for_tools_that_no_rule_names(mode: str, ran: int, asked: int) -> None:
    kernel = FakeKernel()

    ended = await run(script(), task_for("run 1", policy=policy(run={"mode": mode})), kernel)

    assert len(kernel.ran) == ran
    assert len(ended.interrupts if ended.pause else []) == asked


@pytest.mark.scenario("P3")
async def test_a_deny_beats_an_ask_which_beats_an_allow_which_beats_the_mode() -> None:
    rules = {"mode": "allow", "allow": ("run_*", "double"), "ask": ("run_*", "double"), "deny": ("double",)}
    task = task_for('tool double {"n": 1} && run 1', policy=policy(run=rules), kernel=registered(DOUBLE))
    kernel = FakeKernel()

    ended = await run(script(), task, kernel)

    assert kernel.ran == kernel.called == []
    assert [i.tool_name for i in ended.interrupts] == ["run_code"]
    (refused,) = ended.results.values()
    assert "double was not run: run policy denies double" in refused


@pytest.mark.scenario("P4")
async def test_a_glob_matches_whole_names_only() -> None:
    task = task_for("run 1", policy=policy(run={"mode": "allow", "deny": ("un_*", "run", "*_cod")}))
    kernel = FakeKernel()

    await run(script(), task, kernel)

    assert kernel.ran == ["1"]


@pytest.mark.scenario("P5")
async def test_a_lower_layer_only_tightens_and_a_grant_answers_an_ask() -> None:
    asks = policy(server={"ask": ("run_code",)}, notebook={"allow": ("run_code",)}, run={"mode": "allow"})
    grant = Grant(grant_id="g", tool="run_code", scope="thread", by="me")
    guarded = policy(server={"no_grant": ("run_code",)})
    kernel = FakeKernel()

    asked = await run(script(), task_for("run 1", policy=asks), kernel)
    granted = await run(
        script(), task_for("run 2", policy=Policy(layers=asks.layers, grants=(grant,))), kernel
    )
    firm = await run(
        script(), task_for("run 3", policy=Policy(layers=guarded.layers, grants=(grant,))), kernel
    )

    assert not asked.interrupts[0].no_grant
    assert granted.pause is None
    assert [value["grantId"] for value in granted.customs("lobu.granted")] == ["g"]
    assert firm.interrupts[0].no_grant
    assert kernel.ran == ["2"]


@pytest.mark.scenario("P6")
@pytest.mark.parametrize("line", ["run 1", "ask Which?", "write a.txt b"])
async def test_where_nobody_can_answer_an_ask_is_refused_and_the_run_goes_on(
    line: str, tmp_path: Path
) -> None:
    kernel = FakeKernel()
    task = task_for(f"{line}\nsay on", policy=Policy(answerable=False), root=str(tmp_path))

    ended = await run(script(), task, kernel)

    assert ended.pause is None
    assert "obody can" in next(iter(ended.results.values()))
    assert ended.text.startswith("on\n")
    assert kernel.ran == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.scenario("P9")
async def test_respond_is_offered_only_where_the_tool_allows_it(tmp_path: Path) -> None:
    task = task_for("run 1 && write a.txt b", root=str(tmp_path))
    ended = await run(script(), task, FakeKernel())

    code, file = ended.interrupts

    assert "respond" in code.decisions
    assert "respond" not in file.decisions
    with pytest.raises(InvalidField):
        decide({"status": "resolved", "payload": {"response": "x"}}, file, "resume[0]")


# -- decisions ------------------------------------------------------------------------------------


@pytest.mark.scenario("A8")
@pytest.mark.parametrize(
    ("decision", "ran", "told"),
    [
        ("approve", ["6 * 7"], "42"),
        ({"kind": "edit", "edited_args": {"code": "6 * 8"}}, ["6 * 8"], '{"code":"6 * 8"}'),
        ({"kind": "reject", "reason": "too early"}, [], "too early"),
        ({"kind": "respond", "response": "it is 42"}, [], "it is 42"),
    ],
)
async def test_the_model_hears_what_was_decided(decision: Any, ran: list[str], told: str) -> None:
    kernel, task = FakeKernel(), task_for("run 6 * 7\nsay after")
    first = await run(script(), task, kernel)

    after = await resume(script(), task, first, kernel, decision)

    assert kernel.ran == ran
    assert told in after.results[first.interrupts[0].tool_call_id or ""]
    assert told in after.text.partition("Done.")[2]
    assert "TOOL_CALL_START" not in after.types


@pytest.mark.scenario("A7")
async def test_an_edit_runs_the_edited_arguments_and_says_so() -> None:
    kernel, task = FakeKernel(), task_for("run x = 1\nrun x")
    first = await run(script(), task, kernel)

    second = await resume(script(), task, first, kernel, {"kind": "edit", "edited_args": {"code": "x = 2"}})
    third = await resume(script(), task, second, kernel, "approve")

    assert kernel.ran == ["x = 2", "x"]
    assert "The person changed the arguments" in second.results[first.interrupts[0].tool_call_id or ""]
    assert third.results[second.interrupts[0].tool_call_id or ""] == "2"


@pytest.mark.scenario("A7")
async def test_a_denial_that_came_after_the_question_stands() -> None:
    kernel, task = FakeKernel(), task_for("run 1")
    first = await run(script(), task, kernel)
    denied = task_for("", policy=policy(server={"deny": ("run_code",)}))

    after = await resume(script(), denied, first, kernel, "approve")

    assert kernel.ran == []
    assert "server policy denies" in next(iter(after.results.values()))


@pytest.mark.scenario("A9")
async def test_a_sibling_that_needed_no_approval_runs_once_before_the_pause() -> None:
    free = ToolSpec(name="free", approval=False)
    kernel, task = FakeKernel(), task_for("run 1 && tool free {} && run 2", kernel=registered(free))

    first = await run(script(), task, kernel)
    after = await resume(script(), task, first, kernel, "approve", "approve")

    assert kernel.called == [("free", {})]
    assert kernel.ran == ["1", "2"]
    assert [first.calls[call] for call in first.results] == ["free"]
    assert set(after.results) == {i.tool_call_id for i in first.interrupts}


@pytest.mark.scenario("A10")
async def test_questions_reach_the_person_and_answers_the_model() -> None:
    questions = [
        {"id": "size", "question": "Which size?", "options": ["s", "l"], "freeText": False},
        {"question": "Which colours?", "options": ["red", "blue"], "multiple": True},
        {"question": "Anything else?"},
    ]
    task = task_for(f"tool ask_user {__import__('json').dumps({'questions': questions})}")
    ended = await run(script(), task)
    (asked,) = ended.interrupts

    answers = {"size": "l", "q2": ["red", "blue"], "q3": "no"}
    decide({"status": "resolved", "payload": {"answers": answers}}, asked, "resume[0]")
    after = await resume(script(), task, ended, None, {"kind": "answer", "answers": answers})

    assert [q["id"] for q in asked.questions] == ["size", "q2", "q3"]
    assert asked.decisions == ("answer", "reject")
    assert asked.message.startswith("Which size?\nWhich colours?")
    assert '"q2":["red","blue"]' in next(iter(after.results.values()))
    for wrong in ({**answers, "size": "xl"}, {**answers, "q4": "?"}, {**answers, "q3": " "}):
        with pytest.raises(InvalidField):
            decide({"status": "resolved", "payload": {"answers": wrong}}, asked, "resume[0]")


@pytest.mark.scenario("A10")
async def test_no_answer_is_told_to_the_model() -> None:
    task = task_for("ask Which?")
    ended = await run(script(), task)

    after = await resume(script(), task, ended, None, {"kind": "reject", "reason": "you choose"})

    assert "did not answer" in next(iter(after.results.values()))
    assert "you choose" in next(iter(after.results.values()))


async def test_five_questions_or_equal_ids_go_back_to_the_model() -> None:
    many = {"questions": [{"question": "?"}] * 5}
    same = {"questions": [{"id": "a", "question": "?"}, {"id": "a", "question": "?"}]}
    dumps = __import__("json").dumps

    ended = await run(script(), task_for(f"tool ask_user {dumps(many)}\ntool ask_user {dumps(same)}"))

    first, second = ended.results.values()
    assert "do not fit" in first
    assert "same id" in second


# -- tools ----------------------------------------------------------------------------------------


async def test_arguments_that_do_not_fit_are_told_and_nothing_runs() -> None:
    kernel, task = FakeKernel(), task_for('tool double {"n": "two"}\nsay on', kernel=registered(DOUBLE))

    ended = await run(script(), task, kernel)

    assert kernel.called == []
    assert "n: 'two' is not of type 'integer'" in next(iter(ended.results.values()))
    assert ended.text.startswith("on")


async def test_an_unknown_tool_is_an_answer_too() -> None:
    ended = await run(script(), task_for("tool nothing {}\nsay on"), FakeKernel())

    assert "nothing" in next(iter(ended.results.values()))
    assert ended.text.startswith("on")


async def test_a_registered_function_asks_unless_it_was_registered_otherwise() -> None:
    free = ToolSpec(name="free", approval=False)
    task = task_for('tool free {}\ntool double {"n": 2}', kernel=registered(DOUBLE, free))
    kernel = FakeKernel()

    ended = await run(script(), task, kernel)

    assert kernel.called == [("free", {})]
    assert ended.interrupts[0].tool_name == "double"
    assert ended.interrupts[0].args_schema == DOUBLE.parameters


async def test_without_a_kernel_nobody_is_asked_and_the_model_is_told() -> None:
    ended = await run(script(), task_for("run 1", kernel=None), None)

    assert ended.pause is None
    assert "No kernel is running" in next(iter(ended.results.values()))


# -- the run --------------------------------------------------------------------------------------


async def test_standing_instructions_are_read_and_announced_once(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("Be brief. " * 10_000)
    task = task_for("run 1", root=str(tmp_path))

    ended = await run(script(), task, FakeKernel())
    after = await resume(script(), task, ended, FakeKernel(), "approve")

    (said,) = ended.customs("lobu.instructions")
    assert said["path"] == "AGENTS.md"
    assert said["bytes"] <= 32 * 1024
    assert after.customs("lobu.instructions") == []


class SlowKernel(FakeKernel):
    """Says what it waits for, prints, and then runs until it is interrupted."""

    def __init__(self) -> None:
        super().__init__()
        self.interrupted = False

    async def run_code(
        self, code: str, on_output: Taker, on_waiting: Taker, *, as_cell: bool = False
    ) -> Executed:
        await on_waiting("waiting for your cell")
        await on_waiting("")
        await on_output({"output_type": "stream", "name": "stdout", "text": "begun\n"})
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.interrupted = True
            raise
        raise AssertionError


async def test_what_a_tool_shows_is_streamed_while_it_runs_and_closing_the_run_cancels_it() -> None:
    kernel = SlowKernel()
    events = said(script(), task_for("run 1", policy=policy(run={"mode": "allow"})), kernel)

    seen = []
    async for event in events:
        seen.append(event)
        if event.get("name") == "lobu.output":
            break
    await events.aclose()  # pyright: ignore[reportAttributeAccessIssue]

    notes = [e["value"]["text"] for e in seen if e.get("name") == "lobu.note"]
    assert notes == ["waiting for your cell", ""]
    assert kernel.interrupted


async def test_cancelling_the_task_that_reads_the_run_cancels_its_call() -> None:
    kernel, begun = SlowKernel(), asyncio.Event()

    async def read() -> None:
        async for event in said(script(), task_for("run 1", policy=policy(run={"mode": "allow"})), kernel):
            if event.get("name") == "lobu.output":
                begun.set()

    reading = asyncio.create_task(read())
    await asyncio.wait_for(begun.wait(), 60)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert kernel.interrupted
    assert not [t for t in asyncio.all_tasks() if t.get_name().startswith("agent ")]


async def test_a_dead_kernel_is_told_to_the_host_as_it_is() -> None:
    class DeadKernel(FakeKernel):
        async def run_code(
            self, code: str, on_output: Taker, on_waiting: Taker, *, as_cell: bool = False
        ) -> Executed:
            raise KernelGone("gone")

    with pytest.raises(KernelGone):
        await run(script(), task_for("run 1", policy=policy(run={"mode": "allow"})), DeadKernel())


async def test_a_damaged_checkpoint_is_a_clear_error() -> None:
    task = task_for("run 1")
    ended = await run(script(), task, FakeKernel())
    assert ended.pause is not None
    ended.pause.checkpoint = '{"v": 0}'

    after = await resume(script(), task, ended, FakeKernel(), "approve")

    assert after.error is not None
    assert "Start it again" in after.error.message
