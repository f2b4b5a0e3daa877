"""Who may do what, and what is written down about it."""

from __future__ import annotations

import pytest

from lobu_jupyter.model.callers import KernelCaller
from lobu_jupyter.model.errors import InvalidField, NotAllowed, NotFound
from lobu_jupyter.model.policy import Rules, Verdict, judge
from lobu_jupyter.model.ports import ToolSpec
from lobu_jupyter.model.requests import AuditQuery, NewThread, StartRun, ThreadsQuery

from .rig import ME, OTHER, Rig, Worker, approve, call, paused, result, say, success


def kernel(*, attended: bool) -> KernelCaller:
    return KernelCaller(kernel_id="k1", name="ada", attended=attended, decides=attended, remote="127.0.0.1")


@pytest.mark.scenario("A34")
@pytest.mark.parametrize("who", ["kernel", "worker"])
async def test_neither_an_unattended_kernel_nor_a_worker_may_act_and_the_attempt_is_kept(
    rig: Rig, who: str
) -> None:
    first = await rig.waiting("c", kernel_id="k1")
    before = await rig.journal(first.thread_id)
    by = kernel(attended=False) if who == "kernel" else rig.worker.caller
    gateway = rig.gateway

    for attempt in (
        gateway.runs.start(by, first.thread_id, StartRun(prompt="x", if_waiting="cancel")),
        gateway.runs.cancel(by, first.run_id),
        gateway.policy.resume(by, first.thread_id, [approve("c")]),
        gateway.policy.put(by, notebook_path="a.ipynb", rules=Rules(allow=("*",))),
        gateway.policy.revoke(by, "grant_x"),
        gateway.threads.delete(by, first.thread_id),
    ):
        with pytest.raises(NotAllowed):
            await attempt

    assert await rig.journal(first.thread_id) == before
    audit = await gateway.policy.audit(ME)
    assert {row["action"] for row in audit} >= {"refused start", "refused resume", "refused delete"}
    assert {row["via"] for row in audit} == {who}


async def test_a_kernel_in_which_a_persons_cell_runs_acts_for_that_person(rig: Rig) -> None:
    thread = await rig.gateway.threads.create(kernel(attended=True), NewThread(kernel_id="k1"))
    await rig.gateway.runs.start(kernel(attended=True), thread.thread_id, StartRun(prompt="go"))
    (item,) = await rig.worker.fetch()
    assert item.run_id is not None
    await rig.worker.emit(item.run_id, *call("c"), paused("c"), checkpoint="{}")

    await rig.gateway.policy.resume(kernel(attended=True), thread.thread_id, [approve("c")])

    (row,) = await rig.gateway.policy.audit(ME, AuditQuery(thread_id=thread.thread_id))
    assert (row["action"], row["by"], row["via"]) == ("decided approve", "ada", "kernel")
    assert row["detail"]["kernelId"] == "k1"


async def test_a_worker_reads_nobodys_threads(rig: Rig) -> None:
    thread_id = await rig.thread()

    for attempt in (
        rig.gateway.threads.get(rig.worker.caller, thread_id),
        rig.gateway.threads.list(rig.worker.caller),
        rig.gateway.policy.interrupts(rig.worker.caller),
        rig.gateway.policy.audit(rig.worker.caller),
    ):
        with pytest.raises(NotAllowed):
            await attempt


async def test_a_token_is_kept_as_its_hash_and_known_again(rig: Rig) -> None:
    registered = await rig.gateway.workers.register("host")

    caller = await rig.gateway.workers.by_token(registered["token"])

    assert (caller.worker_id, caller.incarnation) == (registered["workerId"], registered["incarnation"])
    with pytest.raises(NotAllowed):
        await rig.gateway.workers.by_token("guess")
    kept = str(await rig.rows("SELECT * FROM workers"))
    assert registered["token"] not in kept


@pytest.mark.scenario("A25")
async def test_a_checkpoint_is_in_nothing_that_a_person_can_read(rig: Rig) -> None:
    first = await rig.waiting("c")

    shown = str(
        [
            await rig.journal(first.thread_id),
            await rig.gateway.runs.snapshot(ME, first.thread_id),
            await rig.gateway.runs.export(ME, first.thread_id, "json"),
            await rig.gateway.policy.interrupts(ME),
            await rig.gateway.policy.audit(ME),
            await rig.gateway.health(),
        ]
    )

    assert "the checkpoint" not in shown


@pytest.mark.scenario("P5")
async def test_the_worker_gets_the_layers_in_order_and_its_grants(rig: Rig) -> None:
    thread_id = await rig.thread(notebook_path="a.ipynb")
    await rig.gateway.policy.put(ME, notebook_path="a.ipynb", rules=Rules(deny=("rm_*",)))
    await rig.start(thread_id, mode="allow", answerable=False)

    (item,) = await rig.worker.fetch()

    assert item.task is not None
    assert [layer.name for layer in item.task.policy.layers] == ["server", "notebook", "run"]
    assert judge(item.task.policy, "rm_all", True).verdict is Verdict.DENY
    assert judge(item.task.policy, "run_code", True).verdict is Verdict.ALLOW
    assert not item.task.policy.answerable


@pytest.mark.scenario("P10")
@pytest.mark.parametrize("scope", ["thread", "notebook"])
async def test_a_grant_answers_the_next_ask_until_it_is_revoked_or_expires(rig: Rig, scope: str) -> None:
    object.__setattr__(rig.gateway.settings, "grant_seconds", 3600.0)
    thread_id = await rig.thread(notebook_path="a.ipynb")
    first = await rig.waiting("c", thread_id=thread_id)
    started, _ = await rig.gateway.policy.resume(ME, thread_id, [approve("c", grant=scope)])
    (item,) = await rig.worker.fetch()
    assert item.task is not None
    assert judge(item.task.policy, "run_code", True, {"code": "2 + 2"}).verdict is Verdict.ALLOW
    assert judge(item.task.policy, "write_file", True).verdict is Verdict.ASK
    await rig.worker.emit(started.run_id, result("c"), success())
    sibling = await rig.gateway.threads.create(ME, NewThread(notebook_path="a.ipynb"))
    policy = await rig.gateway.policy.get(ME, thread_id=sibling.thread_id)
    assert len(policy.grants) == (1 if scope == "notebook" else 0)
    assert (await rig.gateway.policy.get(OTHER, notebook_path="a.ipynb")).grants == ()

    rig.clock.advance(3601)

    assert (await rig.gateway.policy.get(ME, thread_id=first.thread_id)).grants == ()
    (grant,) = await rig.rows("SELECT grant_id FROM grants")
    with pytest.raises(NotFound):
        await rig.gateway.policy.revoke(OTHER, grant[0])
    await rig.gateway.policy.revoke(ME, grant[0])
    assert await rig.rows("SELECT * FROM grants") == []


async def test_a_tool_name_with_globs_grants_only_itself(rig: Rig) -> None:
    run = await rig.running()
    await rig.worker.emit(run.run_id, *call("c", tool="*"), paused("c"), checkpoint="{}")
    await rig.gateway.policy.resume(ME, run.thread_id, [approve("c", grant="thread_all")])

    policy = await rig.gateway.policy.get(ME, thread_id=run.thread_id)

    assert judge(policy, "run_code", True).verdict is Verdict.ASK
    assert judge(policy, "*", True).verdict is Verdict.ALLOW


async def test_a_grant_for_the_notebook_needs_one(rig: Rig) -> None:
    first = await rig.waiting("c")

    with pytest.raises(InvalidField):
        await rig.gateway.policy.resume(ME, first.thread_id, [approve("c", grant="notebook")])

    assert len(await rig.gateway.policy.interrupts(ME)) == 1


async def test_a_notebooks_thread_rules_and_grants_follow_a_rename(rig: Rig) -> None:
    first = await rig.waiting("c", thread_id=await rig.thread(notebook_path="work/a.ipynb"))
    await rig.gateway.policy.resume(ME, first.thread_id, [approve("c", grant="notebook")])
    await rig.gateway.policy.put(ME, notebook_path="work/a.ipynb", rules=Rules(deny=("x",)))
    other = await rig.thread(notebook_path="workshop/a.ipynb")

    await rig.gateway.threads.notebook_moved("work", "play")
    await rig.gateway.threads.notebook_moved("play/a.ipynb", "play/b.ipynb")

    thread = await rig.gateway.threads.create(ME, NewThread(notebook_path="play/b.ipynb", reuse=True))
    assert thread.thread_id == first.thread_id
    policy = await rig.gateway.policy.get(ME, notebook_path="play/b.ipynb")
    assert [layer.name for layer in policy.layers] == ["server", "notebook"]
    assert [grant.notebook_path for grant in policy.grants] == ["play/b.ipynb"]
    assert (await rig.gateway.threads.get(ME, other)).notebook_path == "workshop/a.ipynb"


async def test_agents_and_tools_are_what_workers_announced_and_the_kernel_offers(rig: Rig) -> None:
    await rig.gateway.workers.register(
        "host", agents=[{"name": "script", "description": "s"}], tools=[ToolSpec(name="run_code")]
    )
    await rig.gateway.kernels.set_tools(kernel(attended=False), "k1", [ToolSpec(name="mine", approval=False)])
    with pytest.raises(NotAllowed):
        await rig.gateway.kernels.set_tools(kernel(attended=True), "k2", [])

    assert [agent["name"] for agent in await rig.gateway.workers.agents(ME)] == ["demo", "script"]
    assert [tool.name for tool in await rig.gateway.kernels.tools(ME, "k1")] == ["run_code", "mine"]
    await rig.start(await rig.thread(kernel_id="k1"))
    (item,) = await rig.worker.fetch()
    assert item.task is not None
    assert item.task.kernel is not None
    assert [tool.name for tool in item.task.kernel.tools] == ["mine"]
    await rig.gateway.kernels.event("k1", "restarted")
    assert [tool.name for tool in await rig.gateway.kernels.tools(ME, "k1")] == ["run_code"]


async def test_an_outside_worker_gets_only_runs_of_its_own_agents(rig: Rig) -> None:
    from .rig import Worker

    outside = await Worker.register(rig.gateway, child=False, agents=("acp",))
    await rig.start(await rig.thread(), agent="demo")
    theirs = await rig.start(await rig.thread(), agent="acp")

    assert [item.run_id for item in await outside.fetch()] == [theirs.run_id]


async def test_temporary_threads_are_unlisted_and_go_after_their_end(rig: Rig) -> None:
    run = await rig.running(await rig.thread(temporary=True))
    unused = await rig.thread(temporary=True)
    assert await rig.gateway.threads.list(ME) == []
    await rig.worker.emit(run.run_id, *say("x"), success())
    pages = rig.gateway.runs.follow(ME, run.thread_id)
    await anext(pages)

    rig.clock.advance(61)
    await rig.gateway.sweep()
    assert (await rig.gateway.threads.get(ME, run.thread_id)).temporary  # somebody still reads it
    await pages.aclose()
    await rig.gateway.sweep()

    with pytest.raises(NotFound):
        await rig.gateway.threads.get(ME, run.thread_id)
    await rig.gateway.threads.get(ME, unused)


async def test_threads_are_listed_last_touched_first_in_pages(rig: Rig) -> None:
    made = []
    for number in range(5):
        rig.clock.advance(1)
        made.append(await rig.thread(title=f"50% {number}"))

    page = await rig.gateway.threads.list(ME, ThreadsQuery(limit=2))
    rest = await rig.gateway.threads.list(ME, ThreadsQuery(before=page[-1].updated_at))

    assert [t.thread_id for t in (*page, *rest)] == made[::-1]
    assert len(await rig.gateway.threads.list(ME, ThreadsQuery(search="50%"))) == 5
    assert await rig.gateway.threads.list(ME, ThreadsQuery(search="0_4")) == []
    with pytest.raises(InvalidField):
        await rig.gateway.threads.list(ME, ThreadsQuery(before="yesterday"))


async def test_an_outside_worker_gets_the_runs_of_its_own_person_only(rig: Rig) -> None:
    special = [{"name": "special", "description": ""}]
    made = await rig.gateway.workers.register("mine", owner=OTHER.name, agents=special)
    theirs = Worker(rig.gateway, await rig.gateway.workers.by_token(made["token"]))
    own = await Worker.register(rig.gateway, child=False, agents=("special",))

    await rig.start(await rig.thread(), agent="special")

    assert await theirs.fetch() == []
    assert [item.kind for item in await own.fetch()] == ["start"]
    assert await rig.worker.fetch() == []
    assert {agent["name"] for agent in await rig.gateway.workers.agents(ME)} == {"demo", "special"}


async def test_an_agent_of_somebody_elses_worker_is_not_listed(rig: Rig) -> None:
    await rig.gateway.workers.register("mine", owner=OTHER.name, agents=[{"name": "special"}])

    assert {agent["name"] for agent in await rig.gateway.workers.agents(OTHER)} == {"demo", "special"}
    assert {agent["name"] for agent in await rig.gateway.workers.agents(ME)} == {"demo"}
