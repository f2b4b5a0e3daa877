"""What an operator sets and sees: limits, guardrails, audit, metrics, events; and none of it tells content."""

from __future__ import annotations

import asyncio
import logging
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from prometheus_client import REGISTRY
from tornado.httpclient import AsyncHTTPClient

from lobu_jupyter.model.errors import NotAllowed
from lobu_jupyter.server import guardrails
from lobu_jupyter.server.metrics import DECISION, RUN

from .wire import PlainWorker, Wire

KEY = "sk-server-0123456789abcdef"


@pytest.fixture
def lobu_config(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return {
        "default_agent": "demo",
        "max_runs_per_user": 2,
        "keep_days": 30,
        "grant_hours": 1,
        "interrupt_hours": 2,
    }


@pytest.fixture
async def worker(wire: Wire) -> PlainWorker:
    return await PlainWorker.register(wire)


async def thread_of(wire: Wire, **fields: Any) -> str:
    return (await wire.ok("POST", "threads", fields))["threadId"]


async def start(wire: Wire, thread: str, prompt: str = "go") -> dict[str, Any]:
    return await wire.ok("POST", f"threads/{thread}/runs", {"prompt": prompt})


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_the_traits_reach_the_gateway(jp_serverapp: Any) -> None:
    settings = jp_serverapp.web_app.settings["lobu_service"].settings.gateway

    assert settings.keep_seconds == 30 * 24 * 3600
    assert (settings.grant_seconds, settings.interrupt_seconds) == (3600, 7200)
    assert settings.keep_bytes is None


@pytest.mark.scenario("S20")
async def test_a_person_over_the_limit_is_told_and_a_pause_frees_the_slot(
    wire: Wire, worker: PlainWorker
) -> None:
    waiting = await thread_of(wire)
    await start(wire, waiting)
    await worker.ask(await worker.task())
    tasks: list[dict[str, Any]] = []
    for _ in range(2):
        await start(wire, await thread_of(wire))
        tasks.append(await worker.task())
    (asked,) = (await wire.ok("GET", "interrupts"))["interrupts"]
    entry = {"interruptId": asked["id"], "status": "resolved", "payload": {"approved": True}}

    status, reply = await wire.ask("POST", f"threads/{await thread_of(wire)}/runs", {"prompt": "one more"})
    refused, _ = await wire.ask("POST", f"threads/{waiting}/resume", {"resume": [entry]})
    await worker.finish(tasks[0])
    taken, _ = await wire.ask("POST", f"threads/{waiting}/resume", {"resume": [entry]})

    assert (status, reply["error"]["code"]) == (429, "too_many_runs")
    assert (refused, taken) == (429, 202)


async def test_metrics_are_on_jupyters_page_without_ids(wire: Wire, worker: PlainWorker) -> None:
    before = {
        name: metric(name)
        for name in (
            "lobu_runs_started_total",
            "lobu_events_appended_total",
            "lobu_store_commit_seconds_count",
        )
    }
    failed = metric("lobu_runs_ended_total", status="failed")
    thread = await thread_of(wire)
    started = await start(wire, thread)
    task = await worker.task()
    await worker.say(task, "hello")
    await worker.send(task, {"type": "RUN_ERROR", "message": "no", "code": "provider_error"})
    await wire.events(thread)

    token = wire.app.identity_provider.token
    page = (await AsyncHTTPClient().fetch(f"{wire.url}metrics?token={token}")).body.decode()

    assert metric("lobu_runs_started_total") == before["lobu_runs_started_total"] + 1
    assert metric("lobu_events_appended_total") == before["lobu_events_appended_total"] + 4
    assert metric("lobu_runs_ended_total", status="failed") == failed + 1
    assert metric("lobu_followers") == 0
    assert "lobu_ingest_seconds_bucket" in page
    assert "lobu_waiting_interrupts" in page
    assert metric("lobu_store_commit_seconds_count") > before["lobu_store_commit_seconds_count"]
    assert "lobu_store_wakeup_seconds_bucket" in page
    assert "lobu_store_clock_offset_seconds" in page
    assert thread not in page
    assert started["runId"] not in page


async def test_jupyter_events_tell_start_decision_and_end_without_content(
    wire: Wire, worker: PlainWorker
) -> None:
    heard: list[dict[str, Any]] = []
    ended = asyncio.Event()

    async def listen(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        heard.append({"schema": schema_id.split("/")[-2], **data})
        if data.get("status") == "cancelled":
            ended.set()

    for schema in (RUN, DECISION):
        wire.app.event_logger.add_listener(schema_id=schema, listener=listen)
    thread = await thread_of(wire)
    await start(wire, thread, "the secret prompt")
    await worker.ask(await worker.task())
    (asked,) = (await wire.ok("GET", "interrupts"))["interrupts"]
    payload = {"approved": False, "reason": "the secret reason"}
    entry = {"interruptId": asked["id"], "status": "resolved", "payload": payload}
    resumed = await wire.ok("POST", f"threads/{thread}/resume", {"resume": [entry]})
    await wire.ok("POST", f"runs/{resumed['runId']}/cancel")
    await asyncio.wait_for(ended.wait(), 30)

    told = sorted((e["schema"], e.get("action"), e.get("status"), e.get("decision")) for e in heard if e)
    assert ("decision", None, None, "reject") in told
    assert [e for e in heard if e.get("status") == "interrupted"]
    assert len([e for e in heard if e.get("action") == "start"]) == 2
    assert "secret" not in str(heard)


async def test_the_audit_says_who_did_what_in_bounded_pages(wire: Wire, worker: PlainWorker) -> None:
    thread = await thread_of(wire)
    run = await start(wire, thread)
    await worker.ask(await worker.task())
    await wire.ok("POST", f"runs/{run['runId']}/cancel")
    await wire.ok("PUT", "policy", {"notebookPath": "a.ipynb", "rules": {"deny": ["rm_*"]}})
    await wire.ok("DELETE", f"threads/{thread}")

    rows = (await wire.ok("GET", "audit"))["audit"]
    page = (await wire.ok("GET", "audit", params={"limit": "1", "before": str(rows[0]["number"])}))["audit"]
    statuses = [
        (await wire.ask("GET", "audit", params={"limit": limit}))[0] for limit in ("0", "-1", "100000")
    ]

    assert [row["action"] for row in rows] == ["deleted", "policy", "cancelled"]
    assert page == [rows[1]]
    assert statuses == [422, 422, 422]
    assert all(row["by"] and row["via"] == "rest" and row["at"] for row in rows)


def entry_point(value: str) -> EntryPoint:
    return EntryPoint(name="mine", value=value, group=guardrails.GROUP)


async def no_cats(text: str, where: str) -> None:
    if "cat" in text:
        raise ValueError("no cats")


async def test_an_installed_guardrail_is_asked_and_a_broken_one_refuses_all() -> None:
    log = logging.getLogger("test")
    good = guardrails.installed(log, [entry_point("tests.server.test_operators:no_cats")])
    broken = guardrails.installed(log, [entry_point("tests.server.test_operators:not_there")])
    assert good is not None
    assert broken is not None

    await good("a dog", "prompt")
    with pytest.raises(ValueError, match="no cats"):
        await good("a cat", "prompt")
    with pytest.raises(NotAllowed, match="cannot be loaded"):
        await broken("a dog", "prompt")
    assert guardrails.installed(log, []) is None


@pytest.mark.scenario("A25")
async def test_keys_and_tokens_of_the_server_reach_no_reply_and_no_model(
    wire: Wire, worker: PlainWorker
) -> None:
    token = wire.app.identity_provider.token
    thread = await thread_of(wire)
    await start(wire, thread, f"use {KEY} and {token}")
    task = await worker.task()
    await worker.say(task, f"I saw {KEY} and {token}")
    await worker.finish(task)

    told = [
        await wire.ok("GET", path)
        for path in (f"threads/{thread}", f"threads/{thread}/snapshot", "runs", "threads", "audit", "agents")
    ]
    told += [await wire.events(thread), await wire.ok("POST", f"threads/{thread}/export", {"format": "json"})]

    for secret in (KEY, token):
        assert secret not in str(task)
        assert secret not in str(told)
    assert "[redacted]" in str(told)
