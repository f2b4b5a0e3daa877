"""A server executes runs of its own pool only; what is listed, counted and deleted is its pool's (H2 to H4, H13)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lobu_jupyter.gateway.servers import SHARED_SILENCE, see_server
from lobu_jupyter.gateway.sweeper import RETENTION_SECONDS
from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.errors import InvalidField, ThreadNotFound, TooManyRuns
from lobu_jupyter.model.ports import ToolSpec
from lobu_jupyter.model.requests import NewThread, StartRun
from tests.gateway.rig import ME, OTHER, Rig, Worker, say, success

from .conftest import DEAD, Server, kill

DAY = 24 * 3600.0


async def start_of(rig: Rig, by: Person, thread_id: str | None = None, **fields: object) -> str:
    """A run that a person starts on a server, on a new thread unless one is given."""
    thread_id = thread_id or (await rig.gateway.threads.create(by)).thread_id
    request = StartRun(prompt="go", **fields)  # type: ignore[arg-type]
    return (await rig.gateway.runs.start(by, thread_id, request)).run_id


async def test_a_queued_run_of_a_killed_server_is_left_to_its_own_pool(
    killed: Rig, bob: Rig, server: Server
) -> None:
    running = await killed.running()
    queued = await killed.start(running.thread_id, "later", if_running="queue")

    await kill(killed, bob)
    await bob.gateway.sweep()

    assert (await killed_run(bob, running.run_id), await killed_run(bob, queued.run_id)) == (
        "failed",
        "queued",
    )
    assert await bob.worker.fetch() == []
    async with server("ada") as back:
        await back.gateway.recover()
        assert [item.run_id for item in await back.worker.fetch()] == [queued.run_id]


async def killed_run(rig: Rig, run_id: str) -> str:
    """The status of a run, whose ever it is."""
    ((status,),) = await rig.rows("SELECT status FROM runs WHERE run_id = ?", run_id)
    return status


async def test_what_another_pools_sweep_ends_begins_nothing_of_it(ada: Rig, bob: Rig) -> None:
    lapsed = await ada.running()
    queued = await ada.start(lapsed.thread_id, "later", if_running="queue")

    bob.clock.advance(3600)
    await bob.gateway.sweep()

    assert (await ada.run(lapsed.run_id)).status == "failed"
    assert (await ada.run(queued.run_id)).status == "queued"
    await ada.gateway.sweep()
    assert (await ada.run(queued.run_id)).status == "running"
    assert [i.run_id for i in await bob.worker.fetch()] == []


async def test_a_run_is_not_given_to_another_pools_server_that_says_it_has_the_kernel(
    ada: Rig, bob: Rig
) -> None:
    await ada.running(kernel_id="k1")

    mine = await start_of(bob, OTHER, kernel_id="k1")

    assert [item.run_id for item in await bob.worker.fetch()] == [mine]
    assert await ada.worker.fetch() == []


async def test_an_outside_worker_gets_the_runs_of_the_pool_where_it_is(ada: Rig, bob: Rig) -> None:
    outside = await Worker.register(ada.gateway, child=False, agents=("acp",))
    here = await ada.start(await ada.thread(), agent="acp")
    assert [item.run_id for item in await outside.fetch()] == [here.run_id]
    elsewhere = await start_of(bob, ME, agent="acp")
    assert [item.run_id for item in await bob.worker.fetch()] == [elsewhere], "nobody of the pool knows it"

    outside.gateway = bob.gateway  # it is told another address
    await outside.fetch()

    there = await start_of(bob, ME, agent="acp")
    assert [item.run_id for item in await outside.fetch()] == [there]


async def test_agents_and_tools_are_those_of_the_pools_workers(ada: Rig, bob: Rig) -> None:
    await ada.gateway.workers.register(
        "host", agents=[{"name": "payroll", "description": ""}], tools=[ToolSpec(name="pay")]
    )

    assert "payroll" in [agent["name"] for agent in await ada.gateway.workers.agents(ME)]
    assert "payroll" not in [agent["name"] for agent in await bob.gateway.workers.agents(OTHER)]
    assert [tool.name for tool in await ada.gateway.kernels.tools(ME)] == ["pay"]
    assert await bob.gateway.kernels.tools(OTHER) == []


async def test_an_agent_of_another_pool_cannot_be_named(server: Server) -> None:
    mine = frozenset(["demo"])
    async with server("ada", agents=mine) as ada, server("bob", agents=mine) as bob:
        await Worker.register(ada.gateway, agents=("payroll",))
        await start_of(ada, ME, agent="payroll")

        with pytest.raises(InvalidField, match="payroll"):
            await start_of(bob, OTHER, agent="payroll")


async def test_limits_count_the_pool(server: Server) -> None:
    async with server("ada", max_runs=1) as ada, server("bob", max_runs=1, max_runs_per_user=1) as bob:
        await start_of(ada, ME)
        with pytest.raises(TooManyRuns):
            await start_of(ada, OTHER)
        await start_of(bob, ME)
        with pytest.raises(TooManyRuns, match="You have 1 run"):
            await start_of(bob, ME)


async def test_health_counts_the_pool(ada: Rig, bob: Rig) -> None:
    await ada.running()

    mine, theirs = await ada.gateway.health(), await bob.gateway.health()

    assert (mine["pool"], mine["workers"], mine["runs"]) == ("ada", 1, 1)
    assert (theirs["pool"], theirs["workers"], theirs["runs"]) == ("bob", 1, 0)


async def test_the_waiting_questions_that_are_counted_are_the_pools(ada: Rig, bob: Rig) -> None:
    told: dict[str, int] = {}
    for name, rig in (("ada", ada), ("bob", bob)):
        rig.gateway._ctx.observer.waiting = lambda count, name=name: told.update({name: count})  # type: ignore[method-assign]
    await ada.waiting("c")

    await ada.gateway.sweep()
    await bob.gateway.sweep()

    assert told == {"ada": 1, "bob": 0}


async def there(rig: Rig, thread_id: str) -> bool:
    try:
        await rig.gateway.threads.get(ME, thread_id)
    except ThreadNotFound:
        return False
    return True


@pytest.mark.parametrize("limit", [{"keep_seconds": DAY}, {"keep_bytes": 20_000}])
async def test_retention_deletes_the_pools_threads_only(server: Server, limit: dict[str, float]) -> None:
    async with (
        server("ada") as ada,
        server("bob", **limit) as bob,
        server("ops", retain_all=True, **limit) as ops,
    ):
        started = await ada.running()
        await ada.worker.emit(started.run_id, *say("x" * 50_000), success())
        ada.clock.advance(40 * DAY)

        await bob.gateway.sweep()
        assert await there(ada, started.thread_id)

        ops.clock.advance(RETENTION_SECONDS)
        await ops.gateway.sweep()
        assert not await there(ada, started.thread_id)


async def test_two_pods_of_one_name_are_two_servers(server: Server, store_kind: str) -> None:
    """On a store of several machines a host's name and a pid mean nothing (H13); on one machine they do."""
    async with server("ada", process=DEAD) as one:  # this machine's name, and a pid that it does not have
        run = await one.running()
        async with server("ada", process=replace(DEAD, create_time=200.0)) as two:
            for rig in (one, two):
                await see_server(rig.gateway._ctx)
            if store_kind == "sqlite":
                assert await two.gateway.recover() == [run.run_id]
                return
            assert await two.gateway.recover() == []
            assert (await one.run(run.run_id)).status == "running"

            two.clock.advance(SHARED_SILENCE + 1)
            await see_server(two.gateway._ctx)
            assert await two.gateway.recover() == [run.run_id]


async def test_a_fork_belongs_to_the_pool_that_made_it(ada: Rig, bob: Rig) -> None:
    started = await ada.running()
    await ada.worker.emit(started.run_id, *say("yes"), success())
    again = await ada.running(started.thread_id)
    await ada.worker.emit(again.run_id, success())

    fork = await bob.gateway.threads.fork(ME, started.thread_id, again.run_id)

    assert await bob.rows("SELECT pool FROM threads WHERE thread_id = ?", fork.thread_id) == [("bob",)]
    assert await bob.gateway.threads.create(ME, NewThread(name="new"))
