"""SSE and the page's socket: the journal after a cursor, once, in order, to every reader."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPClientError

from .page import LobuPage, hang_up
from .wire import Json, PlainWorker, Wire, frames

HEARTBEAT = 0.3


@pytest.fixture
def lobu_config() -> dict[str, Any]:
    return {"heartbeat_seconds": HEARTBEAT}


@pytest.fixture
async def worker(wire: Wire) -> PlainWorker:
    return await PlainWorker.register(wire)


@pytest.fixture
async def thread(wire: Wire) -> str:
    return (await wire.ok("POST", "threads"))["threadId"]


async def finished_run(wire: Wire, worker: PlainWorker, thread: str, *words: str) -> str:
    run = (await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "go"}))["runId"]
    task = await worker.task()
    for word in words:
        await worker.say(task, word)
    await worker.finish(task)
    return run


class Stream:
    """A live SSE reader: what came so far, and a way to wait for more."""

    def __init__(self, wire: Wire, path: str, **query: str) -> None:
        self._url = f"{wire.url}lobu/api/{path}"
        self._query = query
        self._token = f"token {wire.app.identity_provider.token}"
        self.text = b""
        self.headers: httpx.Headers = httpx.Headers()
        self._more = asyncio.Event()
        self.done = asyncio.create_task(self._read())

    async def _read(self) -> None:
        headers = {"Authorization": self._token}
        async with (
            httpx.AsyncClient(timeout=20, trust_env=False) as client,
            client.stream("GET", self._url, params=self._query, headers=headers) as response,
        ):
            self.headers = response.headers
            async for data in response.aiter_bytes():
                self.text += data
                self._more.set()

    @property
    def events(self) -> list[tuple[int, Json]]:
        return frames(self.text)

    async def until(self, marker: bytes) -> None:
        async with asyncio.timeout(30):
            while marker not in self.text:
                self._more.clear()
                await self._more.wait()

    async def leave(self) -> None:
        """Cut the connection."""
        self.done.cancel()
        await asyncio.wait({self.done}, timeout=30)


@pytest.mark.scenario("E10")
async def test_the_explicit_cursor_wins_and_its_event_is_not_sent_again(
    wire: Wire, worker: PlainWorker, thread: str
) -> None:
    await finished_run(wire, worker, thread, "one", "two")
    journal = await wire.events(thread)
    last = journal[-1][0]

    url, query = f"threads/{thread}/events", {"follow": "false"}
    by_header = await wire.raw("GET", url, params=query, headers={"Last-Event-ID": str(last - 2)})
    both = {"params": {**query, "cursor": str(last - 1)}, "headers": {"Last-Event-ID": "1"}}
    by_both = await wire.raw("GET", url, **both)

    assert frames(by_header.body) == journal[-2:]
    assert frames(by_both.body) == journal[-1:]


@pytest.mark.scenario("E14")
@pytest.mark.scenario("E8")
async def test_every_reader_gets_every_event_live(wire: Wire, worker: PlainWorker, thread: str) -> None:
    run = (await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "go"}))["runId"]
    tabs = [Stream(wire, f"threads/{thread}/events", runId=run, cursor="0") for _ in range(3)]
    task = await worker.task()
    for tab in tabs:
        await tab.until(b"RUN_STARTED")

    for word in ("one", "two", "three"):
        await worker.say(task, word)
    await worker.finish(task)
    for tab in tabs:
        await tab.done

    journal = await wire.events(thread)
    assert [tab.events for tab in tabs] == [journal] * 3
    assert tabs[0].headers["content-type"].startswith("text/event-stream")
    assert tabs[0].headers["x-accel-buffering"] == "no"


@pytest.mark.scenario("E17")
@pytest.mark.scenario("E31")
async def test_a_silent_stream_carries_heartbeats_and_stays(
    wire: Wire, worker: PlainWorker, thread: str
) -> None:
    await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "go"})
    task = await worker.task()
    tail = (await wire.ok("GET", f"threads/{thread}"))["cursor"]
    stream = Stream(wire, f"threads/{thread}/events", cursor=str(tail))

    await stream.until(b": \n\n: \n\n: \n\n")
    await worker.say(task, "late")
    await stream.until(b"late")

    assert not stream.done.done()
    await stream.leave()


@pytest.mark.scenario("E16")
async def test_a_reader_that_leaves_is_let_go(wire: Wire, worker: PlainWorker, thread: str) -> None:
    await finished_run(wire, worker, thread, "x")
    stream = Stream(wire, f"threads/{thread}/events")
    await stream.until(b"RUN_FINISHED")
    assert pumps()

    await stream.leave()

    left = pumps()
    if left:
        await asyncio.wait(left, timeout=30)
    assert not pumps()


def pumps() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("stream ")]


async def test_a_stream_whose_thread_is_deleted_ends_with_the_reason(
    wire: Wire, worker: PlainWorker, thread: str
) -> None:
    await finished_run(wire, worker, thread, "x")
    stream = Stream(wire, f"threads/{thread}/events")
    await stream.until(b"RUN_FINISHED")

    await wire.ok("DELETE", f"threads/{thread}")
    await stream.done

    last = stream.text.decode().strip().split("\n\n")[-1]
    assert last.startswith("event: error\ndata: ")
    assert json.loads(last.split("data: ")[1])["error"]["code"] == "thread_not_found"


# -- the socket -----------------------------------------------------------------------------------


async def test_one_socket_follows_many_threads(wire: Wire, worker: PlainWorker, thread: str) -> None:
    other = (await wire.ok("POST", "threads"))["threadId"]
    page = await LobuPage.open(wire)
    await page.say({"type": "follow", "threadId": thread, "cursor": 0})
    assert (await page.hear("state"))["status"] == "idle"

    await finished_run(wire, worker, thread, "one")
    heard = await page.hear_until("RUN_FINISHED")
    assert (await page.hear("state"))["status"] == "idle"
    await page.say({"type": "unfollow", "threadId": thread})
    await page.say({"type": "follow", "threadId": other})
    assert (await page.hear("state"))["threadId"] == other
    await finished_run(wire, worker, other, "two")

    assert heard == await wire.events(thread)
    assert await page.hear_until("RUN_FINISHED") == await wire.events(other)
    await hang_up(page.socket)


async def test_a_page_goes_on_from_its_cursor_and_hears_a_question(
    wire: Wire, worker: PlainWorker, thread: str
) -> None:
    await finished_run(wire, worker, thread, "one")
    cursor = (await wire.ok("GET", f"threads/{thread}"))["cursor"]
    page = await LobuPage.open(wire)
    await page.say({"type": "follow", "threadId": thread, "cursor": cursor})
    await page.hear("state")

    await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "run"})
    await worker.ask(await worker.task())

    heard = await page.hear_until("RUN_FINISHED")
    assert heard[0][0] == cursor + 1
    states = [(await page.hear("state"))["status"]]
    while states[-1] != "waiting":
        states.append((await page.hear("state"))["status"])
    await hang_up(page.socket)


async def test_a_socket_that_watches_hears_that_a_thread_is_new(wire: Wire) -> None:
    page = await LobuPage.open(wire)
    await page.say({"type": "watch"})
    await page.say({"type": "watch"})  # once is enough
    await page.hear("changed")

    await wire.ok("POST", "threads", {"title": "new"})

    assert await page.hear("changed") == {"type": "changed"}
    await hang_up(page.socket)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("{", "message"),
        ({"type": "nonsense"}, "type"),
        ({"type": "follow"}, "threadId"),
        ({"type": "follow", "threadId": "t", "cursor": "x"}, "cursor"),
    ],
)
async def test_a_message_that_is_wrong_is_answered_and_the_socket_lives(
    wire: Wire, thread: str, message: Any, field: str
) -> None:
    page = await LobuPage.open(wire)

    await page.say(message)
    assert (await page.hear("error"))["error"]["field"] == field
    await page.say({"type": "follow", "threadId": "none"})
    assert (await page.hear("error"))["error"]["code"] == "thread_not_found"

    await page.say({"type": "follow", "threadId": thread})
    await page.hear("state")
    await hang_up(page.socket)


@pytest.mark.scenario("E17")
async def test_a_silent_socket_carries_heartbeats(wire: Wire, thread: str) -> None:
    page = await LobuPage.open(wire)
    await page.say({"type": "follow", "threadId": thread})

    await page.hear("heartbeat")
    await page.hear("heartbeat")

    await hang_up(page.socket)


async def test_health_counts_the_pages_that_are_open(wire: Wire, thread: str) -> None:
    assert (await wire.ok("GET", "health"))["pages"] == 0

    page = await LobuPage.open(wire)
    await page.say({"type": "follow", "threadId": thread})
    await page.hear("state")

    assert (await wire.ok("GET", "health"))["pages"] == 1
    await hang_up(page.socket)


async def test_the_socket_needs_a_login_and_refuses_a_foreign_origin(wire: Wire) -> None:
    with pytest.raises(HTTPClientError, match="403"):
        await LobuPage.open(wire, Authorization="")

    cookie = await wire.login_cookie()
    with pytest.raises(HTTPClientError, match="403"):
        await LobuPage.open(wire, Authorization="", Cookie=cookie, Origin="http://evil.example")
    page = await LobuPage.open(wire, Authorization="", Cookie=cookie)
    await hang_up(page.socket)
