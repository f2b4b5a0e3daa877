"""Batches of a worker: whole, once, in order, and only from who holds the lease."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.model.errors import (
    Conflict,
    InvalidField,
    RunEnded,
    StaleIncarnation,
    StoreUnavailable,
    TooLarge,
)
from lobu_jupyter.model.requests import ThreadsQuery
from lobu_jupyter.model.runs import RunStatus
from lobu_jupyter.model.usage import usages_of
from tests.gateway.rig import (
    ME,
    QUIET,
    Rig,
    Worker,
    batch,
    call,
    failed,
    open_rig,
    paused,
    result,
    say,
    success,
)

from .test_start import fill_disk, free_disk


@pytest.mark.scenario("H2")
async def test_equal_events_are_kept_and_a_repeated_batch_counts_once(rig: Rig) -> None:
    run = await rig.running()
    start, delta, end = say("ha")
    first = await rig.worker.emit(run.run_id, start, delta, delta, end)

    repeated = await rig.gateway.workers.ingest(
        rig.worker.caller, batch(run.run_id, rig.worker.caller.incarnation, 1, start, delta, delta, end)
    )

    assert repeated == first
    assert (await rig.types(run.thread_id)).count("TEXT_MESSAGE_CONTENT") == 2


@pytest.mark.scenario("H1")
@pytest.mark.parametrize("number", [3, 7])
async def test_a_gap_between_batches_is_refused(rig: Rig, number: int) -> None:
    run = await rig.running()
    await rig.worker.emit(run.run_id, *say("one"))

    with pytest.raises(Conflict) as refused:
        await rig.gateway.workers.ingest(
            rig.worker.caller, batch(run.run_id, rig.worker.caller.incarnation, number, *say("x", "m2"))
        )

    assert refused.value.detail == {"expected": 2}


async def test_an_older_batch_is_refused(rig: Rig) -> None:
    run = await rig.running()
    for number in range(3):
        await rig.worker.emit(run.run_id, *say("one", f"m{number}"))

    with pytest.raises(Conflict):
        await rig.gateway.workers.ingest(
            rig.worker.caller, batch(run.run_id, rig.worker.caller.incarnation, 2, *say("one", "m1"))
        )


@pytest.mark.scenario("H3")
@pytest.mark.parametrize(
    ("events", "field"),
    [
        ([*say("x"), {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m9", "delta": "?"}], "events[3]"),
        ([*say("x"), {"type": "TOOL_CALL_START", "toolCallId": "c"}], "events[3].toolCallName"),
        ([success(), *say("x")], "events[1]"),
        ([*say("x"), {"type": "CUSTOM", "name": "lobu.decision", "value": {}}], "events[3].name"),
        ([success(outcome={"type": "perhaps"})], "events[0].outcome.type"),
        ([*call("c"), success()], "events[3]"),
    ],
)
async def test_a_batch_with_one_bad_event_changes_nothing(rig: Rig, events: list, field: str) -> None:
    run = await rig.running()
    await rig.worker.emit(run.run_id, *say("before", "m0"))
    before = await rig.journal(run.thread_id)

    with pytest.raises(InvalidField) as refused:
        await rig.worker.emit(run.run_id, *events)

    assert refused.value.field is not None
    assert refused.value.field.startswith(field)
    assert await rig.journal(run.thread_id) == before
    await rig.worker.emit(run.run_id, *say("after", "m1"), success())
    assert (await rig.run(run.run_id)).status is RunStatus.SUCCEEDED


@pytest.mark.scenario("S11")
@pytest.mark.scenario("W18")
@pytest.mark.scenario("S2")
async def test_what_a_superseded_run_still_writes_changes_nothing(rig: Rig) -> None:
    old = await rig.running()
    new = await rig.start(old.thread_id, if_running="cancel")
    await rig.worker.fetch()
    await rig.worker.emit(new.run_id, *say("new"))
    before = await rig.journal(old.thread_id)

    for events, checkpoint in (
        (say("late", "m7"), None),
        ([success()], None),
        ([failed()], None),
        ([*call("c"), paused("c")], "late checkpoint"),
    ):
        with pytest.raises(RunEnded):
            await rig.worker.emit(old.run_id, *events, checkpoint=checkpoint)

    assert await rig.journal(old.thread_id) == before
    assert (await rig.run(old.run_id)).status is RunStatus.CANCELLED
    assert await rig.rows("SELECT * FROM checkpoints") == []


@pytest.mark.scenario("W4")
async def test_the_end_is_repeated_harmlessly_after_its_ack_was_lost(rig: Rig) -> None:
    run = await rig.running()
    first = await rig.worker.emit(run.run_id, *say("done"), success())

    again = await rig.gateway.workers.ingest(
        rig.worker.caller, batch(run.run_id, rig.worker.caller.incarnation, 1, *say("done"), success())
    )

    assert again == first
    assert (await rig.types(run.thread_id)).count("RUN_FINISHED") == 1
    assert await rig.rows("SELECT * FROM leases") == []


async def test_another_worker_cannot_write_to_the_run(rig: Rig) -> None:
    run = await rig.running()
    thief = await Worker.register(rig.gateway)

    with pytest.raises(StaleIncarnation):
        await thief.emit(run.run_id, *say("mine"))
    with pytest.raises(StaleIncarnation):
        await rig.gateway.workers.ingest(
            thief.caller, batch(run.run_id, rig.worker.caller.incarnation, 1, *say("x"))
        )


async def test_usage_is_summed_and_the_end_names_thread_and_run(rig: Rig) -> None:
    run = await rig.running()

    usage = [{"inputTokens": 2, "model": "a"}, {"inputTokens": 3, "outputTokens": 1}]
    await rig.worker.emit(run.run_id, success(usage=usage))

    assert (await rig.run(run.run_id)).usage == {"inputTokens": 5, "outputTokens": 1}
    end = (await rig.journal(run.thread_id))[-1]
    assert (end["threadId"], end["runId"]) == (run.thread_id, run.run_id)


@pytest.mark.parametrize("end", ["RUN_FINISHED", "RUN_ERROR"])
async def test_what_a_usage_says_beyond_tokens_stands_in_the_events_own_metadata(rig: Rig, end: str) -> None:
    run = await rig.running()
    usage = [{"inputTokens": 2, "model": "a", "metadata": {"cost": 0.5}}, {"outputTokens": 1}]
    given = {"usage": usage, "metadata": {"mine": 1}}

    last = (
        success(**given)
        if end == "RUN_FINISHED"
        else {"type": end, "message": "no", "code": "internal", **given}
    )
    await rig.worker.emit(run.run_id, last)

    event = (await rig.journal(run.thread_id))[-1]
    assert event["usage"] == [{"inputTokens": 2, "model": "a"}, {"outputTokens": 1}]
    assert event["metadata"] == {"mine": 1, "lobu": {"usage": [{"cost": 0.5}, {}]}}
    assert usages_of(event) == usage
    state = await rig.gateway.runs.snapshot(ME, run.thread_id)
    assert state["runs"][0]["usage"] == usage
    assert await rig.rows("SELECT micros, unpriced FROM spending WHERE scope = 'thread'") == [(500_000, 1)]


@pytest.mark.parametrize(
    ("entry", "member"),
    [
        ({"inputTokens": -1}, "inputTokens"),
        ({"inputTokens": "5"}, "inputTokens"),
        ({"outputTokens": 1.5}, "outputTokens"),
        ({"totalTokens": True}, "totalTokens"),
        ({"model": 5}, "model"),
        ({"provider": {}}, "provider"),
    ],
)
async def test_a_usage_that_no_client_could_read_is_refused_by_name(
    rig: Rig, entry: dict[str, Any], member: str
) -> None:
    run = await rig.running()

    with pytest.raises(InvalidField) as refused:
        await rig.worker.emit(run.run_id, success(usage=[{}, entry]))

    assert refused.value.field == f"events[0].usage[1].{member}"


async def test_unknown_events_are_kept_as_raw_and_a_workers_run_started_is_left_out(rig: Rig) -> None:
    run = await rig.running()

    await rig.worker.emit(
        run.run_id, {"type": "RUN_STARTED", "threadId": "t", "runId": "r"}, {"type": "NEW_THING", "x": 1}
    )

    assert (await rig.types(run.thread_id))[-2:] == ["RUN_STARTED", "RAW"]


@pytest.mark.scenario("S17")
async def test_a_terminal_that_the_store_cannot_take_is_seen_by_nobody(rig: Rig) -> None:
    run = await rig.running()
    await fill_disk(rig)
    big = {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m1", "delta": "x" * 60_000}
    start, _, end = say("")

    with pytest.raises(StoreUnavailable, match="make room"):
        await rig.worker.emit(run.run_id, start, big, big, big, end, success())

    assert await rig.types(run.thread_id) == ["CUSTOM", "RUN_STARTED"]
    assert (await rig.run(run.run_id)).status is RunStatus.RUNNING
    await free_disk(rig)
    await rig.worker.emit(run.run_id, start, big, big, big, end, success())
    assert (await rig.types(run.thread_id)).count("RUN_FINISHED") == 1


@pytest.mark.scenario("A30")
@pytest.mark.parametrize(
    ("end", "checkpoint", "field"),
    [
        (success(), "{}", "checkpoint"),
        (paused("c"), None, "checkpoint"),
        (paused("d"), "{}", "events[4]"),
        (paused("c", id=""), "{}", "events[4].outcome.interrupts[0].id"),
    ],
)
async def test_a_checkpoint_goes_with_a_pause_and_only_there(
    rig: Rig, end: dict, checkpoint: str | None, field: str
) -> None:
    run = await rig.running()
    events = [*call("c"), end] if checkpoint is None or end["outcome"]["type"] == "interrupt" else [end]

    with pytest.raises(InvalidField) as refused:
        await rig.worker.emit(run.run_id, *events, checkpoint=checkpoint)

    assert refused.value.field is not None
    assert refused.value.field.startswith(field.replace("events[4]", f"events[{len(events) - 1}]"))
    assert await rig.rows("SELECT * FROM checkpoints") == []


@pytest.mark.scenario("A30")
async def test_a_checkpoint_that_is_too_large_is_a_clear_error(store: Path) -> None:
    async with open_rig(store, settings=replace(QUIET, max_checkpoint_bytes=10)) as rig:
        run = await rig.running()

        with pytest.raises(TooLarge, match="11 bytes; 10"):
            await rig.worker.emit(run.run_id, *call("c"), paused("c"), checkpoint="x" * 11)

        assert (await rig.run(run.run_id)).status is RunStatus.RUNNING


async def test_a_pause_tells_tool_arguments_and_expiry_of_its_calls(rig: Rig) -> None:
    await rig.waiting("c")

    (asked,) = await rig.gateway.policy.interrupts(ME)

    assert (asked.tool_name, asked.args) == ("run_code", {"code": "1 + 1"})
    assert asked.expires_at == "2027-01-22T08:00:00.000Z"


@pytest.mark.scenario("H6")
async def test_a_slice_rebuilt_from_the_journal_judges_as_the_one_that_was_kept(rig: Rig) -> None:
    run = await rig.running()
    chunk = {"type": "TEXT_MESSAGE_CHUNK", "messageId": "m1", "role": "assistant", "delta": "a"}
    await rig.worker.emit(run.run_id, {"type": "STEP_STARTED", "stepName": "s"}, *call("c"), chunk)
    rig.gateway._ctx.slices.drop(run.run_id)  # as after a restart

    await rig.worker.emit(run.run_id, {**chunk, "delta": "b"})
    rig.gateway._ctx.slices.drop(run.run_id)
    with pytest.raises(InvalidField):
        await rig.worker.emit(run.run_id, *call("c"))
    await rig.worker.emit(run.run_id, result("c"), {"type": "STEP_FINISHED", "stepName": "s"}, success())

    types = await rig.types(run.thread_id)
    assert types.count("TEXT_MESSAGE_START") == types.count("TEXT_MESSAGE_END") == 1


CRASH = """
import asyncio, os, sys
from pathlib import Path
from tests.peek import kind_of
from tests.gateway.rig import open_rig, call, paused, success

async def main(path, statement, how):
    async with open_rig(Path(path)) as rig:
        run = await rig.running()
        count = 0
        def counted(real):
            async def method(self, *args, **kwargs):
                nonlocal count
                count += 1
                if count == statement:
                    os._exit(9)
                return await real(self, *args, **kwargs)
            return method
        kind = await kind_of(rig.database)
        for name in ("one", "all", "run"):
            setattr(kind, name, counted(getattr(kind, name)))
        if how == "pause":
            await rig.worker.emit(run.run_id, *call("c"), paused("c"), checkpoint="{}")
        else:
            await rig.worker.emit(run.run_id, success())
        os._exit(0)

asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
"""


async def crash(path: Path, statement: int, how: str) -> int:
    """A server that is killed at a statement of its worker's last batch: its exit code, 0 if it came through."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CRASH, str(path), str(statement), how, env=env
    )
    return await asyncio.wait_for(child.wait(), 60)


@pytest.mark.scenario("W4")
@pytest.mark.processes
async def test_a_server_killed_inside_an_end_leaves_end_and_discharge_or_neither(tmp_path: Path) -> None:
    """And whoever sweeps afterwards adds no second end."""
    found: list[tuple[int, bool]] = []
    for statement in range(1, 40, 3):
        path = tmp_path / f"{statement}.sqlite"
        code = await crash(path, statement, "end")
        async with open_rig(path) as rig:
            before = {
                bool(await rig.rows("SELECT 1 FROM events WHERE instr(body, 'RUN_FINISHED')")),
                not await rig.rows("SELECT 1 FROM leases"),
                bool(await rig.rows("SELECT 1 FROM runs WHERE status = 'succeeded'")),
            }
            await rig.gateway.recover()
            rig.clock.advance(61)
            await rig.gateway.sweep()
            ends = await rig.rows(
                "SELECT 1 FROM events WHERE instr(body, 'RUN_FINISHED') OR instr(body, 'RUN_ERROR')"
            )
            assert len(ends) == 1
            assert await rig.rows("SELECT 1 FROM leases") == []
        assert len(before) == 1, (statement, before)
        found.append((code, before.pop()))
        if code == 0:
            break

    assert found[0] == (9, False)
    assert found[-1] == (0, True)


@pytest.mark.scenario("A1")
@pytest.mark.processes
async def test_a_server_killed_inside_the_pause_leaves_all_of_it_or_nothing(tmp_path: Path) -> None:
    """The kill comes at every third statement of the transaction, and once right after it."""
    outcomes = []
    for statement in range(1, 40, 3):
        path = tmp_path / f"{statement}.sqlite"
        code = await crash(path, statement, "pause")

        async with open_rig(path) as rig:
            paused_ = await rig.rows("SELECT 1 FROM runs WHERE status = 'interrupted'")
            asked = await rig.rows("SELECT 1 FROM interrupts")
            kept = await rig.rows("SELECT 1 FROM checkpoints")
            ended = await rig.rows("SELECT 1 FROM events WHERE instr(body, 'RUN_FINISHED')")
            calls = await rig.rows("SELECT 1 FROM events WHERE instr(body, 'TOOL_CALL_START')")
        present = {bool(rows) for rows in (paused_, asked, kept, ended, calls)}
        outcomes.append((code, present))
        if code == 0:
            break
    assert outcomes[-1] == (0, {True})
    assert [outcome for outcome in outcomes if outcome[0] == 9] == [(9, {False})] * (len(outcomes) - 1)


async def test_a_run_that_streams_keeps_its_lease_and_its_thread_is_as_fresh(rig: Rig) -> None:
    run = await rig.running()
    begun = (await rig.gateway.threads.get(ME, run.thread_id)).updated_at

    for second in range(40):
        rig.clock.advance(1)
        await rig.worker.emit(run.run_id, *say("x", f"m{second}"))
    await rig.gateway.sweep()

    assert (await rig.gateway.runs.get(ME, run.run_id)).status == "running"
    assert (await rig.gateway.threads.get(ME, run.thread_id)).updated_at > begun


async def test_batches_that_came_together_are_journaled_or_refused_each_by_itself(rig: Rig) -> None:
    first, second = await rig.running(), await rig.running()
    inc = rig.worker.caller.incarnation
    given = [
        batch(first.run_id, inc, 1, *say("a")),
        batch(second.run_id, inc, 1, {"type": "TEXT_MESSAGE_END", "messageId": "never opened"}),
        batch(first.run_id, inc, 3, *say("b", "m2")),
        batch(second.run_id, inc + 1, 1, *say("c")),
        batch(first.run_id, inc, 2, *say("d", "m3"), success()),
    ]

    taken = await rig.gateway.workers.ingest_each(rig.worker.caller, given)

    assert [type(each) for each in taken] == [dict, InvalidField, Conflict, StaleIncarnation, dict]
    assert (await rig.gateway.runs.get(ME, first.run_id)).status == "succeeded"
    assert (await rig.gateway.runs.get(ME, second.run_id)).status == "running"


async def test_what_was_said_in_chunks_before_and_after_a_restart_is_found_once_the_run_was_cancelled(
    rig: Rig,
) -> None:
    run = await rig.running()
    first, *rest = ({"type": "TEXT_MESSAGE_CHUNK", "delta": part} for part in ("for", "ty-", "two"))
    await rig.worker.emit(run.run_id, {**first, "messageId": "m", "role": "assistant"}, rest[0])
    rig.gateway._ctx.slices.drop(run.run_id)  # as after a restart
    await rig.worker.emit(run.run_id, rest[1])
    before = await rig.gateway.threads.list(ME, ThreadsQuery(search="forty-two"))

    await rig.gateway.runs.cancel(ME, run.run_id)

    assert before == []
    assert [t.thread_id for t in await rig.gateway.threads.list(ME, ThreadsQuery(search="forty-two"))] == [
        run.thread_id
    ]
