"""Whatever people, workers, kernels and time do to a thread, its runs obey the laws, and readers see all."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lobu_jupyter.model.errors import LobuError
from lobu_jupyter.model.events import decode
from lobu_jupyter.model.fold import fold
from lobu_jupyter.model.requests import RunsQuery, ThreadPatch
from lobu_jupyter.model.runs import LIVE, RunStatus
from lobu_jupyter.model.runs import Entry as Journaled
from tests import postgres, stores
from tests.gateway.rig import (
    ME,
    Rig,
    Worker,
    approve,
    call,
    failed,
    open_rig,
    paused,
    reject,
    result,
    say,
    success,
)

ACTIONS = st.lists(
    st.sampled_from(
        [
            "start",
            "queue",
            "replace",
            "start_if_waiting",
            "queue_if_waiting",
            "say",
            "pause",
            "succeed",
            "fail",
            "approve",
            "reject",
            "cancel",
            "kernel",
            "crash",
            "sweep",
            "expire",
            "beat",
            "title",
            "fetch",
            "stale",
        ]
    ),
    max_size=25,
)


@pytest.mark.timeout(600)
@pytest.mark.scenario("S2")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions=ACTIONS, cuts=st.lists(st.integers(0, 25), max_size=3))
async def test_the_laws_hold_after_any_actions(actions: list[str], cuts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        await live(stores.new_store(Path(folder)), actions, cuts)


@pytest.mark.processes
@pytest.mark.timeout(600)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions=ACTIONS, cuts=st.lists(st.integers(0, 25), max_size=3))
async def test_the_laws_hold_after_any_actions_in_postgresql(actions: list[str], cuts: list[int]) -> None:
    await live(postgres.new_store(), actions, cuts)


async def live(store: str | Path, actions: list[str], cuts: list[int]) -> None:
    async with open_rig(store) as rig:
        thread_id = await rig.thread(kernel_id="k1")
        machine = Machine(rig, thread_id)
        readers = [asyncio.create_task(machine.follow(0))]
        for number, action in enumerate(actions):
            with suppress(LobuError):  # a legal answer; that it changed nothing is what the checks see
                await getattr(machine, action)()
            await machine.check()
            if number in cuts:
                readers.append(asyncio.create_task(machine.follow(None)))
        await machine.all_attached(len(readers))  # who asks for a thread that is gone is told so, and no more
        await rig.gateway.threads.delete(ME, thread_id)
        seen = await asyncio.wait_for(asyncio.gather(*readers), 60)
        whole = [seq for seq, _ in await machine.rows()]
        for cursor, seqs in seen:
            assert seqs == whole[cursor:]


class Machine:
    def __init__(self, rig: Rig, thread_id: str) -> None:
        self.rig = rig
        self.thread_id = thread_id
        self.worker = rig.worker
        self.count = 0
        self.attached = asyncio.Semaphore(0)

    async def all_attached(self, readers: int) -> None:
        async with asyncio.timeout(60):
            for _ in range(readers):
                await self.attached.acquire()

    def _name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    async def _live(self) -> str:
        runs = await self.rig.gateway.runs.list(ME, RunsQuery(thread_id=self.thread_id, status="running"))
        return runs[0].run_id if runs else "run_none"

    async def start(self, **fields: Any) -> None:
        await self.rig.start(self.thread_id, client_request_id=self._name(), **fields)
        await self.worker.fetch()

    async def queue(self) -> None:
        await self.start(if_running="queue")

    async def replace(self) -> None:
        await self.start(if_running="cancel")

    async def start_if_waiting(self) -> None:
        await self.start(if_waiting="cancel")

    async def queue_if_waiting(self) -> None:
        await self.start(if_waiting="queue")

    async def fetch(self) -> None:
        await self.worker.fetch()

    async def say(self) -> None:
        await self.worker.emit(await self._live(), *say("x", self._name())[:2])

    async def pause(self) -> None:
        name = self._name()
        owed = await self._owed()
        ends = [{"type": "TEXT_MESSAGE_END", "messageId": m} for m in await self._open()]
        events = [*ends, *(result(c) for c in owed), *call(name), paused(name)]
        await self.worker.emit(await self._live(), *events, checkpoint="{}")

    async def succeed(self) -> None:
        ends = [{"type": "TEXT_MESSAGE_END", "messageId": m} for m in await self._open()]
        await self.worker.emit(await self._live(), *ends, *(result(c) for c in await self._owed()), success())

    async def fail(self) -> None:
        await self.worker.emit(await self._live(), failed())

    async def _open(self) -> list[str]:
        state = await self.rig.gateway.runs.snapshot(ME, self.thread_id)
        return [i["id"] for i in state["items"] if i["kind"] == "message" and not i["done"]]

    async def _owed(self) -> list[str]:
        state = await self.rig.gateway.runs.snapshot(ME, self.thread_id)
        return [i["id"] for i in state["items"] if i["kind"] == "tool" and i["status"] == "running"]

    async def approve(self) -> None:
        asked = await self.rig.gateway.policy.interrupts(ME)
        await self.rig.gateway.policy.resume(
            ME, self.thread_id, [approve(i.id.removeprefix("ask-")) for i in asked]
        )

    async def reject(self) -> None:
        asked = await self.rig.gateway.policy.interrupts(ME)
        await self.rig.gateway.policy.resume(
            ME, self.thread_id, [reject(i.id.removeprefix("ask-")) for i in asked]
        )

    async def cancel(self) -> None:
        runs = await self.rig.gateway.runs.list(ME, RunsQuery(thread_id=self.thread_id))
        if runs:
            await self.rig.gateway.runs.cancel(ME, runs[self.count % len(runs)].run_id)

    async def kernel(self) -> None:
        await self.rig.gateway.kernels.event("k1", "restarted")

    async def crash(self) -> None:
        await self.rig.gateway.workers.gone(self.worker.caller.worker_id, exit_code=0)
        self.worker = await Worker.register(self.rig.gateway)

    async def sweep(self) -> None:
        self.rig.clock.advance(31)
        await self.rig.gateway.sweep()

    async def expire(self) -> None:
        self.rig.clock.advance(8 * 24 * 3600)
        await self.rig.gateway.sweep()

    async def beat(self) -> None:
        await self.rig.gateway.workers.heartbeat(self.worker.caller)

    async def title(self) -> None:
        await self.rig.gateway.threads.patch(ME, self.thread_id, ThreadPatch(title=self._name()))

    async def stale(self) -> None:
        thief = await Worker.register(self.rig.gateway, child=False, agents=("none of ours",))
        before = await self.rows()
        with pytest.raises(LobuError):
            await thief.emit(await self._live(), *say("stolen", self._name()))
        assert await self.rows() == before

    async def rows(self) -> list[tuple[int, bytes]]:
        rows = await self.rig.rows(
            "SELECT seq, body FROM events WHERE thread_id = ? ORDER BY seq", self.thread_id
        )
        return [(seq, body) for seq, body in rows]

    async def follow(self, cursor: int | None) -> tuple[int, list[int]]:
        """Read until the thread is deleted."""
        if cursor is None:
            cursor = (await self.rig.gateway.threads.get(ME, self.thread_id)).cursor
        seqs: list[int] = []
        first = True
        try:
            async for page in self.rig.gateway.runs.follow(ME, self.thread_id, cursor):
                seqs += [entry.seq for entry in page]
                if first:  # it comes at once, empty if there is nothing new
                    self.attached.release()
                first = False
        except LobuError:
            return cursor, seqs
        raise AssertionError("a follow of a whole thread ends only with the thread")

    async def check(self) -> None:
        rows = await self.rows()
        assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
        state = await self.rig.gateway.runs.snapshot(ME, self.thread_id)
        assert state == fold([Journaled(seq, body) for seq, body in rows])
        thread = await self.rig.gateway.threads.get(ME, self.thread_id)
        assert (thread.status.value, thread.cursor) == (state["status"], len(rows))
        runs = {
            r.run_id: r for r in await self.rig.gateway.runs.list(ME, RunsQuery(thread_id=self.thread_id))
        }
        folded = {r["runId"]: r["status"] for r in state["runs"]}
        for run_id, run in runs.items():
            assert folded.get(run_id, "queued") == run.status.value
        leases = {row[0] for row in await self.rig.rows("SELECT run_id FROM leases")}
        assert leases == {r.run_id for r in runs.values() if r.status is RunStatus.RUNNING}
        ends = [e["type"] for e in (decode(b) for _, b in rows) if e["type"] in ("RUN_FINISHED", "RUN_ERROR")]
        assert len(ends) == sum(run.status not in LIVE for run in runs.values())
        asked = {i.id for i in await self.rig.gateway.policy.interrupts(ME)}
        assert asked == {i["id"] for i in state["interrupts"]}
        kept = await self.rig.rows("SELECT run_id FROM checkpoints")
        owed = {i["runId"] for i in state["interrupts"]} | {
            runs[r].parent_run_id for r in leases if runs[r].parent_run_id
        }
        assert {row[0] for row in kept} <= owed
