"""A pause that waits in a worker's memory ends with what holds it, at once; all others outlive everything."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.gateway.servers import Process
from lobu_jupyter.model.errors import InterruptClosed, RunNotFound
from lobu_jupyter.model.requests import RunsQuery
from lobu_jupyter.model.runs import Started
from tests.gateway.rig import ME, Rig, Worker, approve, call, fall_silent, open_rig, paused, result, success

IN_MEMORY: dict[str, Any] = {"metadata": {"lobu": {"inMemory": True}}}


async def wait_in_memory(rig: Rig, **more: Any) -> Started:
    started = await rig.running()
    await rig.worker.emit(
        started.run_id, *call("c", "robot__edit"), paused("c", **IN_MEMORY, **more), checkpoint="{}"
    )
    return started


async def error_of(rig: Rig, thread_id: str) -> dict[str, Any]:
    """The one error of a thread that now waits for nobody."""
    (error,) = [event for event in await rig.journal(thread_id) if event["type"] == "RUN_ERROR"]
    state = await rig.gateway.runs.snapshot(ME, thread_id)
    (card,) = [item for item in state["items"] if item["kind"] == "tool"]
    assert (state["status"], state["interrupts"], card["status"]) == ("idle", [], "done")
    assert "Not run" in card["result"]
    assert await rig.gateway.policy.interrupts(ME) == []
    return error


async def test_it_says_so_beforehand(rig: Rig) -> None:
    started = await wait_in_memory(rig)

    (interrupt,) = await rig.gateway.policy.interrupts(ME)
    end = (await rig.journal(started.thread_id))[-1]

    assert interrupt.in_memory
    assert end["outcome"]["interrupts"][0]["metadata"]["lobu"]["inMemory"] is True


async def test_it_ends_with_its_worker_in_one_error_that_says_what_to_do(rig: Rig) -> None:
    started = await wait_in_memory(rig)

    await rig.gateway.workers.gone(rig.worker.caller.worker_id, exit_code=-9)

    error = await error_of(rig, started.thread_id)
    runs = await rig.gateway.runs.list(ME, RunsQuery(thread_id=started.thread_id))
    assert (error["code"], "Ask again" in error["message"]) == ("worker_died", True)
    assert [(run.status, run.parent_run_id) for run in runs] == [
        ("failed", started.run_id),
        ("interrupted", None),
    ]
    with pytest.raises(InterruptClosed):
        await rig.gateway.policy.resume(ME, started.thread_id, [approve("c")])


async def test_it_ends_when_its_worker_says_that_its_process_has_ended(rig: Rig) -> None:
    started = await wait_in_memory(rig)

    for _ in range(2):
        await rig.gateway.workers.withdraw(rig.worker.caller, started.run_id, "It ended (exit code 7).")

    assert "exit code 7" in (await error_of(rig, started.thread_id))["message"]


async def test_a_worker_withdraws_its_own_pauses_only(rig: Rig) -> None:
    started = await wait_in_memory(rig)
    other = await Worker.register(rig.gateway)

    with pytest.raises(RunNotFound):
        await rig.gateway.workers.withdraw(other.caller, started.run_id, "")

    assert len(await rig.gateway.policy.interrupts(ME)) == 1


async def test_one_that_was_decided_first_is_left_to_the_run_that_goes_on(rig: Rig) -> None:
    started = await wait_in_memory(rig)
    resumed, _ = await rig.gateway.policy.resume(ME, started.thread_id, [approve("c")])

    await rig.gateway.workers.withdraw(rig.worker.caller, started.run_id, "gone")
    await rig.worker.fetch()
    await rig.worker.emit(resumed.run_id, result("c"), success())

    assert "RUN_ERROR" not in await rig.types(started.thread_id)


async def test_one_that_is_data_outlives_its_worker(rig: Rig) -> None:
    started = await rig.waiting("c")

    await rig.gateway.workers.withdraw(rig.worker.caller, started.run_id, "gone")
    await rig.gateway.workers.gone(rig.worker.caller.worker_id, exit_code=-9)
    await rig.gateway.sweep()

    assert len(await rig.gateway.policy.interrupts(ME)) == 1


@pytest.mark.parametrize("crashed", [False, True])
async def test_it_ends_with_its_server(store: Path, crashed: bool) -> None:
    dead = Process(platform.node(), 2**22 + 1, 0.0)
    async with open_rig(store, process=dead) as rig:
        started = await wait_in_memory(rig)
        clock = rig.clock
        await rig.gateway.close(end_runs=not crashed)
    async with open_rig(store, clock=clock) as rig:
        await fall_silent(rig)
        await rig.gateway.recover()

        assert (await error_of(rig, started.thread_id))["code"] == "worker_died"


async def test_it_ends_when_an_outside_worker_falls_silent(rig: Rig) -> None:
    outside = await Worker.register(rig.gateway, child=False, agents=("outside",))
    started = await rig.start(await rig.thread(), agent="outside")
    await outside.fetch()
    await outside.emit(started.run_id, *call("c"), paused("c", **IN_MEMORY), checkpoint="{}")
    await rig.gateway.sweep()
    assert len(await rig.gateway.policy.interrupts(ME)) == 1

    rig.clock.advance(3600)
    await rig.gateway.sweep()

    assert (await error_of(rig, started.thread_id))["code"] == "worker_died"


async def test_what_is_queued_behind_it_begins(rig: Rig) -> None:
    started = await rig.running()
    queued = await rig.start(started.thread_id, if_running="queue")
    await rig.worker.emit(started.run_id, *call("c"), paused("c", **IN_MEMORY), checkpoint="{}")

    await rig.gateway.workers.withdraw(rig.worker.caller, started.run_id, "")

    assert (await rig.run(queued.run_id)).status == "running"


async def test_its_worker_is_told_when_nobody_will_answer_any_more(rig: Rig) -> None:
    cancelled = await wait_in_memory(rig)
    expiring = await wait_in_memory(rig, expiresAt="2000-01-01T00:00:00Z")
    await rig.worker.fetch()

    await rig.gateway.runs.cancel(ME, cancelled.run_id)
    await rig.gateway.sweep()

    told = {(item.kind, item.run_id) for item in await rig.worker.fetch()}
    assert told == {("cancel", cancelled.run_id), ("cancel", expiring.run_id)}


async def test_a_worker_that_holds_one_is_counted_so_that_it_is_not_stopped(rig: Rig) -> None:
    await rig.waiting("c")
    before = await rig.gateway.workers.held_in_memory()

    started = await wait_in_memory(rig)
    during = await rig.gateway.workers.held_in_memory()
    await rig.gateway.workers.withdraw(rig.worker.caller, started.run_id, "")

    assert (before, during, await rig.gateway.workers.held_in_memory()) == (0, 1, 0)
