"""Mail: one message in flight, what waits shares the next; a socket that breaks loses nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lobu_jupyter.worker import batch_socket
from lobu_jupyter.worker.batch_socket import Gone, Mail


class Wire:
    """A socket that answers when told to. ``asked``: the batches of each message."""

    def __init__(self) -> None:
        self.asked: list[list[Any]] = []
        self.go = asyncio.Semaphore(0)
        self.broken = self.closed = False
        self.opened = 0

    async def connect(self) -> Wire:
        self.opened += 1
        if self.broken:
            raise Gone
        return self

    async def ask(self, message: bytes) -> bytes:
        batches = json.loads(message)["batches"]
        self.asked.append(batches)
        await self.go.acquire()
        if self.broken:
            raise Gone
        return json.dumps({"results": [{"acked": b} for b in batches]}).encode()

    def close(self) -> None:
        self.closed = True


async def settled() -> None:
    """Let every task come to where it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_waits_while_a_message_is_under_way_shares_the_next() -> None:
    wire = Wire()
    box = Mail(wire.connect)
    posts = [asyncio.create_task(box.post(b"1"))]
    await settled()
    posts += [asyncio.create_task(box.post(str(n).encode())) for n in (2, 3, 4)]
    await settled()

    wire.go.release()
    wire.go.release()
    answers = await asyncio.gather(*posts)
    await box.close()

    assert wire.asked == [[1], [2, 3, 4]]
    assert answers == [{"acked": n} for n in (1, 2, 3, 4)]
    assert wire.closed


async def test_who_is_answered_and_has_more_goes_with_the_next_message() -> None:
    wire = Wire()
    box = Mail(wire.connect)

    async def talk(*batches: bytes) -> None:
        for batch in batches:
            await box.post(batch)

    talking = [asyncio.create_task(talk(b"11", b"12"))]
    await settled()
    talking.append(asyncio.create_task(talk(b"21")))
    await settled()

    wire.go.release()
    await settled()
    wire.go.release()
    await asyncio.gather(*talking)
    await box.close()

    assert wire.asked == [[11], [21, 12]]


async def test_a_socket_that_breaks_tells_those_on_their_way_and_those_that_wait() -> None:
    wire = Wire()
    box = Mail(wire.connect)
    posts = [asyncio.create_task(box.post(b"1"))]
    await settled()
    posts.append(asyncio.create_task(box.post(b"2")))
    await settled()

    wire.broken = True
    wire.go.release()
    told = await asyncio.gather(*posts, return_exceptions=True)
    with pytest.raises(Gone):
        await box.post(b"3")

    assert [type(each) for each in told] == [Gone, Gone]
    assert wire.opened == 1


async def test_a_socket_is_opened_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_socket, "REOPEN_SECONDS", 0.0)
    wire = Wire()
    box = Mail(wire.connect)
    wire.broken = True
    with pytest.raises(Gone):
        await box.post(b"1")

    wire.broken = False
    wire.go.release()

    assert await box.post(b"2") == {"acked": 2}
    await box.close()


async def test_a_cancelled_post_leaves_the_others_theirs() -> None:
    wire = Wire()
    box = Mail(wire.connect)
    posts = [asyncio.create_task(box.post(b"1")), asyncio.create_task(box.post(b"2"))]
    await settled()

    posts[0].cancel()
    wire.go.release()

    assert await posts[1] == {"acked": 2}
    await box.close()


async def test_messages_are_bounded_and_a_larger_batch_goes_by_post(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_socket, "MAX_MESSAGE", 4)
    wire = Wire()
    box = Mail(wire.connect)
    wire.go = asyncio.Semaphore(10)

    await asyncio.gather(*(box.post(b"123") for _ in range(3)))
    with pytest.raises(Gone):
        await box.post(b"12345")
    await box.close()

    assert wire.asked == [[123], [123], [123]]
