"""A worker's socket to a kernel: its own, under its own session, and only while a run of it uses that kernel."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.server.page import hang_up
from tests.server.wire import Json, PlainWorker, Wire


@pytest.fixture
async def worker(wire: Wire) -> PlainWorker:
    return await PlainWorker.register(wire)


@pytest.fixture
async def kernel(wire: Wire) -> AsyncIterator[str]:
    manager = wire.app.kernel_manager
    kernel_id = await manager.start_kernel()
    yield kernel_id
    if kernel_id in manager:
        await manager.shutdown_kernel(kernel_id, now=True)


async def begun(wire: Wire, worker: PlainWorker, kernel: str) -> Json:
    thread = (await wire.ok("POST", "threads", {"kernelId": kernel}))["threadId"]
    await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "x", "agent": "script"})
    return await worker.task()


async def connect(
    wire: Wire, worker_id: str, kernel: str, headers: dict[str, str], session: str = "lobu-x"
) -> WebSocketClientConnection:
    url = f"{wire.url.replace('http', 'ws', 1)}lobu/api/workers/{worker_id}/kernels/{kernel}/channels"
    return await websocket_connect(HTTPRequest(f"{url}?sessionId={session}", headers=headers))


async def test_it_is_refused_to_all_but_the_worker_of_a_run_in_that_kernel(
    wire: Wire, worker: PlainWorker, kernel: str
) -> None:
    other = await PlainWorker.register(wire)
    person = {"Authorization": f"token {wire.app.identity_provider.token}"}
    before = await _status(wire, worker.worker_id, kernel, worker.headers)
    await begun(wire, worker, kernel)

    refused = {
        "before a run": before,
        "another's path": await _status(wire, worker.worker_id, kernel, other.headers),
        "another worker": await _status(wire, other.worker_id, kernel, other.headers),
        "a person": await _status(wire, worker.worker_id, kernel, person),
        "another kernel": await _status(wire, worker.worker_id, "other", worker.headers),
        "a page's session": await _status(wire, worker.worker_id, kernel, worker.headers, "a-page"),
    }

    assert refused == {
        "before a run": 404,
        "another's path": 403,
        "another worker": 404,
        "a person": 403,
        "another kernel": 404,
        "a page's session": 422,
    }


async def test_after_the_run_nothing_is_executed_and_it_closes(
    wire: Wire, worker: PlainWorker, kernel: str
) -> None:
    task = await begun(wire, worker, kernel)
    socket = await connect(wire, worker.worker_id, kernel, worker.headers)
    await worker.finish(task)
    (handler,) = wire.service.sockets
    handler._working = False  # as it finds within two seconds

    await socket.write_message(
        '{"channel": "shell", "header": {"msg_type": "execute_request", "msg_id": "m"}}'
    )
    while await socket.read_message() is not None:
        pass
    socket.close()

    assert socket.close_code == 1008


async def _status(
    wire: Wire, worker_id: str, kernel: str, headers: dict[str, str], session: str = "lobu-x"
) -> int:
    try:
        socket = await connect(wire, worker_id, kernel, headers, session)
    except HTTPClientError as error:
        return error.code
    await hang_up(socket)
    return 101
