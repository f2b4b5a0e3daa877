"""Ends: cancel, kernel, worker, silence, restart; one each, whatever happens at once."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from lobu_jupyter.gateway.servers import Process
from lobu_jupyter.model.callers import WorkerCaller
from lobu_jupyter.model.errors import LobuError, RunEnded, StaleIncarnation
from lobu_jupyter.model.requests import RunsQuery
from lobu_jupyter.model.runs import RunStatus, ThreadStatus
from tests.gateway.rig import (
    ME,
    Rig,
    Worker,
    approve,
    call,
    failed,
    fall_silent,
    open_rig,
    paused,
    result,
    say,
    success,
)
from tests.peek import does

ENDS = ("RUN_FINISHED", "RUN_ERROR")


@pytest.mark.scenario("S6")
async def test_a_cancel_keeps_the_partial_closes_what_is_open_and_tells_the_worker(rig: Rig) -> None:
    run = await rig.running()
    await rig.worker.emit(
        run.run_id, {"type": "STEP_STARTED", "stepName": "s"}, *call("c"), *say("par", "m1")[:2]
    )

    ended = await rig.gateway.runs.cancel(ME, run.run_id)
    again = await rig.gateway.runs.cancel(ME, run.run_id)

    assert ended == again
    assert ended.status is RunStatus.CANCELLED
    assert (await rig.types(run.thread_id))[-4:] == [
        "TEXT_MESSAGE_END",
        "STEP_FINISHED",
        "TOOL_CALL_RESULT",
        "RUN_FINISHED",
    ]
    assert [(i.kind, i.run_id, i.reason) for i in await rig.worker.fetch()] == [
        ("cancel", run.run_id, "cancelled")
    ]
    with pytest.raises(RunEnded):
        await rig.worker.emit(run.run_id, *say("tial", "m2"))


@pytest.mark.scenario("S7")
async def test_a_cancel_before_any_content_leaves_one_end_and_no_message(rig: Rig) -> None:
    run = await rig.start(await rig.thread())

    await rig.gateway.runs.cancel(ME, run.run_id)

    assert (await rig.types(run.thread_id)) == ["CUSTOM", "RUN_STARTED", "RUN_FINISHED"]


@pytest.mark.scenario("S7")
async def test_a_worker_is_never_given_a_run_that_ended_before_it_looked(rig: Rig) -> None:
    run = await rig.start(await rig.thread())
    await rig.gateway.runs.cancel(ME, run.run_id)

    items = await rig.worker.fetch()

    assert [item.kind for item in items] == ["cancel"]


@pytest.mark.scenario("S5")
async def test_a_run_that_failed_before_anyone_attached_tells_its_error(rig: Rig) -> None:
    run = await rig.running()
    await rig.worker.emit(run.run_id, failed())

    pages = rig.gateway.runs.follow(ME, run.thread_id, run_id=run.run_id)
    events = [entry async for page in pages for entry in page]

    assert [b"RUN_ERROR" in e.body for e in events] == [False, True]
    ended = await rig.run(run.run_id)
    assert ended.error is not None
    assert (ended.error.code, ended.error.message) == ("provider_error", "429")
    assert (await rig.gateway.threads.get(ME, run.thread_id)).status is ThreadStatus.IDLE


@pytest.mark.scenario("S9")
async def test_a_slow_streamer_lives_and_a_silent_worker_is_given_up_once(rig: Rig) -> None:
    run = await rig.running()
    for number in range(5):
        rig.clock.advance(25)
        await rig.worker.emit(run.run_id, *say("…", f"m{number}"))
        await rig.gateway.sweep()
    assert (await rig.run(run.run_id)).status is RunStatus.RUNNING

    rig.clock.advance(31)
    await rig.gateway.sweep()
    await rig.gateway.sweep()

    ended = await rig.run(run.run_id)
    assert ended.error is not None
    assert ended.error.code == "worker_lost"
    assert Counter(await rig.types(run.thread_id))["RUN_ERROR"] == 1


@pytest.mark.scenario("S9")
async def test_a_thread_that_waits_on_a_person_is_not_swept(rig: Rig) -> None:
    first = await rig.waiting("c")
    rig.clock.advance(24 * 3600)

    await rig.gateway.sweep()

    assert (await rig.gateway.threads.get(ME, first.thread_id)).status is ThreadStatus.WAITING


async def test_a_heartbeat_keeps_a_slow_run_alive(rig: Rig) -> None:
    run = await rig.running()
    for _ in range(10):
        rig.clock.advance(20)
        await rig.gateway.workers.heartbeat(rig.worker.caller)
        await rig.gateway.sweep()

    assert (await rig.run(run.run_id)).status is RunStatus.RUNNING


async def test_a_run_that_no_worker_takes_ends_with_an_error(rig: Rig) -> None:
    await rig.gateway.workers.gone(rig.worker.caller.worker_id)
    run = await rig.start(await rig.thread())
    assert rig.pool.calls == 1

    rig.clock.advance(61)
    await rig.gateway.sweep()

    ended = await rig.run(run.run_id)
    assert ended.error is not None
    assert ended.error.code == "worker_lost"


@pytest.mark.scenario("S19")
async def test_a_worker_that_cannot_start_ends_the_runs_that_wait_for_it(rig: Rig) -> None:
    await rig.gateway.workers.gone(rig.worker.caller.worker_id)
    run = await rig.start(await rig.thread())

    await rig.gateway.workers.none_starts("ModuleNotFoundError: pydantic_ai")

    ended = await rig.run(run.run_id)
    assert ended.error is not None
    assert "pydantic_ai" in ended.error.message
    await Worker.register(rig.gateway)
    assert (await rig.run((await rig.start(run.thread_id)).run_id)).status is RunStatus.RUNNING


@pytest.mark.scenario("W5")
@pytest.mark.scenario("W10")
@pytest.mark.parametrize("code", [0, 1, -9, None])
async def test_any_exit_of_a_worker_fails_the_run_in_flight_and_names_it(rig: Rig, code: int | None) -> None:
    thread_id = await rig.thread()
    done = await rig.running(thread_id)
    await rig.worker.emit(done.run_id, success())
    run = await rig.running(thread_id)

    ended = await rig.gateway.workers.gone(rig.worker.caller.worker_id, "crash", code)
    again = await rig.gateway.workers.gone(rig.worker.caller.worker_id, "crash", code)

    assert (ended, again) == ([run.run_id], [])
    last = (await rig.journal(thread_id))[-1]
    assert last["code"] == "worker_died"
    assert run.run_id in last["message"]
    assert code is None or f"exit code {code}" in last["message"]
    assert (await rig.run(done.run_id)).status is RunStatus.SUCCEEDED
    with pytest.raises(StaleIncarnation):
        await rig.worker.fetch()


async def test_a_run_that_a_dying_worker_had_not_fetched_goes_to_the_next(rig: Rig) -> None:
    run = await rig.start(await rig.thread())
    await rig.gateway.workers.gone(rig.worker.caller.worker_id)

    next_ = await Worker.register(rig.gateway)
    (item,) = await next_.fetch()

    assert item.run_id == run.run_id
    await next_.emit(run.run_id, success())
    assert (await rig.run(run.run_id)).status is RunStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("died", "kernel_died"),
        ("restarted", "kernel_restarted"),
        ("shutdown", "kernel_shutdown"),
        ("start_failed", "kernel_start_failed"),
    ],
)
@pytest.mark.scenario("W17")
async def test_a_kernels_end_ends_its_run_with_one_error_that_says_which(rig: Rig, what, code: str) -> None:
    run = await rig.running(kernel_id="k1")
    other = await rig.running(kernel_id="k2")

    ended = await rig.gateway.kernels.event("k1", what, "signal 9")
    await rig.gateway.kernels.event("k1", what)

    assert ended == [run.run_id]
    last = (await rig.journal(run.thread_id))[-1]
    assert last["code"] == code
    assert "signal 9" in last["message"]
    assert "ask again" in last["message"]
    assert Counter(await rig.types(run.thread_id))["RUN_ERROR"] == 1
    assert (await rig.run(other.run_id)).status is RunStatus.RUNNING
    with pytest.raises(RunEnded):
        await rig.worker.emit(run.run_id, *say("late"))
    again = await rig.running(run.thread_id)
    await rig.worker.emit(again.run_id, success())


@pytest.mark.scenario("W7")
async def test_the_restart_of_an_idle_kernel_is_silent(rig: Rig) -> None:
    done = await rig.running(kernel_id="k1")
    await rig.worker.emit(done.run_id, success())
    before = await rig.journal(done.thread_id)

    assert await rig.gateway.kernels.event("k1", "restarted") == []

    assert await rig.journal(done.thread_id) == before


async def test_a_queued_run_begins_on_the_new_incarnation_of_a_restarted_kernel(rig: Rig) -> None:
    run = await rig.running(kernel_id="k1")
    queued = await rig.start(run.thread_id, if_running="queue")

    await rig.gateway.kernels.event("k1", "restarted")

    items = [item for item in await rig.worker.fetch() if item.kind == "start"]
    assert [item.run_id for item in items] == [queued.run_id]
    assert items[0].task is not None
    assert items[0].task.kernel is not None
    assert items[0].task.kernel.incarnation == 2
    assert items[0].task.kernel.connection == {"key": "k"}


@pytest.mark.scenario("W9")
async def test_one_bad_row_does_not_stop_the_sweep_and_is_kept(rig: Rig, caplog) -> None:
    bad, good = await rig.running(), await rig.running()
    await rig.worker.emit(bad.run_id, *say("x"))
    rig.gateway._ctx.slices.drop(bad.run_id)
    await rig.database.write(does("UPDATE journal SET bodies = ? WHERE run_id = ?", b"{", bad.run_id))
    rig.clock.advance(31)

    assert await rig.gateway.sweep() == 1

    assert (await rig.run(good.run_id)).status is RunStatus.FAILED
    assert (await rig.run(bad.run_id)).status is RunStatus.RUNNING
    assert bad.run_id in caplog.text

    # so that the journals of this session stay valid streams
    await rig.database.write(does("DELETE FROM journal WHERE run_id = ?", bad.run_id))


@pytest.mark.scenario("W8")
async def test_two_servers_sweep_fifty_lapsed_leases_into_fifty_errors(store: Path) -> None:
    async with open_rig(store) as one, open_rig(store, clock=one.clock) as two:
        threads = [await one.thread() for _ in range(16)] + [await two.thread() for _ in range(34)]
        object.__setattr__(one.gateway._ctx.settings, "max_runs_per_user", 100)
        runs = [await one.start(thread_id) for thread_id in threads]
        one.clock.advance(61)

        swept = await asyncio.gather(one.gateway.sweep(), two.gateway.sweep())

        assert sum(swept) == 50
        events = await one.rows("SELECT thread_id, body FROM events")
        errors = Counter(thread_id for thread_id, body in events if b"RUN_ERROR" in body)
        assert errors == {run.thread_id: 1 for run in runs}


@pytest.mark.scenario("E19")
@pytest.mark.processes
async def test_a_restarted_server_ends_what_its_dead_sibling_left_and_nothing_else(store: Path) -> None:
    """A dead child process lends its identity to the server that "was killed"."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=subprocess.PIPE)
    dead = Process(Process.me().host, child.pid, psutil.Process(child.pid).create_time())
    await child.communicate(b"\n")
    async with open_rig(store) as living:
        async with open_rig(store, clock=living.clock, process=dead) as killed:
            mine = await killed.running()
            await killed.worker.emit(mine.run_id, *say("par")[:2])
            unfetched = await killed.start(await killed.thread())
            outside = await Worker.register(killed.gateway, child=False, agents=("acp",))
            outsiders = await killed.start(await killed.thread(), agent="acp")
            queued = await killed.start(mine.thread_id, "later", if_running="queue")
            await killed.gateway.close(end_runs=False)
        others = await living.running()
        await fall_silent(living)
        async with open_rig(store, clock=living.clock) as restarted:
            ended = await restarted.gateway.recover()

            assert set(ended) == {mine.run_id, unfetched.run_id}
            journal = await restarted.journal(mine.thread_id)
            assert [e["type"] for e in journal if e["type"] in ENDS] == ["RUN_ERROR"]
            assert [e["code"] for e in journal if e["type"] == "RUN_ERROR"] == ["server_restarted"]
            assert (await restarted.run(others.run_id)).status is RunStatus.RUNNING
            assert (await restarted.run(queued.run_id)).status is RunStatus.RUNNING
            assert await restarted.gateway.recover() == []
            outside.gateway = restarted.gateway
            await outside.fetch()
            await outside.emit(outsiders.run_id, success())
            assert (await restarted.run(outsiders.run_id)).status is RunStatus.SUCCEEDED
            (item,) = [i for i in await restarted.worker.fetch() if i.run_id == queued.run_id]
            assert item.task is not None
            said = [m["content"] for m in item.task.messages if m["role"] == "assistant"]
            assert said == ["par"]


@pytest.mark.scenario("S18")
async def test_leaving_the_gateway_ends_the_runs_of_its_children(store: Path) -> None:
    async with open_rig(store) as rig:
        run = await rig.running()
    async with open_rig(store) as rig:
        ended = await rig.run(run.run_id)

        assert ended.error is not None
        assert ended.error.code == "server_restarted"
        assert await rig.rows("SELECT * FROM leases") == []


@pytest.mark.timeout(600)
@pytest.mark.scenario("S2")
async def test_at_any_interleaving_of_ends_a_run_ends_once_and_the_row_agrees(rig: Rig) -> None:
    """Cancel, natural end, pause and decision, kernel, worker, sweep: seeded shuffles of all at once."""
    for seed in range(200):
        random.seed(seed)
        worker = await Worker.register(rig.gateway)
        run = await rig.start(await rig.thread(kernel_id=f"k{seed}"))
        for each in (rig.worker, worker):
            await each.fetch()
        (lease,) = await rig.rows("SELECT worker_id FROM leases WHERE run_id = ?", run.run_id)
        holder = rig.worker if lease[0] == rig.worker.caller.worker_id else worker

        def attempts(run=run, holder=holder, seed=seed):
            yield rig.gateway.runs.cancel(ME, run.run_id)
            yield holder.emit(run.run_id, success())
            yield holder.emit(run.run_id, *call("c"), paused("c"), checkpoint="{}")
            yield rig.gateway.policy.resume(ME, run.thread_id, [approve("c")])
            yield rig.gateway.kernels.event(f"k{seed}", "died")
            yield rig.gateway.sweep()
            yield rig.gateway.runs.cancel(ME, run.run_id)

        rivals = list(attempts())
        random.shuffle(rivals)
        outcomes = await asyncio.gather(*rivals, return_exceptions=True)
        assert all(isinstance(o, LobuError) for o in outcomes if isinstance(o, BaseException)), outcomes

        journal = await rig.journal(run.thread_id)
        state = await rig.gateway.runs.snapshot(ME, run.thread_id)
        for row in await rig.gateway.runs.list(ME, RunsQuery(thread_id=run.thread_id)):
            own = [r for r in state["runs"] if r["runId"] == row.run_id]
            assert [r["status"] for r in own] == [row.status.value]
        started, ended = (sum(e["type"] in kinds for e in journal) for kinds in (("RUN_STARTED",), ENDS))
        running = await rig.rows("SELECT 1 FROM leases WHERE thread_id = ?", run.thread_id)
        assert started - ended == len(running)
        await rig.gateway.threads.delete(ME, run.thread_id)
        await rig.gateway.workers.gone(worker.caller.worker_id)


@pytest.mark.scenario("W4", "S10")
async def test_a_sweep_a_late_end_and_an_exit_at_once_are_one_end(rig: Rig) -> None:
    for seed in range(100):
        random.seed(seed)
        worker = await Worker.register(rig.gateway)
        await rig.gateway.workers.gone(rig.worker.caller.worker_id)  # the run goes to the new one
        rig.worker = worker
        run = await rig.start(await rig.thread())
        await worker.fetch()
        rig.clock.advance(31)

        rivals = [
            rig.gateway.sweep(),
            worker.emit(run.run_id, success()),
            rig.gateway.workers.gone(worker.caller.worker_id, exit_code=0),
        ]
        random.shuffle(rivals)
        outcomes = await asyncio.gather(*rivals, return_exceptions=True)

        assert all(isinstance(o, LobuError) for o in outcomes if isinstance(o, BaseException)), outcomes
        types = await rig.types(run.thread_id)
        assert sum(kind in ENDS for kind in types) == 1, (seed, types)
        assert (await rig.gateway.runs.get(ME, run.run_id)).ended_at is not None


async def test_the_calls_that_a_resumed_run_owed_are_answered_when_it_is_cancelled(rig: Rig) -> None:
    first = await rig.waiting("a", "b")
    started, _ = await rig.gateway.policy.resume(ME, first.thread_id, [approve("a"), approve("b")])
    await rig.worker.fetch()
    await rig.worker.emit(started.run_id, result("a"))

    await rig.gateway.runs.cancel(ME, started.run_id)

    answered = [
        e["toolCallId"] for e in await rig.journal(first.thread_id) if e["type"] == "TOOL_CALL_RESULT"
    ]
    assert answered == ["a", "b"]


async def test_an_unknown_worker_is_told_so(rig: Rig) -> None:
    with pytest.raises(LobuError):
        await rig.gateway.workers.inbox(WorkerCaller(worker_id="worker_x", incarnation=9))


@pytest.mark.scenario("W21")
async def test_a_run_of_another_server_on_the_store_is_no_activity_here(store: Path) -> None:
    async with open_rig(store) as one, open_rig(store, clock=one.clock) as two:
        await one.start(await one.thread())

        assert await one.gateway.runs.running() == [None]
        assert await two.gateway.runs.running() == []
