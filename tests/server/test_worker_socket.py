"""The worker's WebSocket: the same batches as by POST, each judged on its own, and only its own worker's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from .page import hang_up
from .wire import Json, PlainWorker, Wire, names, text_events


@pytest.fixture
async def worker(wire: Wire) -> PlainWorker:
    return await PlainWorker.register(wire)


async def connect(wire: Wire, worker_id: str, headers: dict[str, str]) -> WebSocketClientConnection:
    url = f"{wire.url.replace('http', 'ws', 1)}lobu/api/workers/{worker_id}/socket"
    return await websocket_connect(HTTPRequest(url, headers=headers))


async def ask(socket: WebSocketClientConnection, *batches: Json) -> list[Json]:
    await socket.write_message(json.dumps({"batches": batches}))
    answer = await socket.read_message()
    assert answer is not None
    return json.loads(answer)["results"]


def batch(task: Json, number: int, *events: Json) -> Json:
    head = {"runId": task["runId"], "incarnation": task["incarnation"], "batch": number}
    return {**head, "events": list(events)}


async def begun(wire: Wire, worker: PlainWorker) -> Json:
    thread = (await wire.ok("POST", "threads", {}))["threadId"]
    await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "x", "agent": "script"})
    return await worker.task()


async def test_batches_of_many_runs_in_one_message_are_judged_apart(wire: Wire, worker: PlainWorker) -> None:
    first, second = await begun(wire, worker), await begun(wire, worker)
    socket = await connect(wire, worker.worker_id, worker.headers)

    results = await ask(
        socket,
        batch(first, 1, *text_events("m", "a"), {"type": "RUN_FINISHED", **names(first)}),
        batch(second, 1, {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "never opened"}),
        batch(second, 1, *text_events("m", "b")),
        {"runId": second["runId"]},
    )
    again = await ask(socket, batch(second, 1, *text_events("m", "b")))
    await hang_up(socket)

    assert [result.get("acked") for result in results] == [1, None, 1, None]
    assert [results[i]["status"] for i in (1, 3)] == [422, 422]
    assert results[1]["error"]["field"] == "events[0]"
    assert again == [results[2]]
    assert (await wire.events(first["threadId"]))[-1][1]["type"] == "RUN_FINISHED"


@pytest.mark.scenario("S11")
async def test_a_worker_that_was_given_up_is_refused_on_its_open_socket(
    wire: Wire, worker: PlainWorker
) -> None:
    task = await begun(wire, worker)
    socket = await connect(wire, worker.worker_id, worker.headers)
    await wire.service.gateway.workers.gone(worker.worker_id)
    before = await wire.events(task["threadId"])

    (result,) = await ask(socket, batch(task, 1, *text_events("m", "late")))
    await hang_up(socket)

    assert (result["status"], result["error"]["code"]) == (409, "stale_incarnation")
    assert await wire.events(task["threadId"]) == before


async def test_the_socket_is_a_workers_own(wire: Wire, worker: PlainWorker) -> None:
    other = await PlainWorker.register(wire)
    person = {"Authorization": f"token {wire.app.identity_provider.token}"}

    refused: list[int] = []
    tries: list[tuple[str, Any]] = [(worker.worker_id, other.headers), (worker.worker_id, person)]
    for worker_id, headers in tries:
        with pytest.raises(HTTPClientError) as caught:
            await connect(wire, worker_id, headers)
        refused.append(caught.value.code)

    assert refused == [403, 403]


async def test_a_message_that_is_no_batches_closes_the_socket(wire: Wire, worker: PlainWorker) -> None:
    socket = await connect(wire, worker.worker_id, worker.headers)

    await socket.write_message("{}")

    answer = await socket.read_message()
    socket.close()

    assert answer is None
    assert socket.close_code == 1007
