"""A server's end is the end of its kernels, and a decision that cannot run yet waits for its server (H6, H7)."""

from __future__ import annotations

import pytest

from lobu_jupyter.gateway.servers import see_server
from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.errors import KernelNotFound, ThreadNotFound
from tests.gateway.rig import ME, Rig, Worker, approve, call, paused, result, success

from .conftest import Server, kill


class NobodysKernels:
    """The owners of a server that knows none of these kernels."""

    async def kernel(self, owner: str, kernel_id: str) -> None:
        raise KernelNotFound

    async def notebook(self, owner: str, path: str, action: str) -> None:
        pass


async def question(rig: Rig, thread_id: str) -> bool:
    """Whether the one open question says that its kernel is gone."""
    (interrupt,) = await rig.gateway.policy.interrupts(ME, thread_id=thread_id)
    return interrupt.kernel_lost


async def notices(rig: Rig, thread_id: str, name: str) -> list[dict[str, str]]:
    events = await rig.journal(thread_id)
    return [event["value"] for event in events if event.get("name") == name]


async def test_a_killed_server_takes_its_kernels_along(killed: Rig, bob: Rig) -> None:
    waits = await killed.waiting("c", kernel_id="k1")
    assert not await question(bob, waits.thread_id)

    await kill(killed, bob)
    await bob.gateway.recover()

    assert await question(bob, waits.thread_id)
    (told,) = await notices(bob, waits.thread_id, "lobu.kernel")
    assert (told["what"], told["kernelId"]) == ("server_gone", "k1")
    assert "variables are gone" in told["message"]


async def test_a_stopped_server_takes_its_kernels_along(server: Server, bob: Rig) -> None:
    async with server("ada", "k1") as ada:
        waits = await ada.waiting("c", kernel_id="k1")

    assert await question(bob, waits.thread_id)


async def test_a_kernel_that_was_lost_has_a_new_incarnation_and_no_tools(killed: Rig, bob: Rig) -> None:
    await killed.waiting("c", kernel_id="k1")

    await kill(killed, bob)

    rows = await bob.rows("SELECT incarnation, server_id, tools FROM kernels WHERE kernel_id = 'k1'")
    assert rows == [(2, None, "[]")]


async def test_a_decision_waits_for_its_server_and_is_not_spent(
    killed: Rig, bob: Rig, server: Server
) -> None:
    waits = await killed.waiting("c", kernel_id="k1")
    await kill(killed, bob)

    resumed, is_new = await bob.gateway.policy.resume(ME, waits.thread_id, [approve("c")])
    bob.clock.advance(3600)
    await bob.gateway.sweep()

    assert is_new
    assert await bob.worker.fetch() == []
    assert (await bob.run(resumed.run_id)).status == "running"
    (told,) = await notices(bob, waits.thread_id, "lobu.waits")
    assert (told["for"], "Jupyter server" in told["message"]) == ("server", True)
    async with server("ada") as back:
        await back.gateway.sweep()
        (item,) = await back.worker.fetch()
        assert item.task is not None
        assert item.task.resumption is not None
        assert item.task.resumption.checkpoint == "the checkpoint"
        await back.worker.emit(resumed.run_id, result("c"), success())
        assert (await back.run(resumed.run_id)).status == "succeeded"


async def test_code_waits_for_the_notebooks_kernel_too_and_runs_there(
    killed: Rig, bob: Rig, server: Server
) -> None:
    waits = await killed.waiting("c", thread_id=await killed.thread(notebook_path="a.ipynb"), kernel_id="k1")
    await kill(killed, bob)
    bob.kernels.notebooks["a.ipynb"] = "bobs"
    resumed, _ = await bob.gateway.policy.resume(ME, waits.thread_id, [approve("c")])

    async with server("ada", "k2") as back:
        await back.gateway.sweep()
        assert await back.worker.fetch() == []

        back.kernels.notebooks["a.ipynb"] = "k2"
        await back.gateway.sweep()
        (item,) = await back.worker.fetch()

    assert item.run_id == resumed.run_id
    assert item.task is not None
    assert item.task.kernel is not None
    assert (item.task.kernel.kernel_id, item.task.notebook_path) == ("k2", "a.ipynb")


async def test_it_runs_on_another_living_server_of_its_pool(killed: Rig, bob: Rig, server: Server) -> None:
    waits = await killed.waiting("c", kernel_id="k1")
    async with server("ada") as other:
        await kill(killed, bob, other)

        resumed, _ = await bob.gateway.policy.resume(ME, waits.thread_id, [approve("c")])

        assert [item.run_id for item in await other.worker.fetch()] == [resumed.run_id]
        assert await notices(bob, waits.thread_id, "lobu.waits") == []


async def test_through_another_pool_it_goes_to_the_server_that_has_the_kernel(
    ada: Rig, bob: Rig, server: Server
) -> None:
    async with server("ada"):  # as good but for the kernel
        waits = await ada.waiting("c", kernel_id="k1")
        bob.gateway._ctx.owners = NobodysKernels()

        resumed, _ = await bob.gateway.policy.resume(ME, waits.thread_id, [approve("c")])

        (item,) = await ada.worker.fetch()
        assert item.run_id == resumed.run_id
        assert item.task is not None
        assert item.task.kernel is not None
        assert (item.task.kernel.kernel_id, item.task.kernel.connection) == ("k1", {"key": "k"})


async def test_a_decision_that_a_dying_server_took_waits_too(killed: Rig, bob: Rig, server: Server) -> None:
    waits = await killed.waiting("c")
    resumed, _ = await killed.gateway.policy.resume(ME, waits.thread_id, [approve("c")])

    await kill(killed, bob)

    assert (await bob.run(resumed.run_id)).status == "running"
    async with server("ada") as back:
        await back.gateway.sweep()
        assert [item.run_id for item in await back.worker.fetch()] == [resumed.run_id]
        await back.worker.emit(resumed.run_id, result("c"), success())
    assert (await bob.types(waits.thread_id))[-1] == "RUN_FINISHED"


async def test_one_that_its_worker_has_fetched_is_not_run_again(
    killed: Rig, bob: Rig, server: Server
) -> None:
    waits = await killed.waiting("c")
    resumed, _ = await killed.gateway.policy.resume(ME, waits.thread_id, [approve("c")])
    await killed.worker.fetch()

    await kill(killed, bob)

    async with server("ada") as back:
        await back.gateway.sweep()
        assert await back.worker.fetch() == []
        assert (await back.run(resumed.run_id)).status == "failed"


async def test_one_that_an_agents_process_waited_for_ends(killed: Rig, bob: Rig) -> None:
    started = await killed.running()
    asks = paused("c", metadata={"lobu": {"inMemory": True}})
    await killed.worker.emit(started.run_id, *call("c"), asks, checkpoint="{}")
    resumed, _ = await killed.gateway.policy.resume(ME, started.thread_id, [approve("c")])

    await kill(killed, bob)

    assert (await bob.run(resumed.run_id)).status == "failed"


async def test_it_can_be_cancelled_while_it_waits(killed: Rig, bob: Rig) -> None:
    waits = await killed.waiting("c")
    await kill(killed, bob)
    resumed, _ = await bob.gateway.policy.resume(ME, waits.thread_id, [approve("c")])

    await bob.gateway.runs.cancel(ME, resumed.run_id)

    assert (await bob.run(resumed.run_id)).status == "cancelled"


async def test_it_waits_as_long_as_a_question_does(killed: Rig, bob: Rig) -> None:
    waits = await killed.waiting("c")
    await kill(killed, bob)
    resumed, _ = await bob.gateway.policy.resume(ME, waits.thread_id, [approve("c")])

    bob.clock.advance(8 * 24 * 3600)
    await bob.gateway.sweep()

    run = await bob.run(resumed.run_id)
    assert run.error is not None
    assert (run.status, run.error.code, "did not come back" in run.error.message) == (
        "failed",
        "worker_lost",
        True,
    )


async def test_of_two_servers_that_come_one_takes_it(killed: Rig, bob: Rig, server: Server) -> None:
    waits = await killed.waiting("c")
    await kill(killed, bob)
    resumed, _ = await bob.gateway.policy.resume(ME, waits.thread_id, [approve("c")])

    async with server("ada") as one, server("ada") as two:
        for rig in (one, two):
            await see_server(rig.gateway._ctx)
            await rig.gateway.sweep()
        items = [*await one.worker.fetch(), *await two.worker.fetch()]

    assert [item.run_id for item in items] == [resumed.run_id]


@pytest.mark.parametrize("who", ["ada", "bob"])
async def test_another_persons_decision_is_no_decision(killed: Rig, bob: Rig, who: str) -> None:
    waits = await killed.waiting("c")
    await kill(killed, bob)
    if who == "ada":
        assert (await bob.gateway.policy.resume(Person("ada"), waits.thread_id, [approve("c")]))[1]
        return
    with pytest.raises(ThreadNotFound):
        await bob.gateway.policy.resume(Person("bob"), waits.thread_id, [approve("c")])


async def test_an_outside_workers_run_outlives_the_server(killed: Rig, bob: Rig) -> None:
    outside = await Worker.register(killed.gateway, child=False, agents=("acp",))
    run = await killed.start(await killed.thread(), agent="acp", kernel_id="k1")
    await outside.fetch()

    await kill(killed, bob)

    assert (await bob.run(run.run_id)).status == "running"
