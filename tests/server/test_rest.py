"""REST: what is asked is answered, what is wrong is named, what nobody may know is not told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .wire import PlainWorker, Wire


@pytest.fixture
def lobu_config() -> dict[str, Any]:
    return {"workers": 1, "body_bytes": 64 * 1024}


@pytest.fixture
async def worker(wire: Wire) -> PlainWorker:
    return await PlainWorker.register(wire)


@pytest.fixture
async def thread(wire: Wire) -> str:
    return (await wire.ok("POST", "threads", {"title": "Sales"}))["threadId"]


async def test_a_run_goes_from_prompt_to_end(wire: Wire, worker: PlainWorker, thread: str) -> None:
    started = await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "hello"})
    task = await worker.task()
    await worker.say(task, "good day")
    await worker.finish(task)

    told = [event["type"] for _, event in await wire.events(thread, runId=started["runId"])]
    assert (told[0], told[-1]) == ("RUN_STARTED", "RUN_FINISHED")
    assert (await wire.ok("GET", f"runs/{started['runId']}"))["status"] == "succeeded"
    assert (await wire.ok("GET", f"threads/{thread}"))["status"] == "idle"
    texts = [item["content"] for item in (await wire.ok("GET", f"threads/{thread}/snapshot"))["items"]]
    assert texts == ["hello", "good day"]
    listed = await wire.ok("GET", "runs", params={"threadId": thread, "status": "succeeded"})
    assert [run["runId"] for run in listed["runs"]] == [started["runId"]]


async def test_a_question_is_listed_decided_and_resumed(wire: Wire, worker: PlainWorker, thread: str) -> None:
    await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "run it"})
    await worker.ask(await worker.task())
    (waiting,) = (await wire.ok("GET", "interrupts"))["interrupts"]
    entry = {"interruptId": waiting["id"], "status": "resolved", "payload": {"approved": True}}

    status, resumed = await wire.ask("POST", f"threads/{thread}/resume", {"resume": [entry]})
    again, same = await wire.ask("POST", f"threads/{thread}/resume", {"resume": [entry]})

    assert (waiting["toolName"], waiting["args"]) == ("run_code", {"code": "1"})
    assert {"responseSchema", "metadata", "threadId", "runId", "decisions"} <= waiting.keys()
    assert (status, again) == (202, 200)
    assert same["runId"] == resumed["runId"]
    assert (await worker.task())["resumption"]["checkpoint"] == "opaque"
    actions = [row["action"] for row in (await wire.ok("GET", "audit"))["audit"]]
    assert actions


async def test_cancel_may_be_repeated(wire: Wire, worker: PlainWorker, thread: str) -> None:
    run = (await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "go"}))["runId"]

    first = await wire.ok("POST", f"runs/{run}/cancel")
    second = await wire.ok("POST", f"runs/{run}/cancel")

    assert first["status"] == second["status"] == "cancelled"


async def test_a_thread_is_changed_listed_exported_and_deleted(wire: Wire, thread: str) -> None:
    await wire.ok("PATCH", f"threads/{thread}", {"title": "Costs"})
    (found,) = (await wire.ok("GET", "threads", params={"search": "Costs"}))["threads"]
    notebook = await wire.ok("POST", f"threads/{thread}/export", {"format": "notebook"})
    deleted, nothing = await wire.ask("DELETE", f"threads/{thread}")

    assert found["threadId"] == thread
    assert notebook["nbformat"] == 4
    assert (deleted, nothing) == (204, None)
    assert (await wire.ask("GET", f"threads/{thread}"))[0] == 404


async def test_policy_agents_and_tools_are_there(wire: Wire, worker: PlainWorker) -> None:
    rules = {"notebookPath": "a.ipynb", "rules": {"deny": ["rm_*"]}}

    await wire.ok("PUT", "policy", rules)
    policy = await wire.ok("GET", "policy", params={"notebookPath": "a.ipynb"})

    assert any(layer["rules"]["deny"] == ["rm_*"] for layer in policy["layers"])
    assert {"demo", "script"} <= {agent["name"] for agent in (await wire.ok("GET", "agents"))["agents"]}
    assert await wire.ok("POST", "agents/warm") == {}  # a worker is there: no other starts
    assert "tools" in await wire.ok("GET", "tools")
    assert (await wire.ask("DELETE", "policy/grants/none"))[0] in (204, 404)


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "threads", {"title": 3}, "title"),
        ("POST", "threads", {"titel": "x"}, "titel"),
        ("POST", "threads/{t}/runs", {"prompt": 1}, "prompt"),
        ("POST", "threads/{t}/runs", {"prompt": "x", "mode": "never"}, "mode"),
        ("POST", "threads/{t}/runs", {}, "prompt"),
        ("POST", "threads/{t}/resume", {"resume": [3]}, "resume[0]"),
        ("POST", "threads/{t}/resume", {}, "resume"),
        ("POST", "threads/{t}/export", {"format": "pdf"}, "format"),
        ("PUT", "policy", {"notebookPath": "a", "rules": {"allow": "x"}}, "rules.allow"),
        ("PATCH", "threads/{t}", {"archived": "yes"}, "archived"),
        ("POST", "workers", {}, "kind"),
        ("POST", "threads", [], "body"),
        ("GET", "threads?limit=many", None, "limit"),
        ("GET", "runs?status=odd", None, "status"),
        ("GET", "threads/{t}/events?cursor=x", None, "cursor"),
        ("GET", "threads/{t}/events?cursor=-1", None, "cursor"),
        ("GET", "threads/{t}/events?cursor=999", None, "cursor"),
    ],
)
async def test_a_wrong_field_is_a_422_that_names_it(
    wire: Wire, thread: str, method: str, path: str, body: Any, field: str
) -> None:
    path, _, query = path.replace("{t}", thread).partition("?")
    params = dict([query.split("=")]) if query else {}

    status, reply = await wire.ask(method, path, json.dumps(body), params=params)

    assert status == 422, reply
    assert reply["error"]["field"] == field
    assert reply["error"]["code"] == "invalid"


@pytest.mark.parametrize("body", ["{", "\xff", "nonsense", '{"a":'])
async def test_what_is_no_json_is_a_400(wire: Wire, body: str) -> None:
    status, reply = await wire.ask("POST", "threads", body)

    assert (status, reply["error"]["code"]) == (400, "bad_request")


async def test_a_body_that_is_too_large_is_a_413(wire: Wire) -> None:
    status, reply = await wire.ask("POST", "threads", {"title": "x" * 70_000})

    assert (status, reply["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "threads/none", 404, "thread_not_found"),
        ("GET", "threads/none/events", 404, "thread_not_found"),
        ("GET", "threads/none/snapshot", 404, "thread_not_found"),
        ("POST", "runs/none/cancel", 404, "run_not_found"),
        ("GET", "nonsense", 404, "not_found"),
        ("DELETE", "health", 405, "method_not_allowed"),
    ],
)
async def test_every_error_has_the_same_shape(
    wire: Wire, method: str, path: str, status: int, code: str
) -> None:
    reply = await wire.raw(method, path)

    assert reply.code == status
    assert json.loads(reply.body)["error"]["code"] == code
    assert reply.headers["Content-Type"].startswith("application/json")


async def test_an_unforeseen_error_is_logged_and_tells_nothing(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("sk-secret")

    monkeypatch.setattr(wire.service.gateway.threads, "list", fail)
    reply = await wire.raw("GET", "threads")

    assert reply.code == 500
    assert json.loads(reply.body)["error"]["code"] == "internal"
    assert b"secret" not in reply.body


async def test_reading_changes_nothing(wire: Wire, thread: str) -> None:
    before = await wire.ok("GET", "threads")

    for path in ("health", "runs", "interrupts", "audit", "agents", "tools", "policy", f"threads/{thread}"):
        await wire.ok("GET", path)
    await wire.events(thread)

    assert await wire.ok("GET", "threads") == before


async def test_an_agents_title_names_a_thread_that_nobody_has_named(wire: Wire) -> None:
    worker = await PlainWorker.register(wire)
    titles: list[str] = []

    for typed in ("", "Mine"):
        thread = (await wire.ok("POST", "threads", {}))["threadId"]
        await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "the first prompt"})
        task = await worker.task()
        if typed:
            await wire.ok("PATCH", f"threads/{thread}", {"title": typed})
        for title in ("From the agent\nand more", "Another"):
            event = {"type": "CUSTOM", "name": "lobu.agent_title", "value": {"agent": "a", "title": title}}
            assert (await worker.send(task, event))[0] == 200
        await worker.finish(task)
        titles.append((await wire.ok("GET", f"threads/{thread}"))["title"])
        assert (await wire.ok("GET", f"threads/{thread}/snapshot"))["title"] == titles[-1]

    assert titles == ["From the agent", "Mine"]
