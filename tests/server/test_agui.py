"""POST agui: any AG-UI client's names, one run's slice, always an end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from .wire import Json, PlainWorker, Wire

Reply = asyncio.Task[Any]


@pytest.fixture
async def worker(wire: Wire) -> PlainWorker:
    return await PlainWorker.register(wire)


def wish(run: str, text: str = "hello", **more: Any) -> Json:
    message = {"id": f"m-{run}", "role": "user", "content": text}
    empty: Json = {"state": {}, "tools": [], "context": [], "forwardedProps": {}}
    return {"threadId": "chat", "runId": run, "messages": [message], **empty, **more}


def post(wire: Wire, body: Json) -> Reply:
    return asyncio.create_task(wire.raw("POST", "agui", body))


def events_of(reply: Any) -> list[Json]:
    assert reply.code == 200, reply.body
    assert reply.headers["Content-Type"].startswith("text/event-stream")
    data = [frame.removeprefix("data: ") for frame in reply.body.decode().split("\n\n")]
    return [json.loads(text) for text in data if text.startswith("{")]


async def test_a_run_is_streamed_from_start_to_end_under_the_clients_names(
    wire: Wire, worker: PlainWorker
) -> None:
    reply = post(wire, wish("r1"))
    task = await worker.task()
    await worker.say(task, "good day")
    await worker.finish(task)

    told = events_of(await reply)

    assert [e["type"] for e in told][:: len(told) - 1] == ["RUN_STARTED", "RUN_FINISHED"]
    for event in (told[0], told[-1], told[0]["input"]):
        assert (event["threadId"], event["runId"]) == ("chat", "r1")
    assert task["runId"] not in json.dumps(told)
    assert [m["id"] for m in told[0]["input"]["messages"]] == ["m-r1"]


async def test_the_second_message_of_a_chat_is_on_the_same_thread(wire: Wire, worker: PlainWorker) -> None:
    first = post(wire, wish("r1", "one"))
    await worker.finish(one := await worker.task())
    await first
    history = [{"id": "x", "role": "assistant", "content": "told before"}]

    second = post(wire, {**wish("r2", "two"), "messages": [*history, *wish("r2", "two")["messages"]]})
    await worker.finish(two := await worker.task())
    await second

    assert two["threadId"] == one["threadId"]
    assert [m["content"] for m in two["messages"]] == ["one", "two"]


async def test_a_run_that_is_asked_for_twice_runs_once(wire: Wire, worker: PlainWorker) -> None:
    first = post(wire, wish("r1"))
    task = await worker.task()

    again = post(wire, wish("r1"))
    await worker.finish(task)

    assert events_of(await first) == events_of(await again)
    assert len((await wire.ok("GET", "runs"))["runs"]) == 1


async def test_a_question_ends_the_run_and_a_resume_goes_on(wire: Wire, worker: PlainWorker) -> None:
    first = post(wire, wish("r1"))
    await worker.ask(await worker.task())
    (interrupt,) = events_of(await first)[-1]["outcome"]["interrupts"]
    entry = {"interruptId": interrupt["id"], "status": "resolved", "payload": {"approved": True}}

    second = post(wire, {**wish("r2"), "messages": [], "resume": [entry]})
    task = await worker.task()
    result = {"type": "TOOL_CALL_RESULT", "messageId": "m", "toolCallId": "call_1", "content": "2"}
    assert (await worker.send(task, result))[0] == 200
    await worker.finish(task)

    told = events_of(await second)
    assert (told[0]["type"], told[0]["runId"]) == ("RUN_STARTED", "r2")
    assert "parentRunId" not in told[0]
    assert told[-1]["type"] == "RUN_FINISHED"


async def test_a_deleted_thread_ends_the_stream_with_an_end(wire: Wire, worker: PlainWorker) -> None:
    reply = post(wire, wish("r1"))
    task = await worker.task()

    await wire.ok("DELETE", f"threads/{task['threadId']}")

    told = events_of(await reply)
    assert told[-1]["type"] in ("RUN_FINISHED", "RUN_ERROR")
    assert sum(e["type"] in ("RUN_FINISHED", "RUN_ERROR") for e in told) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tools": [{"name": "x", "description": "", "parameters": {}}]}, "tools"),
        ({"messages": []}, "messages"),
        ({"messages": [{"id": "m", "role": "assistant", "content": "x"}]}, "messages"),
        ({"runId": ""}, "runId"),
        ({"threadId": 3}, "threadId"),
        ({"forwardedProps": {"mode": "never"}}, "forwardedProps.mode"),
    ],
)
async def test_what_is_not_supported_is_refused_by_name(wire: Wire, change: Json, field: str) -> None:
    status, reply = await wire.ask("POST", "agui", {**wish("r1"), **change})

    assert (status, reply["error"]["field"]) == (422, field)
