"""Following over bad connections: nothing twice, nothing lost, and an end in any case."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from lobu_jupyter.client.errors import ServerGone
from lobu_jupyter.client.http import AsyncClient, Client
from lobu_jupyter.model.errors import InvalidField, StoreTooNew, StoreUnavailable, ThreadNotFound

from .scripted import CUT, HOLD, Seen, end, frame, reply, serving, stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Read = "Callable[..., Awaitable[list[int]]]"


async def _read_waiting(
    url: str, cursor: int | None = None, run_id: str | None = None, **options: Any
) -> list[int]:
    def read() -> list[int]:
        with Client(url, token="t", sleep=lambda _: None, **options) as client:
            return [e.seq for batch in client.runs.follow("thread_1", cursor, run_id=run_id) for e in batch]

    return await asyncio.to_thread(read)


async def _read_awaiting(
    url: str, cursor: int | None = None, run_id: str | None = None, **options: Any
) -> list[int]:
    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    async with AsyncClient(url, token="t", sleep=at_once, **options) as client:
        return [e.seq async for batch in client.runs.follow("thread_1", cursor, run_id=run_id) for e in batch]


@pytest.fixture(params=[_read_waiting, _read_awaiting], ids=["Client", "AsyncClient"])
def read(request: pytest.FixtureRequest) -> Callable[..., Awaitable[list[int]]]:
    return request.param


END = frame(5, "RUN_FINISHED", runId="run_1")


@pytest.mark.scenario("E16")
@pytest.mark.scenario("E27")
async def test_a_cut_stream_goes_on_after_the_cursor_with_nothing_twice(read: Any) -> None:
    def script(n: int, _: Any) -> list[bytes]:
        if n == 0:
            return [*stream(frame(1) + frame(2), frame(3)), CUT]
        return [*stream(frame(3) + frame(4), END), end()]  # a server that repeats what it may have sent

    async with serving(script) as server:
        seqs = await read(server.url, run_id="run_1")

    assert seqs == [1, 2, 3, 4, 5]
    assert [seen.query for seen in server.seen] == [{"runId": "run_1"}, {"cursor": "3", "runId": "run_1"}]


@pytest.mark.scenario("E3")
async def test_what_was_before_the_attach_comes_first_and_then_what_comes_live(read: Any) -> None:
    backlog, live = frame(1) + frame(2) + frame(3), frame(4)

    async with serving(lambda n, r: [*stream(backlog, live, END), end()]) as server:
        seqs = await read(server.url, 0, run_id="run_1")

    assert seqs == [1, 2, 3, 4, 5]


@pytest.mark.scenario("E27")
async def test_a_connection_cut_inside_a_frame_loses_nothing(read: Any) -> None:
    def script(n: int, _: Any) -> list[bytes]:
        return [*stream(frame(1) + frame(2)[:7]), CUT] if n == 0 else [*stream(frame(2), END), end()]

    async with serving(script) as server:
        seqs = await read(server.url, run_id="run_1")

    assert seqs == [1, 2, 5]


@pytest.mark.scenario("E27")
async def test_a_proxy_that_answers_for_a_server_on_its_way_back_is_waited_for(read: Any) -> None:
    def script(n: int, _: Any) -> list[bytes]:
        return [reply(502, content=b"<html>Bad gateway</html>")] if n < 3 else [*stream(END), end()]

    async with serving(script) as server:
        seqs = await read(server.url, run_id="run_1")

    assert seqs == [5]


@pytest.mark.scenario("E17")
async def test_a_stream_that_falls_silent_is_opened_anew(read: Any) -> None:
    def script(_: int, seen: Seen) -> list[bytes]:
        return [*stream(END), end()] if "cursor" in seen.query else [*stream(frame(1)), HOLD]

    async with serving(script) as server:
        seqs = await read(server.url, run_id="run_1", silence=0.2)

    assert seqs == [1, 5]


@pytest.mark.scenario("W16")
async def test_a_stream_that_never_brings_the_end_of_the_run_is_an_error(read: Any) -> None:
    async with serving(lambda n, r: [*stream(*([frame(1)] if n == 0 else [])), end()]) as server:
        with pytest.raises(ServerGone, match="ended before the run did"):
            await read(server.url, run_id="run_1", gone_after=0.2)


@pytest.mark.scenario("W16")
async def test_a_server_that_stays_away_is_an_error_in_bounded_time(read: Any) -> None:
    async with serving(lambda n, r: []) as server:
        url = server.url

    with pytest.raises(ServerGone, match="Is the Jupyter server running"):
        await read(url, run_id="run_1", gone_after=0.2)


async def test_a_reader_after_the_end_of_a_run_gets_nothing_and_is_done(read: Any) -> None:
    async with serving(lambda n, r: [*stream(), end()]) as server:
        assert await read(server.url, 5, run_id="run_1") == []


async def test_what_the_server_refuses_is_raised_and_not_tried_again(read: Any) -> None:
    error = {"error": {"code": "invalid", "message": "ahead of the journal", "field": "cursor"}}
    async with serving(lambda n, r: [reply(422, error)]) as server:
        with pytest.raises(InvalidField) as caught:
            await read(server.url, 99)

    assert caught.value.field == "cursor"
    assert len(server.seen) == 1


async def test_a_thread_that_is_deleted_meanwhile_says_so(read: Any) -> None:
    gone = b'event: error\ndata: {"error": {"code": "thread_not_found", "message": "deleted"}}\n\n'
    async with serving(lambda n, r: [*stream(frame(1), gone), end()]) as server:
        with pytest.raises(ThreadNotFound, match="deleted"):
            await read(server.url)


async def test_a_heartbeat_is_an_empty_batch() -> None:
    chunks = [*stream(frame(1), b": \n\n", END), end()]
    async with serving(lambda n, r: chunks) as server, AsyncClient(server.url) as client:
        batches = [len(batch) async for batch in client.runs.follow("thread_1", run_id="run_1")]

    assert batches == [1, 0, 1]


async def test_a_reader_that_leaves_closes_its_connection() -> None:
    chunks = [*stream(frame(1)), HOLD]
    async with serving(lambda n, r: chunks) as server, AsyncClient(server.url) as client:
        follow = client.runs.follow("thread_1")
        first = await anext(follow)
        await follow.aclose()
        async with asyncio.timeout(30):
            await asyncio.gather(*filter(None, server.connections))  # held until the client goes

    assert [entry.seq for entry in first] == [1]


async def test_a_store_that_is_away_in_mid_stream_is_waited_for(read: Any) -> None:
    away = b'event: error\ndata: {"error": {"code": "store_unavailable", "message": "it starts"}}\n\n'

    def script(n: int, _: Any) -> list[bytes]:
        return [*stream(*([frame(1), away] if n == 0 else [frame(2), END])), end()]

    async with serving(script) as server:
        assert await read(server.url, run_id="run_1") == [1, 2, 5]


async def test_a_store_that_is_away_at_the_next_connection_is_waited_for(read: Any) -> None:
    away = reply(503, {"error": {"code": "store_unavailable", "message": "it starts"}})

    def script(n: int, _: Any) -> list[bytes]:
        return [*stream(frame(1)), CUT] if n == 0 else [away] if n < 3 else [*stream(frame(2), END), end()]

    async with serving(script) as server:
        assert await read(server.url, run_id="run_1") == [1, 2, 5]


async def test_a_store_that_was_never_there_is_told_at_once(read: Any) -> None:
    away = reply(503, {"error": {"code": "store_unavailable", "message": "it starts"}})

    async with serving(lambda n, _: [away]) as server:
        with pytest.raises(StoreUnavailable, match="it starts"):
            await read(server.url, run_id="run_1")


async def test_a_store_that_stays_away_ends_the_patience(read: Any) -> None:
    away = b'event: error\ndata: {"error": {"code": "store_unavailable", "message": "it is full"}}\n\n'

    async with serving(lambda n, _: [*stream(away), end()]) as server:
        with pytest.raises(ServerGone):
            await read(server.url, run_id="run_1", gone_after=0.2)


async def test_a_store_that_is_too_new_is_told_at_once(read: Any) -> None:
    new = b'event: error\ndata: {"error": {"code": "store_too_new", "message": "upgrade"}}\n\n'

    async with serving(lambda n, _: [*stream(frame(1), new), end()]) as server:
        with pytest.raises(StoreTooNew, match="upgrade"):
            await read(server.url, run_id="run_1")
