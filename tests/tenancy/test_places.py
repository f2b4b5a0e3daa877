"""A path is one of a place: what happens to it there concerns no other tree of files (H1, H12)."""

from __future__ import annotations

import pytest

from lobu_jupyter.gateway.undo import applied
from lobu_jupyter.model.applied import UndoTarget
from lobu_jupyter.model.callers import KernelCaller, Person
from lobu_jupyter.model.errors import NotAllowed
from lobu_jupyter.model.policy import Rules
from lobu_jupyter.model.requests import NewThread, ThreadPatch, ThreadsQuery
from tests.gateway.rig import ME, OTHER, Rig, approve, call, paused

from .conftest import Server

NB = "a.ipynb"


async def thread_in(rig: Rig, by: Person, path: str = NB) -> str:
    """The thread of a person's notebook, with rules and a grant."""
    gateway = rig.gateway
    thread = (await gateway.threads.create(by, NewThread(notebook_path=path, reuse=True))).thread_id
    await gateway.policy.put(by, notebook_path=path, rules=Rules(deny=("x",)))
    if by == ME:
        started = await rig.running(thread)
        await rig.worker.emit(started.run_id, *call("c"), paused("c"), checkpoint="{}")
        await gateway.policy.resume(by, thread, [approve("c", grant="notebook")])
    return thread


async def path_of(rig: Rig, by: Person, thread_id: str) -> str | None:
    return (await rig.gateway.threads.get(by, thread_id)).notebook_path


async def test_a_rename_moves_nothing_of_another_place(ada: Rig, bob: Rig) -> None:
    mine, theirs = await thread_in(ada, ME), await thread_in(bob, OTHER)

    await bob.gateway.threads.notebook_moved(NB, "b.ipynb", owner=OTHER.name)

    assert await path_of(ada, ME, mine) == NB
    assert await path_of(bob, OTHER, theirs) == "b.ipynb"
    policy = await ada.gateway.policy.get(ME, notebook_path=NB)
    assert ([layer.name for layer in policy.layers], len(policy.grants)) == (["server", "notebook"], 1)
    assert [row["action"] for row in await ada.gateway.policy.audit(ME) if row["action"] == "moved"] == []


async def test_a_deletion_ends_nothing_of_another_place(ada: Rig, bob: Rig) -> None:
    await thread_in(ada, ME)

    await bob.gateway.threads.notebook_gone(NB, "deleted")
    await bob.gateway.threads.notebook_moved("c.ipynb", NB)

    policy = await ada.gateway.policy.get(ME, notebook_path=NB)
    assert ([layer.name for layer in policy.layers], len(policy.grants)) == (["server", "notebook"], 1)


async def test_one_persons_notebook_of_that_path_elsewhere_is_another(ada: Rig, server: Server) -> None:
    mine = await thread_in(ada, ME)
    async with server("ada", place="ada:/scratch") as scratch:
        other = await scratch.gateway.threads.create(ME, NewThread(notebook_path=NB, reuse=True))
        policy = await scratch.gateway.policy.get(ME, notebook_path=NB)
        listed = await scratch.gateway.threads.list(ME, ThreadsQuery(notebook_path=NB))

    assert other.thread_id != mine
    assert [thread.thread_id for thread in listed] == [other.thread_id]
    assert ([layer.name for layer in policy.layers], policy.grants) == (["server"], ())


async def test_two_servers_in_one_place_have_the_notebooks_one_thread(ada: Rig, server: Server) -> None:
    mine = await thread_in(ada, ME)
    async with server("ada") as named:
        found = await named.gateway.threads.create(ME, NewThread(notebook_path=NB, reuse=True))
        await named.gateway.threads.notebook_moved(NB, "b.ipynb")

    assert found.thread_id == mine
    assert await path_of(ada, ME, mine) == "b.ipynb"


async def test_a_run_reaches_no_notebook_by_another_places_path(ada: Rig, server: Server) -> None:
    mine = await thread_in(ada, ME, "other.ipynb")
    async with server("bob") as bob:
        await ada.gateway.runs.cancel(ME, (await ada.rows("SELECT run_id FROM leases"))[0][0])
        started = await bob.start(mine)
        (item,) = await bob.worker.fetch()
        reached = await bob.gateway.workers.notebook_of(bob.worker.caller, started.run_id, "read")

    assert item.task is not None
    assert (item.task.notebook_path, reached) == (None, (ME.name, None))
    assert [layer.name for layer in item.task.policy.layers] == ["server", "notebook"], (
        "its rules hold everywhere"
    )


async def test_a_kernel_sees_the_chats_of_its_own_places_notebook_only(ada: Rig, bob: Rig) -> None:
    await thread_in(ada, ME)
    kernel = KernelCaller(kernel_id="k9", name=ME.name, attended=True, notebook_path=NB, place="bob:/home")

    assert await bob.gateway.threads.list(kernel) == []
    assert await bob.gateway.policy.interrupts(kernel) == []


async def test_a_thread_that_gets_a_path_here_is_here_from_then_on(ada: Rig, bob: Rig) -> None:
    mine = await thread_in(ada, ME)

    await bob.gateway.threads.patch(ME, mine, ThreadPatch(notebook_path=NB))

    assert [t.thread_id for t in await bob.gateway.threads.list(ME, ThreadsQuery(notebook_path=NB))] == [mine]
    assert await ada.gateway.threads.list(ME, ThreadsQuery(notebook_path=NB)) == []


async def test_what_agents_changed_is_taken_back_where_it_was_changed_only(ada: Rig, bob: Rig) -> None:
    mine = await ada.thread(notebook_path=NB)
    started = await ada.running(mine)
    await ada.gateway.runs.cancel(ME, started.run_id)

    assert (await applied(ada.gateway._ctx, ME, mine, UndoTarget(run_id=started.run_id))).changes == []
    with pytest.raises(NotAllowed, match="another server"):
        await applied(bob.gateway._ctx, ME, mine, UndoTarget(run_id=started.run_id))
