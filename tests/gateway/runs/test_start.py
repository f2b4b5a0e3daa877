"""Starting a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lobu_jupyter.model.errors import (
    InvalidField,
    NotAllowed,
    StoreUnavailable,
    ThreadBusy,
    ThreadWaiting,
    TooLarge,
    TooManyRuns,
)
from lobu_jupyter.model.requests import StartRun
from lobu_jupyter.model.runs import RunStatus
from lobu_jupyter.store.sqlite import engine
from tests.gateway.rig import ME, QUIET, Rig, Worker, approve, open_rig, say, success
from tests.peek import does, peek


async def test_a_start_journals_the_title_and_a_whole_run_started(rig: Rig) -> None:
    thread_id = await rig.thread()
    message = {"id": "mine", "role": "user", "content": "plot sales\nby month"}

    started = await rig.gateway.runs.start(ME, thread_id, StartRun(messages=[message]))

    title, begun = await rig.journal(thread_id)
    assert title["value"] == {"title": "plot sales"}
    assert begun["input"]["messages"] == [message]
    assert started.cursor == 1
    assert (await rig.gateway.threads.get(ME, thread_id)).title == "plot sales"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (StartRun(), "prompt"),
        (StartRun(prompt=" \n"), "prompt"),
        (StartRun(messages=[]), "messages"),
        (StartRun(prompt="a", messages=[{"role": "user", "content": "b"}]), "messages"),
        (StartRun(messages=[{"role": "assistant", "content": "b"}]), "messages[0].role"),
        (StartRun(messages=[{"role": "user", "content": ""}]), "messages[0].content"),
        (StartRun(prompt="a", model=""), "model"),
        (StartRun(prompt="a", client_request_id=""), "clientRequestId"),
        (StartRun(prompt="a", context=[{"value": "x"}]), "context[0].description"),
    ],
)
async def test_a_bad_start_names_its_field_and_writes_nothing(
    rig: Rig, request_: StartRun, field: str
) -> None:
    thread_id = await rig.thread()

    with pytest.raises(InvalidField) as refused:
        await rig.gateway.runs.start(ME, thread_id, request_)

    assert refused.value.field == field
    assert await rig.journal(thread_id) == []


async def test_a_prompt_that_is_too_large_is_refused(rig: Rig) -> None:
    thread_id = await rig.thread()

    with pytest.raises(TooLarge) as refused:
        await rig.start(thread_id, "x" * 300_000)

    assert refused.value.field == "prompt"


@pytest.mark.scenario("S14")
async def test_the_same_request_again_gives_the_same_run_whatever_became_of_it(store: Path) -> None:
    async with open_rig(store) as rig:
        thread_id = await rig.thread()
        first = await rig.start(thread_id, client_request_id="req")
        again = [await rig.start(thread_id, client_request_id="req")]
        await rig.worker.fetch()
        from tests.gateway.rig import call, paused

        await rig.worker.emit(first.run_id, *call("c"), paused("c"), checkpoint="{}")
        again.append(await rig.start(thread_id, client_request_id="req"))
    async with open_rig(store) as rig:
        again.append(await rig.start(thread_id, client_request_id="req"))

        assert again == [first] * 3
        assert [run.run_id for run in await rig.gateway.runs.list(ME)] == [first.run_id]


async def test_a_thread_runs_one_run_at_a_time(rig: Rig) -> None:
    first = await rig.running()

    with pytest.raises(ThreadBusy) as refused:
        await rig.start(first.thread_id)

    assert refused.value.detail == {"runId": first.run_id}


async def test_if_running_cancel_ends_one_run_and_begins_the_other_in_one_step(rig: Rig) -> None:
    first = await rig.running()
    await rig.worker.emit(first.run_id, *say("half")[:2])

    second = await rig.start(first.thread_id, "other", if_running="cancel")

    types = await rig.types(first.thread_id)
    assert types[-3:] == ["TEXT_MESSAGE_END", "RUN_FINISHED", "RUN_STARTED"]
    assert (await rig.run(first.run_id)).status is RunStatus.CANCELLED
    assert (await rig.run(second.run_id)).status is RunStatus.RUNNING
    assert [(i.kind, i.run_id) for i in await rig.worker.fetch()] == [
        ("cancel", first.run_id),
        ("start", second.run_id),
    ]


@pytest.mark.scenario("W12")
async def test_queued_runs_begin_in_order_each_with_the_end_of_the_one_before(rig: Rig) -> None:
    first = await rig.running()
    queued = [await rig.start(first.thread_id, f"p{i}", if_running="queue") for i in range(2)]
    rig.clock.advance(3600)
    await rig.gateway.workers.heartbeat(rig.worker.caller)
    await rig.gateway.sweep()  # who waits its turn is not taken for hung

    await rig.worker.emit(first.run_id, success())
    await rig.worker.fetch()
    await rig.worker.emit(queued[0].run_id, success())

    statuses = [(await rig.run(run.run_id)).status for run in (first, *queued)]
    assert statuses == [RunStatus.SUCCEEDED, RunStatus.SUCCEEDED, RunStatus.RUNNING]
    begun = [e for e in await rig.journal(first.thread_id) if e["type"] == "RUN_STARTED"]
    assert [e["input"]["messages"][0]["content"] for e in begun] == ["go", "p0", "p1"]


async def test_a_run_cancelled_in_the_queue_has_its_start_and_end_and_harms_nothing(rig: Rig) -> None:
    first = await rig.running()
    await rig.worker.emit(first.run_id, *say("half")[:2])
    queued = await rig.start(first.thread_id, "later", if_running="queue")

    await rig.gateway.runs.cancel(ME, queued.run_id)
    await rig.worker.emit(first.run_id, *say(" whole")[1:], success())

    state = await rig.gateway.runs.snapshot(ME, first.thread_id)
    assert [(run["runId"], run["status"]) for run in state["runs"]] == [
        (first.run_id, "succeeded"),
        (queued.run_id, "cancelled"),
    ]
    assert state["status"] == "idle"
    own = [
        e async for page in rig.gateway.runs.follow(ME, first.thread_id, run_id=queued.run_id) for e in page
    ]
    assert len(own) == 2


async def test_a_waiting_thread_takes_a_new_run_only_when_told_to_cancel(rig: Rig) -> None:
    first = await rig.waiting("c")

    with pytest.raises(ThreadWaiting):
        await rig.start(first.thread_id)
    second = await rig.start(first.thread_id, if_waiting="cancel")

    types = await rig.types(first.thread_id)
    assert types[-3:] == ["RUN_FINISHED", "CUSTOM", "RUN_STARTED"]
    assert await rig.gateway.policy.interrupts(ME) == []
    assert (await rig.run(second.run_id)).status is RunStatus.RUNNING


@pytest.mark.scenario("S20")
async def test_a_pause_frees_its_slot_and_a_resume_takes_one(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, max_runs_per_user=1)) as rig:
        first = await rig.waiting("c")
        second = await rig.running()
        with pytest.raises(TooManyRuns):
            await rig.gateway.policy.resume(ME, first.thread_id, [approve("c")])
        with pytest.raises(TooManyRuns):
            await rig.start(await rig.thread())

        await rig.worker.emit(second.run_id, success())
        _, new = await rig.gateway.policy.resume(ME, first.thread_id, [approve("c")])

        assert new


@pytest.mark.scenario("S20")
@pytest.mark.scenario("W1")
async def test_a_start_that_the_store_refuses_takes_no_slot_and_reaches_no_worker(rig: Rig) -> None:
    thread_id = await rig.thread()
    await fill_disk(rig)

    with pytest.raises(StoreUnavailable):
        await rig.start(thread_id, "x" * 200_000)

    assert (await rig.gateway.health())["runs"] == 0
    assert await rig.worker.gateway._ctx.database.read(_count("inbox")) == 0
    await free_disk(rig)
    assert await rig.start(thread_id)


async def test_a_guardrail_that_refuses_or_fails_lets_nothing_through(store: Path) -> None:
    async def guardrail(text: str, where: str) -> None:
        if "secret" in text:
            raise ValueError("no secrets")

    async with open_rig(store, settings=replace(QUIET, guardrail=guardrail)) as rig:
        first = await rig.waiting("c")
        thread_id = await rig.thread()

        with pytest.raises(NotAllowed, match="no secrets"):
            await rig.start(thread_id, "my secret")
        with pytest.raises(NotAllowed):
            await rig.gateway.policy.resume(
                ME, first.thread_id, [approve("c", editedArgs={"code": "secret"})]
            )

        assert await rig.journal(thread_id) == []
        assert len(await rig.gateway.policy.interrupts(ME)) == 1
        assert await rig.worker.fetch() == []


@pytest.mark.parametrize("allowed", ["a:b", "a:*"])
async def test_the_servers_list_of_models_is_kept(store: Path, allowed: str) -> None:
    async with open_rig(store, settings=replace(QUIET, allowed_models=(allowed,))) as rig:
        thread_id = await rig.thread()

        with pytest.raises(InvalidField, match=r"a:[b*]"):
            await rig.start(thread_id, model="ca:b")

        assert await rig.start(thread_id, model="a:b")


@pytest.mark.parametrize(
    ("chosen", "agent"), [({}, "demo"), ({"model": "a:b"}, "llm"), ({"model": "a:b", "agent": "own"}, "own")]
)
async def test_a_model_is_not_answered_for_by_an_agent_without_one(
    store: Path, chosen: dict[str, str], agent: str
) -> None:
    async with open_rig(store, settings=replace(QUIET, model_agent="llm")) as rig:
        started = await rig.start(await rig.thread(), **chosen)

        assert (await rig.gateway.runs.get(ME, started.run_id)).agent == agent


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("asistant", "did you mean assistant"),
        ("Demo", "did you mean demo"),
        ("x", "choose from assistant, demo, own"),
    ],
)
async def test_an_agent_that_is_not_there_is_refused_by_name_and_takes_no_place(
    store: Path, agent: str, said: str
) -> None:
    async with open_rig(store, settings=replace(QUIET, agents=frozenset({"assistant", "demo"}))) as rig:
        await Worker.register(rig.gateway, child=False, agents=("own",))
        thread_id = await rig.thread()
        running = (await rig.start(thread_id)).run_id

        with pytest.raises(InvalidField, match=said) as refused:
            await rig.start(thread_id, agent=agent, if_running="cancel")

        assert refused.value.field == "agent"
        assert (await rig.gateway.runs.get(ME, running)).status is RunStatus.RUNNING


async def test_an_agent_of_an_outside_worker_or_of_one_that_takes_everything_is_there(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, agents=frozenset({"demo"}))) as rig:
        await Worker.register(rig.gateway, child=False, agents=("own",))
        assert await rig.start(await rig.thread(), agent="own")

        await Worker.register(rig.gateway, child=False, agents=())
        assert await rig.start(await rig.thread(), agent="whatever")


def _count(table: str):
    async def body(tx) -> int:
        return peek(tx, f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608

    return body


FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON journal EXECUTE FUNCTION full_disk();
CREATE TRIGGER full_disk BEFORE INSERT ON runs EXECUTE FUNCTION full_disk()
"""


async def fill_disk(rig: Rig) -> None:
    """From now on every page that the database would add fails as on a full disk."""
    if not rig.database.one_machine:
        await rig.database.write(does(FULL))
        return
    await engine.hop(
        rig.database.engine.writer.connection,
        lambda c: c.execute(
            f"PRAGMA max_page_count = {c.execute('PRAGMA page_count').fetchone()[0]}"
        ).fetchall(),
    )


async def free_disk(rig: Rig) -> None:
    if not rig.database.one_machine:
        await rig.database.write(does("DROP FUNCTION full_disk CASCADE"))
        return
    await engine.hop(
        rig.database.engine.writer.connection,
        lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchall(),
    )
