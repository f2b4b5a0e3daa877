"""What any worker may do to its journal, and cannot: steps, results after a restart, ends, readers, usage."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lobu_jupyter.model.errors import InvalidField, RunEnded, StoreUnavailable
from lobu_jupyter.model.events import decode
from lobu_jupyter.model.requests import StartRun, ThreadPatch

from .rig import ME, Rig, Worker, approve, batch, call, failed, open_rig, paused, result, say, success


@pytest.mark.scenario("H8")
async def test_a_step_boundary_within_a_message_neither_forks_nor_doubles_it(rig: Rig) -> None:
    started = await rig.running()
    first, middle, last = say("one ")
    begin, end = ({"type": f"STEP_{kind}", "stepName": "s"} for kind in ("STARTED", "FINISHED"))

    await rig.worker.emit(started.run_id, begin, first, middle)
    await rig.worker.emit(started.run_id, end, {**begin, "stepName": "t"}, {**middle, "delta": "two"})
    await rig.worker.emit(started.run_id, last, {**end, "stepName": "t"}, success())

    state = await rig.gateway.runs.snapshot(ME, started.thread_id)
    told = [item["content"] for item in state["items"] if item["kind"] == "message"]
    assert told == ["go", "one two"]


@pytest.mark.scenario("H10")
async def test_a_result_finds_its_call_after_the_server_was_restarted(store: Path) -> None:
    async with open_rig(store) as rig:
        outside = await Worker.register(rig.gateway, child=False, agents=("outside",))
        started = await rig.start(await rig.thread(), agent="outside")
        await outside.fetch()
        await outside.emit(started.run_id, *call("c"))
        clock = rig.clock
    async with open_rig(store, clock=clock) as rig:
        caller = outside.caller

        await rig.gateway.workers.ingest(
            caller, batch(started.run_id, caller.incarnation, 2, result("c", "42"), success())
        )

        state = await rig.gateway.runs.snapshot(ME, started.thread_id)
        (card,) = [item for item in state["items"] if item["kind"] == "tool"]
        assert (card["status"], card["result"]) == ("done", "42")


async def test_a_run_for_an_outside_agent_waits_until_its_worker_has_come_over_to_the_new_server(
    store: Path,
) -> None:
    async with open_rig(store) as rig:
        outside = await Worker.register(rig.gateway, child=False, agents=("outside",))
        clock = rig.clock
    async with open_rig(store, clock=clock) as rig:
        outside.gateway = rig.gateway
        started = await rig.start(await rig.thread(), agent="outside")

        child_got = await rig.worker.fetch()
        (item,) = await outside.fetch()

        assert child_got == []
        assert item.run_id == started.run_id


@pytest.mark.scenario("H12")
async def test_watching_settles_nothing(rig: Rig) -> None:
    running, waiting = await rig.running(), await rig.waiting("c")
    runs = "SELECT * FROM runs"
    before = await rig.rows(runs), await rig.rows("SELECT * FROM interrupts")

    for thread_id, run_id in ((running.thread_id, running.run_id), (waiting.thread_id, waiting.run_id)):
        pages = rig.gateway.runs.follow(ME, thread_id, 0, run_id=run_id)
        await anext(pages)
        await pages.aclose()
        await rig.gateway.runs.snapshot(ME, thread_id)
        await rig.gateway.runs.export(ME, thread_id)
    rig.clock.advance(10)
    await rig.gateway.policy.interrupts(ME)
    await rig.gateway.health()

    assert (await rig.rows(runs), await rig.rows("SELECT * FROM interrupts")) == before


@pytest.mark.scenario("H13")
async def test_an_end_without_any_event_before_it_is_one_end(rig: Rig) -> None:
    started = await rig.running()

    await rig.worker.emit(started.run_id, success())

    types = await rig.types(started.thread_id)
    assert types[-2:] == ["RUN_STARTED", "RUN_FINISHED"]


@pytest.mark.scenario("H13")
async def test_a_later_end_never_replaces_a_richer_error(rig: Rig) -> None:
    started = await rig.running()
    await rig.worker.emit(started.run_id, failed("provider_error", "429: the quota of project x is used up"))

    with pytest.raises(RunEnded):
        await rig.worker.emit(started.run_id, failed("internal", "it ended"))
    await rig.gateway.workers.gone(rig.worker.caller.worker_id, exit_code=1)
    rig.clock.advance(3600)
    await rig.gateway.sweep()

    run = await rig.run(started.run_id)
    assert run.error is not None
    assert run.error.message == "429: the quota of project x is used up"
    assert (await rig.types(started.thread_id)).count("RUN_ERROR") == 1


@pytest.mark.scenario("S10")
async def test_a_swept_run_tells_those_who_read_it_and_its_worker(rig: Rig) -> None:
    started = await rig.running()

    async def read() -> list[str]:
        pages = rig.gateway.runs.follow(ME, started.thread_id, 0, run_id=started.run_id)
        return [decode(entry.body)["type"] async for page in pages for entry in page]

    readers = [asyncio.create_task(read()) for _ in range(3)]
    await rig.worker.emit(started.run_id, *say("so far")[:2])
    rig.clock.advance(31)
    await rig.gateway.sweep()
    told = await asyncio.wait_for(asyncio.gather(*readers), 30)

    assert [types.count("RUN_ERROR") for types in told] == [1, 1, 1]
    assert [(item.kind, item.run_id) for item in await rig.worker.fetch()] == [("cancel", started.run_id)]


@pytest.mark.scenario("E23")
async def test_the_usage_of_twenty_runs_at_once_with_pauses_adds_up_exactly(rig: Rig) -> None:
    async def one(number: int) -> None:
        thread_id = await rig.thread()
        client = f"request {number}"
        started = await rig.gateway.runs.start(ME, thread_id, StartRun(prompt="go", client_request_id=client))
        usage = [{"inputTokens": number, "outputTokens": 1}]
        name = f"c{number}"
        await rig.worker.emit(started.run_id, *call(name), {**paused(name), "usage": usage}, checkpoint="{}")
        resumed, _ = await rig.gateway.policy.resume(ME, thread_id, [approve(name)])
        await rig.worker.emit(resumed.run_id, result(name), success(usage=[*usage, {"inputTokens": 100}]))
        assert (await rig.gateway.runs.snapshot(ME, thread_id))["usage"]["inputTokens"] == 2 * number + 100

    for wave in (range(10), range(10, 20)):
        await asyncio.gather(*(one(number) for number in wave))

    runs = await rig.gateway.runs.list(ME)
    assert sum(run.usage["inputTokens"] for run in runs) == 2 * sum(range(20)) + 20 * 100
    assert sum(run.usage["outputTokens"] for run in runs) == 40


@pytest.mark.scenario("A21")
async def test_a_resumed_run_is_the_agent_that_asked_whatever_the_entry_says(rig: Rig) -> None:
    first = await rig.waiting("c", model="demo:one", mode="ask", context=[{"description": "d", "value": "v"}])
    crafted = {**approve("c"), "model": "other:model", "agent": "script", "tools": [{"name": "rm"}]}
    smuggled = approve("c", model="other:model")

    with pytest.raises(InvalidField) as refused:
        await rig.gateway.policy.resume(ME, first.thread_id, [smuggled])
    await rig.gateway.policy.resume(ME, first.thread_id, [crafted])

    assert refused.value.field == "resume[0].payload.model"
    (item,) = await rig.worker.fetch()
    assert item.task is not None
    assert (item.task.agent, item.task.model) == ("demo", "demo:one")
    assert item.task.policy.layers[-1].rules.mode == "ask"
    assert [part["value"] for part in item.task.context] == ["v"]
    (started,) = [e for e in await rig.journal(first.thread_id) if e.get("runId") == item.run_id][:1]
    assert "other:model" not in str(started)


@pytest.mark.scenario("W3")
async def test_an_extension_that_the_store_refuses_is_not_the_end_of_the_run(rig: Rig) -> None:
    started = await rig.running()
    rig.clock.advance(20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rig.database, "write", _refuse)
        with pytest.raises(StoreUnavailable):
            await rig.gateway.workers.heartbeat(rig.worker.caller)
    await rig.gateway.workers.heartbeat(rig.worker.caller)
    rig.clock.advance(20)

    await rig.gateway.sweep()

    await rig.worker.emit(started.run_id, *say("slow, and alive"), success())
    assert (await rig.run(started.run_id)).status.value == "succeeded"


async def _refuse(body: object) -> None:
    raise StoreUnavailable


@pytest.mark.scenario("E21")
@pytest.mark.scenario("A26")
async def test_a_call_is_one_card_across_pause_resume_and_restart_and_later_text_follows_it(
    store: Path,
) -> None:
    async with open_rig(store) as rig:
        waiting = await rig.waiting("c")
        clock = rig.clock
    async with open_rig(store, clock=clock) as rig:
        resumed, _ = await rig.gateway.policy.resume(ME, waiting.thread_id, [approve("c")])
        await rig.worker.fetch()
        await rig.worker.emit(resumed.run_id, result("c", "42"), *say("it is 42", "later"), success())
    async with open_rig(store, clock=clock) as rig:
        state = await rig.gateway.runs.snapshot(ME, waiting.thread_id)

    kinds = [item["kind"] for item in state["items"]]
    (card,) = [item for item in state["items"] if item["kind"] == "tool"]
    assert (card["status"], card["result"], card["decision"]["decision"]["kind"]) == ("done", "42", "approve")
    assert kinds.index("tool") < len(kinds) - 1
    assert state["items"][-1]["content"] == "it is 42"


@pytest.mark.scenario("E22")
async def test_a_title_survives_cancel_and_restart(store: Path) -> None:
    async with open_rig(store) as rig:
        by_prompt, by_hand = await rig.running(prompt="Plot the sales"), await rig.running(prompt="x")
        await rig.gateway.threads.patch(ME, by_hand.thread_id, ThreadPatch(title="Margins"))
        for started in (by_prompt, by_hand):
            await rig.gateway.runs.cancel(ME, started.run_id)
        clock = rig.clock
    async with open_rig(store, clock=clock) as rig:
        for started, title in ((by_prompt, "Plot the sales"), (by_hand, "Margins")):
            assert (await rig.gateway.threads.get(ME, started.thread_id)).title == title
            assert (await rig.gateway.runs.snapshot(ME, started.thread_id))["title"] == title
