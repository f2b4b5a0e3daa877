"""POST agui: any AG-UI client's names, one run's slice, always an end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from .wire import Json, PlainWorker, Wire, call_events, names

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
        ({"tools": [{"name": "a b"}]}, "tools[0].name"),
        ({"tools": [{"name": "x" * 65}]}, "tools[0].name"),
        ({"tools": [{"name": "x"}, {"name": "x"}]}, "tools[1].name"),
        ({"tools": [{"name": "x", "parameters": "{}"}]}, "tools[0].parameters"),
        ({"tools": [{"name": f"x{n}"} for n in range(129)]}, "tools"),
        ({"state": [1]}, "state"),
        (
            {"messages": [{"id": "m", "role": "tool", "content": "x", "toolCallId": "no"}]},
            "messages[0].toolCallId",
        ),
        (
            {"messages": [{"id": "m", "role": "tool", "content": 7, "toolCallId": "no"}]},
            "messages[0].content",
        ),
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


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (
            {"tools": [{"name": "x", "description": "d" * 16_000, "parameters": {"d": "d" * 300_000}}]},
            "tools",
        ),
        ({"state": {"s": "s" * 60_000}}, "state"),
    ],
)
async def test_what_is_too_large_is_refused_by_name(wire: Wire, change: Json, field: str) -> None:
    status, reply = await wire.ask("POST", "agui", {**wish("r1"), **change})

    assert (status, reply["error"]["field"]) == (413, field)


# -- the client's tools -----------------------------------------------------------------------------

SHOW: Json = {"name": "show", "description": "Shows.", "parameters": {"type": "object", "properties": {}}}


async def ask_client(worker: PlainWorker, task: Json, *calls: str, approval: str = "") -> None:
    """Calls of the client's tool, and perhaps one to approve, that end the run."""
    events: list[Json] = []
    interrupts: list[Json] = []
    for call in (*calls, *([approval] if approval else [])):
        name, reason = ("run_code", "tool_call") if call == approval else ("show", "client_tool")
        events += call_events(call, name, {"n": 1})
        lobu = {} if call == approval else {"decisions": ["respond", "reject"], "toolName": name}
        interrupts.append(
            {"id": f"int_{call}", "reason": reason, "toolCallId": call, "metadata": {"lobu": lobu}}
        )
    end = {"type": "RUN_FINISHED", **names(task), "outcome": {"type": "interrupt", "interrupts": interrupts}}
    status, reply = await worker.send(task, *events, end, checkpoint="opaque")
    assert status == 200, reply


async def answer(worker: PlainWorker, task: Json, *calls: str) -> None:
    for call in calls:
        result = {"type": "TOOL_CALL_RESULT", "messageId": f"r-{call}", "toolCallId": call, "content": "done"}
        assert (await worker.send(task, result))[0] == 200
    await worker.finish(task)


def result(call: str, content: Any = "done", **more: Any) -> Json:
    return {"id": f"t-{call}", "role": "tool", "toolCallId": call, "content": content, **more}


async def test_the_agent_gets_the_clients_tools_and_state(wire: Wire, worker: PlainWorker) -> None:
    reply = post(wire, wish("r1", tools=[SHOW], state={"page": 1}))
    task = await worker.task()
    await worker.finish(task)

    told = events_of(await reply)
    assert [tool["name"] for tool in task["clientTools"]] == ["show"]
    assert task["clientTools"][0]["approval"] is False
    assert task["state"] == {"page": 1}
    assert told[0]["input"]["tools"] == [SHOW]
    assert [e["snapshot"] for e in told if e["type"] == "STATE_SNAPSHOT"] == [{"page": 1}]


async def test_a_call_of_the_client_is_an_open_call_and_its_result_resumes_the_run(
    wire: Wire, worker: PlainWorker
) -> None:
    first = post(wire, wish("r1", tools=[SHOW]))
    await ask_client(worker, await worker.task(), "c1")
    asked = events_of(await first)

    history = [*wish("r1")["messages"], result("c1", "shown")]
    second = post(wire, {**wish("r2"), "messages": history, "tools": [SHOW], "state": {"page": 2}})
    task = await worker.task()
    await answer(worker, task, "c1")
    told = events_of(await second)

    assert "outcome" not in asked[-1]  # "success" would be the end to some clients
    assert "TOOL_CALL_RESULT" not in [e["type"] for e in asked]
    (decision,) = task["resumption"]["decisions"]
    assert (decision["kind"], decision["response"]) == ("respond", "shown")
    assert decision.get("grant") is None
    assert task["state"] == {"page": 2}
    assert [tool["name"] for tool in task["clientTools"]] == ["show"]
    assert "TOOL_CALL_RESULT" not in [e["type"] for e in told]  # the client has it already


async def test_a_result_that_is_sent_again_runs_once(wire: Wire, worker: PlainWorker) -> None:
    first = post(wire, wish("r1", tools=[SHOW]))
    await ask_client(worker, await worker.task(), "c1")
    await first
    body = {**wish("r2"), "messages": [*wish("r1")["messages"], result("c1")], "tools": [SHOW]}

    second = post(wire, body)
    task = await worker.task()
    again = post(wire, body)
    await answer(worker, task, "c1")

    assert events_of(await second) == events_of(await again)
    assert len((await wire.ok("GET", "runs"))["runs"]) == 2


@pytest.mark.parametrize(
    ("message", "response"),
    [
        (result("c1", ""), "(The client's tool returned nothing.)"),
        (result("c1", "", error="no such page"), "Error: no such page"),
        (result("c1", [{"type": "text", "text": "parts"}]), "parts"),
    ],
)
async def test_every_result_is_text(wire: Wire, worker: PlainWorker, message: Json, response: str) -> None:
    first = post(wire, wish("r1", tools=[SHOW]))
    await ask_client(worker, await worker.task(), "c1")
    await first

    second = post(wire, {**wish("r2"), "messages": [*wish("r1")["messages"], message], "tools": [SHOW]})
    task = await worker.task()
    await answer(worker, task, "c1")
    await second

    assert task["resumption"]["decisions"][0]["response"] == response


async def test_a_result_beside_an_approval_waits_for_the_decision(wire: Wire, worker: PlainWorker) -> None:
    first = post(wire, wish("r1", tools=[SHOW]))
    await ask_client(worker, await worker.task(), "c1", approval="c2")
    (asked,) = events_of(await first)[-1]["outcome"]["interrupts"]
    messages = [*wish("r1")["messages"], result("c1")]

    still = events_of(await post(wire, {**wish("r2"), "messages": messages, "tools": [SHOW]}))
    entry = {"interruptId": asked["id"], "status": "resolved", "payload": {"approved": True}}
    third = post(wire, {**wish("r3"), "messages": messages, "tools": [SHOW], "resume": [entry]})
    task = await worker.task()
    await answer(worker, task, "c1", "c2")
    told = events_of(await third)

    assert asked["toolCallId"] == "c2"
    assert [i["id"] for i in still[-1]["outcome"]["interrupts"]] == [asked["id"]]
    assert {d["kind"] for d in task["resumption"]["decisions"]} == {"respond", "approve"}
    assert [e["toolCallId"] for e in told if e["type"] == "TOOL_CALL_RESULT"] == ["c2"]


async def test_a_decision_without_the_clients_result_leaves_its_call_without_one(
    wire: Wire, worker: PlainWorker
) -> None:
    first = post(wire, wish("r1", tools=[SHOW]))
    await ask_client(worker, await worker.task(), "c1", approval="c2")
    (asked,) = events_of(await first)[-1]["outcome"]["interrupts"]
    entry = {"interruptId": asked["id"], "status": "cancelled"}

    second = post(wire, {**wish("r2"), "messages": [], "tools": [SHOW], "resume": [entry]})
    task = await worker.task()
    await answer(worker, task, "c1", "c2")
    await second

    assert {d["kind"] for d in task["resumption"]["decisions"]} == {"reject"}


@pytest.mark.parametrize("given", [True, False])
async def test_a_new_message_closes_the_clients_open_call_with_what_it_has(
    wire: Wire, worker: PlainWorker, given: bool
) -> None:
    first = post(wire, wish("r1", tools=[SHOW]))
    await ask_client(worker, await worker.task(), "c1")
    await first
    messages = [*wish("r1")["messages"], *([result("c1", "shown")] if given else []), *wish("r2")["messages"]]

    second = post(wire, {**wish("r2"), "messages": messages, "tools": [SHOW]})
    task = await worker.task()
    await worker.finish(task)
    await second

    (told,) = [m["content"] for m in task["messages"] if m["role"] == "tool"]
    assert told == ("shown" if given else "The client went on without a result of this call.")
    assert [m["id"] for m in task["messages"] if m["role"] == "user"] == ["m-r1", "m-r2"]


async def test_a_new_message_never_closes_a_question_to_the_person(wire: Wire, worker: PlainWorker) -> None:
    first = post(wire, wish("r1", tools=[SHOW]))
    await ask_client(worker, await worker.task(), "c1", approval="c2")
    await first
    messages = [*wish("r1")["messages"], result("c1"), *wish("r2")["messages"]]

    status, reply = await wire.ask("POST", "agui", {**wish("r2"), "messages": messages, "tools": [SHOW]})

    assert (status, reply["error"]["code"]) == (409, "thread_waiting")


async def test_a_question_about_a_tool_that_the_client_has_not_given_is_shown(
    wire: Wire, worker: PlainWorker
) -> None:
    reply = post(wire, wish("r1"))
    await ask_client(worker, await worker.task(), "c1")

    assert [i["id"] for i in events_of(await reply)[-1]["outcome"]["interrupts"]] == ["int_c1"]


# -- messages that exist ------------------------------------------------------------------------------


async def turn(wire: Wire, worker: PlainWorker, body: Json, text: str) -> tuple[Json, list[Json]]:
    """One run of the client: its task, and the client's messages after it."""
    reply = post(wire, body)
    task = await worker.task()
    await worker.say(task, text)
    await worker.finish(task)
    said = next(e["messageId"] for e in events_of(await reply) if e["type"] == "TEXT_MESSAGE_START")
    return task, [*body["messages"], {"id": said, "role": "assistant", "content": text}]


def more(run: str, messages: list[Json], text: str = "") -> Json:
    added = wish(run, text)["messages"] if text else []
    return {**wish(run), "messages": [*messages, *added]}


async def test_a_message_that_is_sent_again_is_answered_anew_in_a_fork(
    wire: Wire, worker: PlainWorker
) -> None:
    one, messages = await turn(wire, worker, wish("r1", "one"), "first")
    two, messages = await turn(wire, worker, more("r2", messages, "two"), "second")

    again, after = await turn(wire, worker, more("r3", messages[:3]), "better")
    onward, _ = await turn(wire, worker, more("r4", after, "three"), "third")

    assert two["threadId"] == one["threadId"] != again["threadId"]
    assert [m["content"] for m in again["messages"]] == ["one", "first", "two"]
    assert onward["threadId"] == again["threadId"]
    assert [m["content"] for m in onward["messages"]] == ["one", "first", "two", "better", "three"]
    kept = await wire.ok("GET", f"threads/{one['threadId']}/snapshot")
    assert [i["content"] for i in kept["items"] if i["kind"] == "message"] == [
        "one",
        "first",
        "two",
        "second",
    ]


async def test_an_edited_message_goes_into_a_fork_that_begins_where_it_stood(
    wire: Wire, worker: PlainWorker
) -> None:
    _, messages = await turn(wire, worker, wish("r1", "one"), "first")
    two, messages = await turn(wire, worker, more("r2", messages, "two"), "second")

    edited, _ = await turn(wire, worker, more("r3", messages[:2], "two, but other"), "other")

    assert edited["threadId"] != two["threadId"]
    assert [m["content"] for m in edited["messages"]] == ["one", "first", "two, but other"]


async def test_a_request_for_an_older_message_that_is_repeated_makes_one_fork(
    wire: Wire, worker: PlainWorker
) -> None:
    _, messages = await turn(wire, worker, wish("r1", "one"), "first")
    body = more("r2", messages[:1])

    first, again = post(wire, body), post(wire, body)
    await worker.finish(await worker.task())

    assert events_of(await first) == events_of(await again)
    later = post(wire, body)
    assert events_of(await later) == events_of(await first)
    assert len((await wire.ok("GET", "threads"))["threads"]) == 2


async def test_a_message_whose_run_is_under_way_gives_that_run(wire: Wire, worker: PlainWorker) -> None:
    first = post(wire, wish("r1", "one"))
    task = await worker.task()

    second = post(wire, {**wish("r2", "one"), "messages": wish("r1", "one")["messages"]})
    await worker.say(task, "answer")
    await worker.finish(task)

    assert events_of(await second)[0]["runId"] == "r2"
    assert [e["type"] for e in events_of(await second)] == [e["type"] for e in events_of(await first)]
    assert len((await wire.ok("GET", "runs"))["runs"]) == 1


async def test_a_client_that_sends_only_its_new_message_goes_on(wire: Wire, worker: PlainWorker) -> None:
    one, _ = await turn(wire, worker, wish("r1", "one"), "first")

    two, _ = await turn(wire, worker, wish("r2", "two"), "second")

    assert two["threadId"] == one["threadId"]


async def test_a_client_that_lost_the_answer_goes_on(wire: Wire, worker: PlainWorker) -> None:
    one, messages = await turn(wire, worker, wish("r1", "one"), "first")

    two, _ = await turn(wire, worker, more("r2", messages[:1], "two"), "second")

    assert two["threadId"] == one["threadId"]
