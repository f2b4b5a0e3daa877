"""The laws hold while the store fails, callers are cancelled, clocks jump and everything is sent again.

Beyond what test_life_cycle.py checks after every step: what was acknowledged is in the journal, what was
refused is not, a batch may come again and counts once, two decisions at once have one winner, and a task
that goes on with a decision is given out only when the decision is in the journal.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lobu_jupyter.model.errors import LobuError, StoreUnavailable
from lobu_jupyter.model.events import Batch, decode
from lobu_jupyter.model.ports import InboxItem
from lobu_jupyter.model.requests import RunsQuery, StartRun, ThreadPatch
from lobu_jupyter.store.database import Database
from lobu_jupyter.store.engine import HotBatch
from tests import postgres, stores
from tests.gateway.rig import ME, Rig, Worker, approve, batch, open_rig, reject, say

from .test_life_cycle import Machine

USUAL = ["start", "queue", "replace", "pause", "succeed", "approve", "reject", "cancel", "crash", "sweep"]
FAULTS = [
    "say",
    "again",
    "torn_say",
    "torn_start",
    "torn_approve",
    "two_decide",
    "breaks",
    "breaks_between",
    "jump",
    "fetch",
]
ACTIONS = st.lists(st.tuples(st.sampled_from(USUAL + FAULTS * 2), st.integers(0, 3)), min_size=5, max_size=30)


@pytest.mark.timeout(600)
@pytest.mark.scenario("H6", "W4", "A2", "S14")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions=ACTIONS)
async def test_the_laws_hold_under_faults(actions: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        await endure(one_writer(stores.new_store(Path(folder))), actions)


@pytest.mark.processes
@pytest.mark.timeout(600)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions=ACTIONS)
async def test_the_laws_hold_under_faults_in_postgresql(actions: list[tuple[str, int]]) -> None:
    await endure(one_writer(postgres.new_store()), actions)


def one_writer(store: str | Path) -> str | Path:
    """A store with one connection that writes, so that a body that is through says that those before it are."""
    return f"{store}&writers=1" if isinstance(store, str) else store


async def endure(store: str | Path, actions: list[tuple[str, int]]) -> None:
    async with open_rig(store) as rig:
        thread_id = await rig.thread(kernel_id="k1")
        machine = Faulty(rig, thread_id)
        reader = asyncio.create_task(machine.follow(0))
        for action, number in actions:
            machine.number = number
            with suppress(LobuError):
                await getattr(machine, action)()
            machine.store.heal()
            await machine.check()
        await machine.store.settled()
        await rig.gateway.threads.delete(ME, thread_id)
        _, seqs = await asyncio.wait_for(reader, 60)
        assert seqs == [seq for seq, _ in await machine.rows()]


class Store:
    """Makes the transactions of a database fail while it is not healthy: all of them are rolled back.

    ``after``: how many statements of a body still succeed; None: all of them, and its commit fails.
    """

    def __init__(self, database: Database) -> None:
        self.healthy = True
        self.after: int | None = None
        self._database = database
        for lane in database.engine.lanes:
            lane.commit = partial(self.commit, lane.commit)  # type: ignore[method-assign]
        road = database.engine.fast_road
        if road is not None:
            road.take = partial(self.take, road.take)  # type: ignore[method-assign]

    def fail(self, after: int | None = None) -> None:
        self.healthy, self.after = False, after

    def heal(self) -> None:
        self.healthy = True

    async def commit(self, commit: Any, bodies: Sequence[Any]) -> list[Any]:
        if self.healthy:
            return await commit(bodies)
        return await commit([partial(_and_fail, body, self.after) for body in bodies])

    async def take(self, take: Any, hot: HotBatch, after: Any) -> Any:
        return await take(hot, after) if self.healthy else None

    async def settled(self) -> None:
        """All that was handed in is committed, whoever still waits for it."""

        async def nothing(tx: Any) -> None: ...

        road = self._database.engine.fast_road
        if road is not None:
            await road.take(HotBatch("run_none", 1, "worker_none", 1, None, [b"{}"]), lambda row: None)
        await self._database.write(nothing)


async def _and_fail(body: Any, after: int | None, tx: Any) -> None:
    await body(tx if after is None else _Failing(tx, after))
    raise StoreUnavailable("the disk is full")


class _Failing:
    """A transaction whose database goes away after some statements."""

    def __init__(self, tx: Any, left: int) -> None:
        self._tx = tx
        self._left = left

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._tx, name)
        return partial(self._execute, found) if name in ("one", "all", "run") else found

    async def _execute(self, statement: Any, query: str, **params: Any) -> Any:
        if not self._left:
            raise StoreUnavailable("the connection is lost")
        self._left -= 1
        return await statement(query, **params)


class Faulty(Machine):
    def __init__(self, rig: Rig, thread_id: str) -> None:
        super().__init__(rig, thread_id)
        self.store = Store(rig.database)
        self.number = 0
        self.accepted: set[str] = set()  # message ids that were acknowledged
        self.refused: set[str] = set()
        self.last: tuple[Worker, Batch] | None = None

    # -- what a worker does -----------------------------------------------------------------------

    async def say(self) -> None:
        name, part = await self._next()
        try:
            await self.rig.gateway.workers.ingest(self.worker.caller, part)
        except LobuError:
            self.refused.add(name)
            raise
        self._acked(name, part)

    async def again(self) -> None:
        """The last batch once more, as after a lost answer: it is acknowledged and changes nothing."""
        if self.last is None or self.last[0] is not self.worker:
            return
        before = await self.rows()
        with suppress(LobuError):  # a later batch, or the end, may have come meanwhile
            await self.rig.gateway.workers.ingest(self.worker.caller, self.last[1])
        assert await self.rows() == before

    async def torn_say(self) -> None:
        """The caller is cancelled in mid-batch; sent again, it is in the journal once."""
        name, part = await self._next()
        await self._torn(lambda: self.rig.gateway.workers.ingest(self.worker.caller, part))
        try:
            await self.rig.gateway.workers.ingest(self.worker.caller, part)
        except LobuError:
            self.refused.add(name)
            raise
        self._acked(name, part)

    async def _next(self) -> tuple[str, Batch]:
        name, run = self._name(), await self._live()
        number = self.worker.batches.get(run, 0) + 1
        return name, batch(run, self.worker.caller.incarnation, number, *say("x", name))

    def _acked(self, name: str, part: Batch) -> None:
        self.accepted.add(name)
        self.worker.batches[part.run_id] = part.batch
        self.last = (self.worker, part)

    async def fetch(self) -> None:
        self._look_at(await self.worker.fetch(), await self.rows())

    def _look_at(self, items: list[InboxItem], rows: list[tuple[int, bytes]]) -> None:
        events = [decode(body) for _, body in rows]
        told = [e["value"]["decision"]["interruptId"] for e in events if e.get("name") == "lobu.decision"]
        for item in items:
            if item.task is not None and item.task.resumption is not None:
                for decision in item.task.resumption.decisions:
                    assert told.count(decision.interrupt_id) == 1

    # -- what people do ---------------------------------------------------------------------------

    async def torn_start(self) -> None:
        """A start whose answer was lost, tried again with the same id: one run."""
        request = StartRun(prompt="go", client_request_id=self._name(), if_running="queue")
        await self._torn(lambda: self.rig.gateway.runs.start(ME, self.thread_id, request))
        first = await self.rig.gateway.runs.start(ME, self.thread_id, request)
        again = await self.rig.gateway.runs.start(ME, self.thread_id, request)
        assert first.run_id == again.run_id
        await self.fetch()

    async def torn_approve(self) -> None:
        entries = await self._entries(approve)
        if entries:
            await self._torn(lambda: self.rig.gateway.policy.resume(ME, self.thread_id, entries))
            first, _ = await self.rig.gateway.policy.resume(ME, self.thread_id, entries)
            again, is_new = await self.rig.gateway.policy.resume(ME, self.thread_id, entries)
            assert (again.run_id, is_new) == (first.run_id, False)

    async def two_decide(self) -> None:
        yes, no = await self._entries(approve), await self._entries(reject)
        if yes:
            calls = [
                self.rig.gateway.policy.resume(ME, self.thread_id, entries) for entries in (yes, no, yes)
            ]
            answers = await asyncio.gather(*calls, return_exceptions=True)
            runs = {answer[0].run_id for answer in answers if not isinstance(answer, BaseException)}
            assert len(runs) <= 1
            assert all(isinstance(a, LobuError) for a in answers if isinstance(a, BaseException))

    async def _entries(self, decide: Callable[[str], dict[str, Any]]) -> list[dict[str, Any]]:
        asked = await self.rig.gateway.policy.interrupts(ME)
        return [decide(interrupt.id.removeprefix("ask-")) for interrupt in asked]

    # -- what happens -----------------------------------------------------------------------------

    async def breaks(self) -> None:
        """While the disk is full nothing is accepted; what was refused is nowhere."""
        await self._nothing_is_kept(None)

    async def breaks_between(self) -> None:
        """The database goes away between two statements of a body; what was refused is nowhere."""
        await self._nothing_is_kept(1 + self.count % 12)

    async def _nothing_is_kept(self, after: int | None) -> None:
        before = await self.rows()
        self.store.fail(after)
        with pytest.raises(LobuError):
            await [self.say, self.replace, self._cancel_any, self._rename][self.number]()
        self.store.heal()
        assert await self.rows() == before

    async def _cancel_any(self) -> None:
        runs = await self.rig.gateway.runs.list(ME, RunsQuery(thread_id=self.thread_id))
        await self.rig.gateway.runs.cancel(ME, runs[0].run_id if runs else "run_none")

    async def _rename(self) -> None:
        await self.rig.gateway.threads.patch(ME, self.thread_id, ThreadPatch(title=self._name()))

    async def jump(self) -> None:
        """The wall clock is set, forward or back."""
        self.rig.clock.advance([5, -3600, 60, -1][self.number])
        await self.rig.gateway.sweep()

    async def _torn(self, call: Callable[[], Awaitable[Any]]) -> None:
        """Call, and be cancelled after so many turns of the loop."""
        task = asyncio.ensure_future(call())
        for _ in range(self.number):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError, LobuError):
            await task
        await self.store.settled()

    async def check(self) -> None:
        await super().check()
        journal = b"\n".join(body for _, body in await self.rows())
        for name in self.accepted:
            assert journal.count(b'"messageId":"%s"' % name.encode()) == 3
        for name in self.refused:
            assert b'"messageId":"%s"' % name.encode() not in journal
