"""Pauses and decisions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from lobu_jupyter.gateway import sweeper as sweeping
from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.clock import FakeClock
from lobu_jupyter.model.errors import (
    AlreadyDecided,
    InterruptClosed,
    InterruptNotFound,
    InvalidField,
    LobuError,
)
from lobu_jupyter.model.requests import RunsQuery
from lobu_jupyter.model.runs import RunStatus, ThreadStatus
from tests.gateway.rig import ME, QUIET, Rig, approve, call, open_rig, paused, reject, result, say, success

WEEK = 7 * 24 * 3600


async def test_a_resume_begins_a_run_whose_first_events_are_the_decisions(rig: Rig) -> None:
    first = await rig.waiting("a", "b", model="m", mode="ask", kernel_id="k1")

    started, new = await rig.gateway.policy.resume(
        ME, first.thread_id, [reject("b", "not that"), approve("a")]
    )

    assert new
    begun, *decided = (await rig.journal(first.thread_id))[started.cursor :]
    assert begun["parentRunId"] == first.run_id
    assert len(begun["input"]["resume"]) == 2
    assert [(e["value"]["toolCallId"], e["value"]["decision"]["kind"]) for e in decided] == [
        ("b", "reject"),
        ("a", "approve"),
    ]
    before, after = await rig.run(first.run_id), await rig.run(started.run_id)
    assert (after.agent, after.model, after.mode, after.kernel_id) == (
        before.agent,
        before.model,
        before.mode,
        before.kernel_id,
    )


@pytest.mark.scenario("A7")
async def test_the_worker_gets_checkpoint_questions_and_decisions_as_they_were_made(rig: Rig) -> None:
    first = await rig.waiting("c")
    await rig.gateway.policy.resume(ME, first.thread_id, [approve("c", editedArgs={"code": "2 + 2"})])

    (item,) = await rig.worker.fetch()

    assert item.task is not None
    resumption = item.task.resumption
    assert resumption is not None
    assert resumption.checkpoint == "the checkpoint"
    assert resumption.interrupts[0].args == {"code": "1 + 1"}
    assert resumption.decisions[0].edited_args == {"code": "2 + 2"}
    assert item.task.messages == ({"id": item.task.messages[0]["id"], "role": "user", "content": "go"},)


@pytest.mark.scenario("A3")
async def test_the_identical_resume_again_is_answered_with_the_same_run(rig: Rig) -> None:
    first = await rig.waiting("a", "b")
    entries = [approve("a"), reject("b")]
    started, _ = await rig.gateway.policy.resume(ME, first.thread_id, entries)
    await rig.worker.fetch()
    await rig.worker.emit(started.run_id, result("a"), result("b"), success())
    before = await rig.journal(first.thread_id)

    again = await rig.gateway.policy.resume(ME, first.thread_id, entries[::-1])

    assert again == (started, False)
    assert await rig.journal(first.thread_id) == before


async def test_a_different_resume_is_told_the_winners_decision(rig: Rig) -> None:
    first = await rig.waiting("c")
    started, _ = await rig.gateway.policy.resume(Person("ada", via="page"), first.thread_id, [approve("c")])

    with pytest.raises(AlreadyDecided) as refused:
        await rig.gateway.policy.resume(ME, first.thread_id, [reject("c")])

    assert refused.value.detail["decision"]["kind"] == "approve"
    assert {k: refused.value.detail[k] for k in ("by", "via", "runId")} == {
        "by": "ada",
        "via": "page",
        "runId": started.run_id,
    }


@pytest.mark.scenario("A2")
async def test_of_twenty_decisions_through_two_servers_one_wins(store: Path) -> None:
    async with open_rig(store) as one, open_rig(store, clock=one.clock) as two:
        first = await one.waiting("c")
        attempts = [[approve("c", editedArgs={"code": str(n)})] for n in range(20)]

        outcomes = await asyncio.gather(
            *(
                (one, two)[n % 2].gateway.policy.resume(ME, first.thread_id, entries)
                for n, entries in enumerate(attempts)
            ),
            return_exceptions=True,
        )

        won = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
        lost = [outcome for outcome in outcomes if isinstance(outcome, AlreadyDecided)]
        assert (len(won), len(lost)) == (1, 19)
        winner = outcomes.index(won[0])
        assert {e.detail["decision"]["editedArgs"]["code"] for e in lost} == {str(winner)}
        runs = await one.gateway.runs.list(ME, RunsQuery(thread_id=first.thread_id))
        assert len(runs) == 2


@pytest.mark.scenario("A4")
async def test_a_batch_is_decided_whole_and_names_what_is_missing(rig: Rig) -> None:
    first = await rig.waiting("a", "b")

    with pytest.raises(InvalidField, match="ask-b"):
        await rig.gateway.policy.resume(ME, first.thread_id, [approve("a")])

    assert len(await rig.gateway.policy.interrupts(ME)) == 2


@pytest.mark.scenario("A5")
@pytest.mark.scenario("A6")
@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"payload": {"approved": True, "editedArgs": None}}, "resume[0].payload.editedArgs"),
        ({"payload": {"approved": True, "editedArgs": []}}, "resume[0].payload.editedArgs"),
        ({"payload": {"approved": True, "editedArgs": {"code": 3}}}, "resume[0].payload.editedArgs.code"),
        ({"payload": {"response": "because"}}, "resume[0].payload"),
        ({"payload": {"answers": {}}}, "resume[0].payload"),
        ({"payload": {"approved": "yes"}}, "resume[0].payload.approved"),
        ({"payload": {"approved": True, "tools": []}}, "resume[0].payload.tools"),
        ({"status": "done"}, "resume[0].status"),
        ({"interruptId": 3}, "resume[0].interruptId"),
    ],
)
async def test_only_what_the_question_offers_is_taken(rig: Rig, entry: dict, field: str) -> None:
    schema = {"type": "object", "properties": {"code": {"type": "string"}}}
    run = await rig.running()
    asked = {"lobu": {"argsSchema": schema}}
    await rig.worker.emit(run.run_id, *call("c"), paused("c", metadata=asked), checkpoint="{}")

    with pytest.raises(InvalidField) as refused:
        await rig.gateway.policy.resume(
            ME, run.thread_id, [{"interruptId": "ask-c", "status": "resolved", **entry}]
        )

    assert refused.value.field == field
    assert (await rig.gateway.threads.get(ME, run.thread_id)).status is ThreadStatus.WAITING


async def test_a_question_of_another_thread_cannot_be_decided_here(rig: Rig) -> None:
    here, there = await rig.waiting("a"), await rig.waiting("b")

    with pytest.raises(InterruptNotFound):
        await rig.gateway.policy.resume(ME, here.thread_id, [approve("a"), approve("b")])
    with pytest.raises(InvalidField, match="decided twice"):
        await rig.gateway.policy.resume(ME, there.thread_id, [approve("b"), approve("b")])
    with pytest.raises(InvalidField):
        await rig.gateway.policy.resume(ME, there.thread_id, [])

    assert len(await rig.gateway.policy.interrupts(ME)) == 2


@pytest.mark.scenario("A12")
async def test_a_late_decision_makes_the_expiry_terminal(rig: Rig) -> None:
    first = await rig.waiting("c")
    rig.clock.advance(WEEK)

    with pytest.raises(InterruptClosed):
        await rig.gateway.policy.resume(ME, first.thread_id, [approve("c")])

    closed = (await rig.journal(first.thread_id))[-1]
    assert closed["name"] == "lobu.closed"
    assert closed["value"]["why"] == "expired"
    assert await rig.rows("SELECT * FROM checkpoints") == []
    with pytest.raises(InterruptClosed):
        await rig.gateway.policy.resume(ME, first.thread_id, [approve("c")])
    await rig.start(first.thread_id)


@pytest.mark.scenario("A13")
@pytest.mark.scenario("A17")
async def test_the_expiry_sweep_leaves_a_question_that_was_asked_after_it_looked(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweeping server's clock runs a second ahead; its write is held until X is decided and Y asked."""
    ahead = FakeClock()
    async with open_rig(store) as rig, open_rig(store, clock=ahead) as sweeper:
        first = await rig.waiting("x")
        rig.clock.advance(WEEK - 1)
        ahead.advance(WEEK)
        write = sweeping._expire

        async def held(ctx, thread_id: str) -> bool:
            started, _ = await rig.gateway.policy.resume(ME, first.thread_id, [approve("x")])
            await rig.worker.fetch()
            await rig.worker.emit(started.run_id, result("x"), *call("y"), paused("y"), checkpoint="second")
            return await write(ctx, thread_id)

        monkeypatch.setattr(sweeping, "_expire", held)
        assert await sweeper.gateway.sweep() == 0
        assert [asked.id for asked in await rig.gateway.policy.interrupts(ME)] == ["ask-y"]

        monkeypatch.undo()
        ahead.advance(WEEK)
        assert await sweeper.gateway.sweep() == 1
        state = await rig.gateway.runs.snapshot(ME, first.thread_id)
        cards = {item["id"]: item["result"] for item in state["items"] if item["kind"] == "tool"}
        assert cards["x"] == "2"
        assert "nobody decided" in cards["y"]


@pytest.mark.scenario("A14")
async def test_an_expiry_is_journaled_once_however_many_servers_sweep(store: Path) -> None:
    async with open_rig(store) as one, open_rig(store, clock=one.clock) as two:
        first = await one.waiting("a", "b")
        one.clock.advance(WEEK)

        await asyncio.gather(*(rig.gateway.sweep() for rig in (one, two) * 5))

        assert (await one.types(first.thread_id)).count("CUSTOM") == 2  # the title, and one lobu.closed
        assert (await one.gateway.threads.get(ME, first.thread_id)).status is ThreadStatus.IDLE


@pytest.mark.scenario("A30")
async def test_a_checkpoint_goes_when_the_run_that_needs_it_has_begun(rig: Rig) -> None:
    first = await rig.waiting("c")
    started, _ = await rig.gateway.policy.resume(ME, first.thread_id, [approve("c")])
    await rig.worker.fetch()
    assert len(await rig.rows("SELECT * FROM checkpoints")) == 1

    await rig.worker.emit(started.run_id, *say("on it"))

    assert await rig.rows("SELECT * FROM checkpoints") == []


@pytest.mark.scenario("A30")
@pytest.mark.scenario("A18")
@pytest.mark.parametrize("how", ["cancel", "delete", "if_waiting", "resume and die"])
async def test_nothing_is_left_of_a_pause_that_is_given_up(rig: Rig, how: str) -> None:
    first = await rig.waiting("c")

    if how == "cancel":
        await rig.gateway.runs.cancel(ME, first.run_id)
    elif how == "delete":
        await rig.gateway.threads.delete(ME, first.thread_id)
    elif how == "if_waiting":
        await rig.start(first.thread_id, if_waiting="cancel")
    else:
        await rig.gateway.policy.resume(ME, first.thread_id, [approve("c")])
        await rig.worker.fetch()
        await rig.gateway.workers.gone(rig.worker.caller.worker_id)

    assert await rig.rows("SELECT * FROM checkpoints") == []
    assert await rig.gateway.policy.interrupts(ME) == []


@pytest.mark.scenario("A18")
async def test_after_a_cancelled_pause_the_next_run_is_clean(rig: Rig) -> None:
    first = await rig.waiting("c")
    await rig.gateway.runs.cancel(ME, first.run_id)
    await rig.gateway.runs.cancel(ME, first.run_id)
    second = await rig.start(first.thread_id, "next")

    (item,) = await rig.worker.fetch()

    assert item.task is not None
    assert item.task.resumption is None
    assert [m["role"] for m in item.task.messages] == ["user", "assistant", "tool", "user"]
    assert "cancelled" in item.task.messages[2]["content"]
    assert [e["name"] for e in await rig.journal(first.thread_id) if e["type"] == "CUSTOM"] == [
        "lobu.title",
        "lobu.closed",
    ]
    assert (await rig.run(second.run_id)).status is RunStatus.RUNNING


@pytest.mark.scenario("A19")
@pytest.mark.parametrize("order", ["cancel first", "resume first"])
async def test_a_cancel_and_a_resume_at_once_have_one_winner(rig: Rig, order: str) -> None:
    first = await rig.waiting("c")
    cancel = rig.gateway.runs.cancel(ME, first.run_id)
    resume = rig.gateway.policy.resume(ME, first.thread_id, [approve("c")])

    both = (cancel, resume) if order == "cancel first" else (resume, cancel)
    outcomes = await asyncio.gather(*both, return_exceptions=True)

    names = [e["name"] for e in await rig.journal(first.thread_id) if e["type"] == "CUSTOM"][1:]
    refused = [outcome for outcome in outcomes if isinstance(outcome, LobuError)]
    if names == ["lobu.closed"]:
        assert [type(error) for error in refused] == [InterruptClosed]
    else:
        assert names == ["lobu.decision"]
        assert refused == []


async def test_queued_runs_wait_for_the_decision_and_for_what_goes_on_with_it(rig: Rig) -> None:
    first = await rig.running()
    queued = await rig.start(first.thread_id, "later", if_running="queue")
    await rig.worker.emit(first.run_id, *call("c"), paused("c"), checkpoint="{}")
    assert (await rig.run(queued.run_id)).status is RunStatus.QUEUED
    started, _ = await rig.gateway.policy.resume(ME, first.thread_id, [approve("c")])
    await rig.worker.fetch()

    await rig.worker.emit(started.run_id, result("c"), success())

    assert (await rig.run(queued.run_id)).status is RunStatus.RUNNING


@pytest.mark.scenario("A33")
async def test_a_pause_survives_a_restart_of_server_and_kernel_and_says_so(store: Path) -> None:
    async with open_rig(store) as rig:
        first = await rig.waiting("c", kernel_id="k1")
    async with open_rig(store) as rig:
        await rig.gateway.recover()
        await rig.gateway.kernels.event("k1", "restarted")

        (asked,) = await rig.gateway.policy.interrupts(ME)
        assert asked.kernel_lost
        state = await rig.gateway.runs.snapshot(ME, first.thread_id)
        assert state["interrupts"][0]["kernelLost"]
        _, new = await rig.gateway.policy.resume(ME, first.thread_id, [approve("c")])
        assert new
        (item,) = await rig.worker.fetch()
        assert item.task is not None
        assert item.task.resumption is not None
        assert item.task.resumption.interrupts[0].kernel_lost


async def test_questions_that_never_expire_stay(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, interrupt_seconds=None)) as rig:
        await rig.waiting("c")
        rig.clock.advance(100 * WEEK)

        assert await rig.gateway.sweep() == 0
        assert len(await rig.gateway.policy.interrupts(ME)) == 1
