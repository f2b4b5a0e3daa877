"""A rebuild asks once, showing all of the code, and runs it again in order; the first error stops it."""

from __future__ import annotations

from typing import Any

import pytest

from lobu_jupyter.agents.builtin.rebuild import RebuildAgent
from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.registry import registry
from lobu_jupyter.model.events import encode
from lobu_jupyter.model.fold import State, fold
from lobu_jupyter.model.interrupts import APPROVAL_DECISIONS
from lobu_jupyter.model.policy import Grant, Policy
from lobu_jupyter.model.ports import Task
from lobu_jupyter.model.replay import code_that_succeeded, joined, split
from lobu_jupyter.model.runs import Entry
from tests.agents.bench import Ended, FakeKernel, policy, resume, run, task_for

PIECES = ["x = 20", "def double(n):\n    return 2 * n", "from __future__ import annotations\ny = double(x)"]


def rebuilding(*pieces: str, **more: Any) -> Task:
    context = ({"description": "lobu.rebuild", "value": joined(list(pieces))},)
    return task_for("Rebuild.", agent="rebuild", context=context, **more)


def state_of(*runs: Ended) -> State:
    events = [
        event
        for number, ended in enumerate(runs)
        for event in [{"type": "RUN_STARTED", "threadId": "t", "runId": f"r{number}"}, *ended.events]
    ]
    return fold([Entry(seq, encode(event)) for seq, event in enumerate(events, 1)])


async def test_one_approval_shows_the_code_and_it_runs_again_in_order() -> None:
    kernel, task = FakeKernel(), rebuilding(*PIECES)

    asked = await run(RebuildAgent(), task, kernel)
    after = await resume(RebuildAgent(), task, asked, kernel, "approve")

    (interrupt,) = asked.interrupts
    assert kernel.ran == PIECES
    assert interrupt.tool_name == "run_code"
    assert all(piece in interrupt.args["code"] for piece in PIECES)
    assert kernel.names["y"] == 40
    assert after.pause is None
    assert after.text == "All 3 pieces of code ran again."


async def test_the_first_error_stops_it() -> None:
    kernel, task = FakeKernel(), rebuilding("a = 1", "1 / 0", "b = 2")
    asked = await run(RebuildAgent(), task, kernel)

    after = await resume(RebuildAgent(), task, asked, kernel, "approve")

    assert kernel.ran == ["a = 1", "1 / 0"]
    assert after.text == "It stopped at an error in piece 2 of 3; the pieces before it ran."
    assert "ZeroDivisionError" in next(iter(after.results.values()))


async def test_what_runs_is_what_was_edited_and_a_rejection_runs_nothing() -> None:
    kernel, task = FakeKernel(), rebuilding(*PIECES)
    asked = await run(RebuildAgent(), task, kernel)
    edited = {"code": joined(["x = 1", "z = 2"])}

    await resume(RebuildAgent(), task, asked, kernel, {"kind": "edit", "edited_args": edited})
    refused = await resume(RebuildAgent(), task, asked, kernel, "reject")

    assert kernel.ran == ["x = 1", "z = 2"]
    assert "refused" in refused.text


@pytest.mark.parametrize(
    "allowing",
    [
        policy(server={"allow": ("run_code",)}, run={"mode": "allow"}),
        Policy(grants=(Grant(grant_id="g", tool="run_code", scope="thread"),)),
    ],
)
async def test_it_asks_whatever_would_allow_it(allowing: Policy) -> None:
    kernel = FakeKernel()

    asked = await run(RebuildAgent(), rebuilding(*PIECES, policy=allowing), kernel)

    assert kernel.ran == []
    assert asked.interrupts[0].no_grant
    assert set(APPROVAL_DECISIONS) <= set(asked.interrupts[0].decisions)


@pytest.mark.parametrize(
    "forbidding", [policy(server={"deny": ("run_code",)}), policy(answerable=False, run={"mode": "allow"})]
)
async def test_where_it_may_not_run_or_nobody_can_be_asked_nothing_runs(forbidding: Policy) -> None:
    kernel = FakeKernel()

    ended = await run(RebuildAgent(), rebuilding(*PIECES, policy=forbidding), kernel)

    assert ended.pause is None
    assert kernel.ran == []
    assert "was not run" in ended.text


async def test_started_by_hand_it_says_how_it_is_started() -> None:
    ended = await run(registry({})["rebuild"], task_for("go", agent="rebuild"), FakeKernel())

    assert "%lobu rebuild" in ended.text
    assert ended.calls == {}


async def test_only_code_that_ran_without_an_error_is_run_again_in_order_and_as_decided() -> None:
    kernel = FakeKernel()
    allow = policy(run={"mode": "allow"})
    deny = policy(run={"mode": "deny"})
    first = await run(
        script(), task_for("run a = 1\nrun 1 / 0\ndelegate:\n    run b = 2", policy=allow), kernel
    )
    denied = await run(script(), task_for("run c = 3", policy=deny), kernel)
    rebuilt = await run(script(), task_for("run again = 1", policy=allow), kernel)

    state = state_of(first, denied, rebuilt)

    assert code_that_succeeded(state, but_of={"r2"}) == ["a = 1", "b = 2"]


async def test_code_that_ran_with_all_before_it_takes_the_place_of_all_before_it() -> None:
    kernel, allow = FakeKernel(), policy(run={"mode": "allow"})
    first = await run(script(), task_for("run a = 1\nrun b = 2", policy=allow), kernel)
    both = joined(["a = 1", "b = 2", "c = 3"]).replace("\n", "\n    ")
    second = await run(script(), task_for(f"run {both}\nrun d = 4", policy=allow), kernel)

    assert code_that_succeeded(state_of(first, second)) == ["a = 1", "b = 2", "c = 3", "d = 4"]


def test_pieces_survive_being_joined_and_read_as_cells() -> None:
    assert split(joined(PIECES)) == PIECES
    assert joined(PIECES).startswith("# %% [1 of 3]\nx = 20\n")
    assert split("no marks at all") == ["no marks at all"]
    assert split("") == []
