"""The outbox of webhooks: written with what it tells, delivered by one server at a time, bounded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lobu_jupyter.gateway import outbox
from lobu_jupyter.model.clock import FakeClock
from lobu_jupyter.model.errors import LobuError
from lobu_jupyter.model.webhooks import Hook
from tests.gateway.rig import ME, QUIET, Rig, approve, failed, open_rig, result, say, success

HOOK = Hook(name="ops", url="https://example.org/hook/secret", key=b"k" * 32)


def told(settings: Any = QUIET, *hooks: Hook) -> Any:
    from dataclasses import replace

    return replace(settings, webhooks=hooks or (HOOK,), public_url="https://lab.example.org/")


async def bodies(rig: Rig, hook: Hook = HOOK) -> list[dict[str, Any]]:
    deliveries, _ = await rig.gateway.webhooks.due(hook)
    return [json.loads(delivery.body) for delivery in deliveries]


async def test_a_question_its_decision_and_the_ends_are_told_without_content(store: Path) -> None:
    async with open_rig(store, settings=told()) as rig:
        thread = await rig.thread(title="Sales", notebook_path="a b.ipynb")
        await rig.waiting("c1", thread_id=thread)
        started, _ = await rig.gateway.policy.resume(ME, thread, [approve("c1")])
        await rig.worker.fetch()
        await rig.worker.emit(started.run_id, result("c1"), *say("the answer"), success())
        found = await bodies(rig)

    assert [body["type"] for body in found] == [
        "question.opened",
        "run.ended",
        "question.decided",
        "run.ended",
    ]
    opened, paused, decided, ended = (body["data"] for body in found)
    assert opened["link"] == "https://lab.example.org/lab/tree/a%20b.ipynb"
    assert (opened["interruptId"], opened["title"], opened["owner"]) == ("ask-c1", "Sales", "ada")
    assert (paused["outcome"], ended["outcome"]) == ("interrupted", "succeeded")
    assert (decided["status"], decided["decision"]) == ("resolved", "approve")
    assert "run_code" not in json.dumps(found)
    assert "the answer" not in json.dumps(found)


async def test_content_and_events_are_chosen_for_each_webhook(store: Path) -> None:
    all_of_it = msgspec.structs.replace(HOOK, name="all", content=True)
    one = msgspec.structs.replace(HOOK, name="one", events=("budget.exceeded",))
    async with open_rig(store, settings=told(QUIET, all_of_it, one)) as rig:
        await rig.waiting("c1")
        started = await rig.running()
        await rig.worker.emit(started.run_id, failed("budget_exceeded", "the limit is 40 tokens"))
        everything, little = await bodies(rig, all_of_it), await bodies(rig, one)

    assert everything[0]["data"]["toolName"] == "run_code"
    assert [body["type"] for body in little] == ["budget.exceeded"]
    assert "message" not in little[0]["data"]
    ends = [body for body in everything if body["type"] == "run.ended"]
    assert (ends[-1]["data"]["errorCode"], ends[-1]["data"]["message"]) == (
        "budget_exceeded",
        "the limit is 40 tokens",
    )


async def test_a_refused_batch_tells_nothing(store: Path) -> None:
    async with open_rig(store, settings=told()) as rig:
        started = await rig.running()
        with pytest.raises(LobuError):
            await rig.worker.emit(
                started.run_id,
                *say("a"),
                {"type": "TEXT_MESSAGE_CONTENT", "messageId": "none", "delta": "x"},
                success(),
            )

        assert await bodies(rig) == []


async def test_one_server_at_a_time_and_another_once_it_is_gone(store: Path) -> None:
    clock = FakeClock()
    async with (
        open_rig(store, settings=told(), clock=clock) as first,
        open_rig(store, settings=told(), clock=clock) as second,
    ):
        await first.waiting("c1")
        assert await first.gateway.webhooks.lease(HOOK)
        assert await first.gateway.webhooks.lease(HOOK)
        assert not await second.gateway.webhooks.lease(HOOK)
        (before, *_), _ = await first.gateway.webhooks.due(HOOK)
        clock.advance(outbox.LEASE_SECONDS + 1)
        assert await second.gateway.webhooks.lease(HOOK)  # the first one said nothing any more
        (after, *_), _ = await second.gateway.webhooks.due(HOOK)
        assert after.event_id == before.event_id  # at least once, under one id
        await second.gateway.webhooks.let_go(HOOK)
        assert await first.gateway.webhooks.lease(HOOK)


async def test_a_failed_attempt_is_due_later_and_a_delivery_is_removed(store: Path) -> None:
    async with open_rig(store, settings=told()) as rig:
        started = await rig.running()
        await rig.worker.emit(started.run_id, success())
        hooks = rig.gateway.webhooks
        await hooks.lease(HOOK)
        (delivery,), _ = await hooks.due(HOOK)
        await hooks.failed(HOOK, delivery, "HTTP 500", 30.0)
        assert await hooks.due(HOOK) == ([], 30.0)
        rig.clock.advance(30)
        (again,), _ = await hooks.due(HOOK)
        assert (again.event_id, again.attempts) == (delivery.event_id, 1)
        await hooks.delivered(HOOK, again)
        await hooks.delivered(HOOK, again)  # two servers may both say so
        (state,) = await hooks.state()

    assert state == {
        "name": "ops",
        "host": "example.org",
        "off": False,
        "waiting": 0,
        "delivered": 1,
        "failed": 1,
        "dropped": 0,
        "lastError": "",
    }


async def test_one_that_is_gone_is_told_nothing_until_it_has_another_address(store: Path) -> None:
    async with open_rig(store, settings=told()) as rig:
        await rig.waiting("c1")
        await rig.gateway.webhooks.lease(HOOK)
        await rig.gateway.webhooks.turn_off(HOOK, "HTTP 410")
        await rig.waiting("c1")
        assert await bodies(rig) == []
        assert not await rig.gateway.webhooks.lease(HOOK)
        assert (await rig.gateway.webhooks.state())[0]["off"]
    moved = msgspec.structs.replace(HOOK, url="https://example.org/other")
    async with open_rig(store, settings=told(QUIET, moved)) as rig:
        await rig.waiting("c1")
        assert len(await bodies(rig, moved)) == 2
        assert await rig.gateway.webhooks.lease(moved)


async def test_what_is_too_old_or_too_many_is_dropped_and_counted(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_ROWS", 3)
    async with open_rig(store, settings=told()) as rig:
        await rig.gateway.webhooks.lease(HOOK)
        for _ in range(5):
            started = await rig.running()
            await rig.worker.emit(started.run_id, success())
        last = (await rig.gateway.webhooks.due(HOOK))[0][-1]
        await rig.gateway.webhooks.trim()
        left, _ = await rig.gateway.webhooks.due(HOOK)
        assert len(left) == 3
        assert left[-1].event_id == last.event_id
        rig.clock.advance(outbox.MAX_AGE + 1)
        await rig.gateway.webhooks.trim()
        assert await bodies(rig) == []
        assert (await rig.gateway.webhooks.state())[0]["dropped"] == 5


async def test_without_webhooks_nothing_is_written(rig: Rig) -> None:
    await rig.waiting("c1")

    assert await rig.rows("SELECT count(*) FROM outbox") == [(0,)]
    assert await rig.gateway.webhooks.state() == []
