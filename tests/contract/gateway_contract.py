"""What every face of the gateway promises, in process and over HTTP.

A face has the gateway's methods without ``by``: it acts for one person. ``second`` is a face of the
same person on another connection, ``stranger`` one of another person. A worker has ``fetch(wait)``
and ``emit(run_id, *events, checkpoint=None, batch=None)``.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from lobu_jupyter.model.budget import Budget, Budgets
from lobu_jupyter.model.digest import digest_of, digest_of_wire
from lobu_jupyter.model.errors import (
    AlreadyDecided,
    Conflict,
    InvalidField,
    NotFound,
    QuestionChanged,
    RunNotFound,
    ThreadBusy,
    ThreadNotFound,
    ThreadWaiting,
)
from lobu_jupyter.model.events import Event, decode
from lobu_jupyter.model.fold import fold
from lobu_jupyter.model.requests import AuditQuery, NewThread, RunsQuery, StartRun, ThreadPatch, ThreadsQuery
from lobu_jupyter.model.runs import Entry, RunStatus, Started, ThreadStatus
from tests.gateway.rig import approve, call, failed, paused, result, say, success

ENDS = ("RUN_FINISHED", "RUN_ERROR")


async def read(face: Any, thread_id: str, cursor: int | None = 0, **options: Any) -> list[Entry]:
    """All entries of a follow that ends by itself."""
    options.setdefault("follow", False)
    return [e async for page in face.runs.follow(thread_id, cursor, **options) for e in page]


async def journal(face: Any, thread_id: str) -> list[Event]:
    return [decode(entry.body) for entry in await read(face, thread_id)]


async def running(
    face: Any, worker: Any, *, prompt: str = "go", thread_id: str | None = None, **fields: Any
) -> Started:
    thread_id = thread_id or (await face.threads.create()).thread_id
    started = await face.runs.start(thread_id, StartRun(prompt=prompt, **fields))
    await worker.fetch(5)
    return started


async def waiting(face: Any, worker: Any, *calls: str) -> Started:
    started = await running(face, worker)
    asked = [event for name in calls for event in call(name)]
    await worker.emit(started.run_id, *asked, paused(*calls), checkpoint="{}")
    return started


@pytest.mark.scenario("S1")
class GatewayContract:
    """Subclass it with the fixtures ``face``, ``second``, ``stranger`` and ``worker``."""

    async def test_own_limits_are_kept_per_person(self, face: Any, stranger: Any) -> None:
        await face.policy.put_budget(Budgets(run=Budget(tokens=7)))

        mine, theirs = await face.policy.budget(), await stranger.policy.budget()

        assert msgspec.to_builtins(mine["limits"]["own"])["run"]["tokens"] == 7
        assert msgspec.to_builtins(theirs["limits"]["own"])["run"]["tokens"] is None

    async def test_a_thread_is_made_found_again_changed_and_deleted(self, face: Any) -> None:
        made = await face.threads.create(NewThread(title="Sales", name="n", notebook_path="a.ipynb"))
        again = await face.threads.create(NewThread(name="n", notebook_path="a.ipynb", reuse=True))

        changed = await face.threads.patch(made.thread_id, ThreadPatch(title="Costs", archived=True))

        assert again.thread_id == made.thread_id
        assert (changed.title, changed.archived) == ("Costs", True)
        assert [t.thread_id for t in await face.threads.list(ThreadsQuery(search="cost", archived=True))] == [
            made.thread_id
        ]
        await face.threads.delete(made.thread_id)
        with pytest.raises(ThreadNotFound):
            await face.threads.get(made.thread_id)

    @pytest.mark.scenario("E3")
    @pytest.mark.scenario("E5")
    async def test_a_run_from_prompt_to_end_reads_the_same_early_and_late(
        self, face: Any, worker: Any
    ) -> None:
        started = await running(face, worker)
        early: list[Entry] = []

        async def attach() -> None:
            async for page in face.runs.follow(started.thread_id, started.cursor, run_id=started.run_id):
                early.extend(page)

        reader = asyncio.create_task(attach())
        await worker.emit(started.run_id, *say("hello"))
        await worker.emit(started.run_id, *call("c"), result("c"), success())
        await asyncio.wait_for(reader, 20)

        assert early == await read(face, started.thread_id, started.cursor)
        assert [decode(e.body)["type"] for e in early if decode(e.body)["type"] in ENDS] == ["RUN_FINISHED"]
        assert (await face.runs.get(started.run_id)).status is RunStatus.SUCCEEDED
        assert (await face.threads.get(started.thread_id)).status is ThreadStatus.IDLE

    @pytest.mark.scenario("E30")
    async def test_the_snapshot_is_the_fold_of_the_journal(self, face: Any, worker: Any) -> None:
        started = await waiting(face, worker, "c")

        state = await face.runs.snapshot(started.thread_id)

        assert state == fold(await read(face, started.thread_id))
        assert state["status"] == "waiting"

    @pytest.mark.scenario("S3")
    async def test_a_run_goes_on_when_its_reader_leaves(self, face: Any, second: Any, worker: Any) -> None:
        started = await running(face, worker)
        pages = face.runs.follow(started.thread_id, 0)
        await anext(pages)
        await pages.aclose()

        await worker.emit(started.run_id, *say("still here"), success())

        assert (await journal(second, started.thread_id))[-1]["type"] == "RUN_FINISHED"

    @pytest.mark.scenario("E10")
    async def test_the_event_at_the_cursor_is_not_sent_again(self, face: Any, worker: Any) -> None:
        started = await running(face, worker)
        await worker.emit(started.run_id, *say("x"), success())
        whole = await read(face, started.thread_id)

        tail = await read(face, started.thread_id, len(whole) - 2)

        assert tail == whole[-2:]

    @pytest.mark.scenario("E11")
    @pytest.mark.parametrize("cursor", [-1, 999])
    async def test_a_cursor_that_cannot_be_is_refused_by_name(self, face: Any, cursor: int) -> None:
        thread = await face.threads.create()

        with pytest.raises(InvalidField) as refused:
            await read(face, thread.thread_id, cursor)

        assert refused.value.field == "cursor"

    @pytest.mark.scenario("S14")
    async def test_a_start_may_be_repeated(self, face: Any, second: Any) -> None:
        thread = await face.threads.create()
        request = StartRun(prompt="go", client_request_id="once")

        first = await face.runs.start(thread.thread_id, request)

        assert await second.runs.start(thread.thread_id, request) == first
        assert len(await face.runs.list(RunsQuery(thread_id=thread.thread_id))) == 1

    async def test_a_busy_thread_says_so_and_queues_or_cancels(self, face: Any, worker: Any) -> None:
        first = await running(face, worker)

        with pytest.raises(ThreadBusy):
            await face.runs.start(first.thread_id, StartRun(prompt="b"))
        queued = await face.runs.start(first.thread_id, StartRun(prompt="b", if_running="queue"))
        third = await face.runs.start(first.thread_id, StartRun(prompt="c", if_running="cancel"))

        statuses = [(await face.runs.get(run.run_id)).status for run in (first, queued, third)]
        assert statuses == [RunStatus.CANCELLED, RunStatus.QUEUED, RunStatus.RUNNING]

    async def test_a_start_without_prompt_names_the_field(self, face: Any) -> None:
        thread = await face.threads.create()

        with pytest.raises(InvalidField) as refused:
            await face.runs.start(thread.thread_id, StartRun(prompt=""))

        assert refused.value.field == "prompt"

    @pytest.mark.scenario("S7")
    async def test_a_cancel_ends_a_run_once(self, face: Any, second: Any, worker: Any) -> None:
        started = await running(face, worker)

        await asyncio.gather(*(side.runs.cancel(started.run_id) for side in (face, second) * 3))

        ends = [e["type"] for e in await journal(face, started.thread_id) if e["type"] in ENDS]
        assert ends == ["RUN_FINISHED"]
        assert [item.kind for item in await worker.fetch(5)] == ["cancel"]
        with pytest.raises(Conflict):
            await worker.emit(started.run_id, *say("late"))

    @pytest.mark.scenario("S5")
    async def test_a_failed_run_tells_its_error(self, face: Any, worker: Any) -> None:
        started = await running(face, worker)

        await worker.emit(started.run_id, failed())

        run = await face.runs.get(started.run_id)
        assert run.error is not None
        assert run.error.code == "provider_error"

    @pytest.mark.scenario("A2")
    async def test_a_pause_is_decided_once(self, face: Any, second: Any, worker: Any) -> None:
        first = await waiting(face, worker, "c")
        with pytest.raises(ThreadWaiting):
            await face.runs.start(first.thread_id, StartRun(prompt="and?"))

        outcomes = await asyncio.gather(
            *(
                side.policy.resume(first.thread_id, [approve("c", editedArgs={"n": n})])
                for n, side in enumerate((face, second) * 5)
            ),
            return_exceptions=True,
        )

        won = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
        assert [new for _, new in won] == [True]
        assert sum(isinstance(outcome, AlreadyDecided) for outcome in outcomes) == 9, outcomes
        runs = [run.run_id for run in await face.runs.list(RunsQuery(thread_id=first.thread_id))]
        assert sorted(runs) == sorted([first.run_id, won[0][0].run_id])

    @pytest.mark.scenario("A3")
    async def test_the_identical_decision_again_is_harmless(
        self, face: Any, second: Any, worker: Any
    ) -> None:
        first = await waiting(face, worker, "c")
        started, _ = await face.policy.resume(first.thread_id, [approve("c")])

        assert await second.policy.resume(first.thread_id, [approve("c")]) == (started, False)

    async def test_a_decision_that_was_shown_something_else_is_told_the_question(
        self, face: Any, worker: Any
    ) -> None:
        first = await waiting(face, worker, "c")
        (asked,) = await face.policy.interrupts(thread_id=first.thread_id)

        with pytest.raises(QuestionChanged) as refused:
            await face.policy.resume(first.thread_id, [{**approve("c"), "digest": "0" * 64}])

        (question,) = refused.value.detail["interrupts"]
        assert digest_of_wire(question) == digest_of(asked)
        with pytest.raises(InvalidField) as malformed:
            await face.policy.resume(first.thread_id, [{**approve("c"), "digest": "true"}])
        assert malformed.value.field == "resume[0].digest"
        right = {**approve("c"), "digest": digest_of(asked)}
        started, _ = await face.policy.resume(first.thread_id, [right])
        assert await face.policy.resume(first.thread_id, [right]) == (started, False)

    @pytest.mark.scenario("A4")
    async def test_a_decision_of_half_a_pause_is_refused(self, face: Any, worker: Any) -> None:
        first = await waiting(face, worker, "a", "b")

        with pytest.raises(InvalidField, match="ask-b"):
            await face.policy.resume(first.thread_id, [approve("a")])

        assert [asked.id for asked in await face.policy.interrupts(thread_id=first.thread_id)] == [
            "ask-a",
            "ask-b",
        ]

    @pytest.mark.scenario("P10")
    async def test_a_grant_is_listed_and_revoked(self, face: Any, worker: Any) -> None:
        first = await waiting(face, worker, "c")
        await face.policy.resume(first.thread_id, [approve("c", grant="thread")])

        grants = _json(await face.policy.get(thread_id=first.thread_id))["grants"]
        await face.policy.revoke(grants[0]["grantId"])

        assert [(g["tool"], g["scope"]) for g in grants] == [("run_code", "thread")]
        assert not _json(await face.policy.get(thread_id=first.thread_id))["grants"]
        actions = [row["action"] for row in await face.policy.audit(AuditQuery(thread_id=first.thread_id))]
        assert actions == ["revoked", "granted", "decided approve"]

    @pytest.mark.scenario("S13")
    async def test_another_persons_thread_does_not_exist_for_you(
        self, face: Any, stranger: Any, worker: Any
    ) -> None:
        first = await waiting(face, worker, "c")
        thread_id = first.thread_id

        for attempt in (
            stranger.threads.get(thread_id),
            stranger.threads.patch(thread_id, ThreadPatch(title="mine")),
            stranger.threads.delete(thread_id),
            stranger.runs.start(thread_id, StartRun(prompt="x", if_waiting="cancel")),
            stranger.policy.resume(thread_id, [approve("c")]),
            stranger.runs.snapshot(thread_id),
            stranger.runs.export(thread_id, "json"),
            stranger.policy.interrupts(thread_id=thread_id),
            stranger.runs.list(RunsQuery(thread_id=thread_id)),
            stranger.policy.get(thread_id=thread_id),
            read(stranger, thread_id),
        ):
            with pytest.raises(ThreadNotFound):
                await attempt
        for attempt in (stranger.runs.get(first.run_id), stranger.runs.cancel(first.run_id)):
            with pytest.raises(RunNotFound):
                await attempt
        assert await stranger.threads.list() == []
        assert await stranger.policy.interrupts() == []
        assert await stranger.policy.audit() == []
        assert (await face.threads.get(thread_id)).status is ThreadStatus.WAITING

    async def test_a_deleted_threads_follower_sees_the_end_of_its_run(self, face: Any, worker: Any) -> None:
        started = await running(face, worker)
        seen: list[Event] = []

        async def attach() -> None:
            async for page in face.runs.follow(started.thread_id, 0):
                seen.extend(decode(entry.body) for entry in page)

        reader = asyncio.create_task(attach())
        await face.threads.delete(started.thread_id)

        with pytest.raises(NotFound):
            await asyncio.wait_for(reader, 20)
        assert seen == [] or seen[-1]["type"] == "RUN_FINISHED"

    async def test_a_deletion_can_be_taken_back(self, face: Any, worker: Any) -> None:
        started = await running(face, worker)
        await face.threads.delete(started.thread_id)

        restored = await face.threads.restore(started.thread_id)

        assert restored.status is ThreadStatus.IDLE
        assert (await face.runs.get(started.run_id)).status == "cancelled"
        assert started.thread_id in [t.thread_id for t in await face.threads.list()]
        assert await face.threads.restore(started.thread_id) == restored

    async def test_a_search_finds_what_was_said(self, face: Any, worker: Any) -> None:
        started = await running(face, worker, prompt="Plot the zebras")
        begin, first, end = say("There are forty-")
        more = {**first, "delta": "two_percent of them"}
        await worker.emit(started.run_id, begin, first, more, end, success())

        async def found(words: str) -> list[str]:
            return [t.thread_id for t in await face.threads.list(ThreadsQuery(search=words))]

        assert await found("the ZEBRAS") == [started.thread_id]
        assert await found("forty-two_percent") == [started.thread_id]
        assert await found("forty-two-percent") == []
        assert await found("TEXT_MESSAGE") == []

    async def test_a_fork_begins_with_what_was_before_a_run(self, face: Any, worker: Any) -> None:
        first = await running(face, worker, prompt="first zebra")
        await worker.emit(first.run_id, *say("one"), success())
        second = await running(face, worker, prompt="second", thread_id=first.thread_id)
        await worker.emit(second.run_id, success())

        fork = await face.threads.fork(first.thread_id, second.run_id)

        state = await face.runs.snapshot(fork.thread_id)
        assert [run["runId"] for run in state["runs"]] == [first.run_id]
        assert (fork.title, fork.cursor) == ("first zebra", state["cursor"])
        assert {t.thread_id for t in await face.threads.list(ThreadsQuery(search="zebra"))} == {
            first.thread_id,
            fork.thread_id,
        }
        events = await journal(face, fork.thread_id)
        assert {event["threadId"] for event in events if "threadId" in event} == {fork.thread_id}
        with pytest.raises(NotFound):
            await face.threads.fork(fork.thread_id, second.run_id)

    async def test_an_export_holds_the_code_that_ran_as_it_was_decided(self, face: Any, worker: Any) -> None:
        first = await waiting(face, worker, "a", "b")
        decided = [
            approve("a", editedArgs={"code": "2 + 2"}),
            {**approve("b"), "payload": {"approved": False}},
        ]
        started, _ = await face.policy.resume(first.thread_id, decided)
        await worker.fetch(5)
        output = {"output_type": "stream", "name": "stdout", "text": "4\n"}
        shown = {
            "type": "CUSTOM",
            "name": "lobu.output",
            "value": {"toolCallId": "a", "index": 0, "output": output},
        }
        await worker.emit(started.run_id, shown, result("a"), result("b"), *say("done"), success())

        notebook = await face.runs.export(first.thread_id, "notebook")
        whole = await face.runs.export(first.thread_id, "json")

        import nbformat

        nbformat.validate(nbformat.from_dict(notebook))
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        assert [(cell["source"], cell["outputs"]) for cell in code] == [("2 + 2", [output])]
        assert len(whole["events"]) == whole["state"]["cursor"]


def _json(value: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(value)
