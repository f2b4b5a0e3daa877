"""Events on their way: in order, once each, gathered for a moment, bounded."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from lobu_jupyter.client.errors import ServerGone
from lobu_jupyter.model.errors import RunEnded
from lobu_jupyter.worker.batcher import MAX_EVENTS, MAX_WAITING_BYTES, Batcher
from lobu_jupyter.worker.gateway_link import Link

from .gateway import a_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .gateway import FakeGateway


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with a_gateway() as gateway:
        yield gateway


@pytest.fixture
async def link(gateway: FakeGateway) -> AsyncIterator[Link]:
    link = Link(gateway.url, "ticket", patience=5)
    await link.register("agent-host", [], ())
    yield link
    await link.close()


def text(delta: str, message: str = "m1") -> dict[str, Any]:
    return {"type": "TEXT_MESSAGE_CONTENT", "messageId": message, "delta": delta}


def note(n: int) -> dict[str, Any]:
    return {"type": "CUSTOM", "name": "n", "value": n}


END = {"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "outcome": {"type": "success"}}


async def _send_all(link: Link, events: list[dict[str, Any]]) -> None:
    batcher = Batcher("r", link.incarnation, link.events)
    pumping = asyncio.create_task(batcher.pump())
    for event in events:
        await batcher.send(event)
    await batcher.finish(END)
    async with asyncio.timeout(20):
        await pumping


@pytest.mark.scenario("H1")
@pytest.mark.parametrize("fault", ["unavailable", "cut before", "cut after"])
async def test_a_batch_that_fails_twice_is_sent_again_and_counts_once(
    gateway: FakeGateway, link: Link, fault: str
) -> None:
    gateway.faults = {2: fault, 3: fault}

    await _send_all(link, [note(n) for n in range(3 * MAX_EVENTS)])

    values = [event["value"] for event in gateway.events["r"][:-1]]
    assert values == list(range(3 * MAX_EVENTS))
    assert gateway.events["r"][-1]["type"] == "RUN_FINISHED"
    assert gateway.posts == len(gateway.sizes["r"]) + 2


@pytest.mark.scenario("H2")
async def test_equal_events_are_all_kept(gateway: FakeGateway, link: Link) -> None:
    gateway.faults = {1: "cut after"}

    await _send_all(link, [note(1)] * 5)

    assert [event["value"] for event in gateway.events["r"][:-1]] == [1] * 5


async def test_the_next_batch_leaves_only_after_the_ack(gateway: FakeGateway, link: Link) -> None:
    gateway.hold = asyncio.Event()
    batcher = Batcher("r", link.incarnation, link.events)
    pumping = asyncio.create_task(batcher.pump())
    await batcher.send(note(1))
    await gateway.until(lambda: gateway.posts == 1)
    for n in range(2, 5):
        await batcher.send(note(n))
    await batcher.finish(END)

    gateway.hold.set()
    await pumping

    assert gateway.sizes["r"] == [1, 4]


async def test_text_that_streams_is_gathered_and_nothing_else_waits(gateway: FakeGateway, link: Link) -> None:
    start = {"type": "TEXT_MESSAGE_START", "messageId": "m1", "role": "assistant"}
    deltas = [text(word) for word in ("a", "b", "c")]
    other = text("x", "m2")

    await _send_all(link, [start, *deltas, other, note(1), text("d"), text("e")])

    told = [event.get("delta") or event["type"] for event in gateway.events["r"]]
    assert told == ["TEXT_MESSAGE_START", "abc", "x", "CUSTOM", "de", "RUN_FINISHED"]
    assert gateway.events["r"][0]["timestamp"] > 1_000_000_000_000


async def test_a_lone_delta_leaves_by_itself(gateway: FakeGateway, link: Link) -> None:
    batcher = Batcher("r", link.incarnation, link.events)
    pumping = asyncio.create_task(batcher.pump())

    await batcher.send(text("alone"))

    await gateway.until(lambda: bool(gateway.events.get("r")))
    assert gateway.events["r"][0]["delta"] == "alone"
    await batcher.finish(END)
    await pumping


async def test_the_first_text_leaves_at_once_and_what_follows_is_gathered(
    gateway: FakeGateway, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lobu_jupyter.worker.batcher.GATHER_SECONDS", 10)
    batcher = Batcher("r", link.incarnation, link.events)
    pumping = asyncio.create_task(batcher.pump())

    await batcher.send(text("first"))
    await gateway.until(lambda: bool(gateway.events.get("r")))
    for word in ("b", "c"):
        await batcher.send(text(word))
        await asyncio.sleep(0)
    await batcher.finish(END)
    await pumping

    assert [event.get("delta") for event in gateway.events["r"]] == ["first", "bc", None]


async def test_a_long_delta_is_cut_into_events_that_say_the_same(gateway: FakeGateway, link: Link) -> None:
    long = "".join(chr(32 + n % 90) for n in range(123_456)) + "\x01" * 30_000

    await _send_all(link, [text(long)])

    events = gateway.events["r"][:-1]
    assert "".join(event["delta"] for event in events) == long
    assert max(len(json.dumps(event)) for event in events) < 64 * 1024


async def test_a_sender_waits_while_too_much_is_on_its_way(gateway: FakeGateway, link: Link) -> None:
    gateway.hold = asyncio.Event()
    batcher = Batcher("r", link.incarnation, link.events)
    pumping = asyncio.create_task(batcher.pump())
    sent, full = 0, asyncio.Event()

    async def flood() -> None:
        nonlocal sent
        for n in range(100):
            await batcher.send({"type": "CUSTOM", "name": "n", "value": "x" * 50_000 + str(n)})
            sent += 1
            if sent * 50_000 > MAX_WAITING_BYTES:
                full.set()

    flooding = asyncio.create_task(flood())
    async with asyncio.timeout(30):
        await full.wait()
    for _ in range(100):
        await asyncio.sleep(0)
    held_at = sent
    gateway.hold.set()
    await flooding
    await batcher.finish(END)
    await pumping

    assert held_at < 30
    assert len(gateway.events["r"]) == 101


async def test_a_checkpoint_goes_with_the_end_only(gateway: FakeGateway, link: Link) -> None:
    batcher = Batcher("r", link.incarnation, link.events)
    pumping = asyncio.create_task(batcher.pump())
    for n in range(2 * MAX_EVENTS):
        await batcher.send(note(n))

    await batcher.finish(END, checkpoint="secret")
    await pumping

    assert gateway.checkpoints == {"r": "secret"}


async def test_a_run_that_has_ended_elsewhere_is_refused(gateway: FakeGateway, link: Link) -> None:
    gateway.ended_runs.add("r")
    batcher = Batcher("r", link.incarnation, link.events)

    await batcher.send(note(1))

    with pytest.raises(RunEnded):
        await batcher.pump()


async def test_a_server_that_stays_away_is_gone_after_a_limited_time(gateway: FakeGateway) -> None:
    link = Link(gateway.url, "ticket", patience=0.5)
    await link.register("agent-host", [], ())
    gateway.faults = dict.fromkeys(range(1, 100), "unavailable")

    async with asyncio.timeout(30):
        with pytest.raises(ServerGone):
            await _send_all_quietly(link)
    await link.close()


async def _send_all_quietly(link: Link) -> None:
    batcher = Batcher("r", link.incarnation, link.events)
    await batcher.send(note(1))
    await batcher.pump()
