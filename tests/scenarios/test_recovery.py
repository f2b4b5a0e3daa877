"""Recovery that a person can see: go on after the server died, rebuild after the kernel was restarted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.providers import Provider, Reply, says
from tests.servers import RealServer, wait_for

from .person import Event, Person, ends_of, result_of, text_of

PARTIAL = "The answer has three parts, of which the first is this"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def served(provider: Provider, tmp_path: Path) -> Iterator[RealServer]:
    """A server whose model is the provider on loopback."""
    entry = {"local": {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": "k"}}
    options = [f"--LobuApp.providers={entry!r}", "--LobuApp.default_model=local:test-model"]
    server = RealServer(tmp_path / "server", options=options)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.mark.scenario("E19")
def test_after_a_server_crash_a_new_run_goes_on_from_the_partial_answer_once(
    served: RealServer, provider: Provider
) -> None:
    provider.script = [Reply(PARTIAL, end="hang"), says("and here is the rest.")]
    person = Person(served)
    thread = person.thread()
    run = person.start(thread, "three parts please", agent="assistant")["runId"]
    person.wait_until_seen(thread, "TEXT_MESSAGE_CONTENT")

    served.kill()
    served.restart()
    person = Person(served)
    (end,) = ends_of(person.finish(thread, run))
    partial = text_of([event for _, event in person.journal(thread)])
    told = person.finish(thread, person.start(thread, "Continue.", agent="assistant")["runId"])

    assert end["code"] == "server_restarted"
    assert PARTIAL.startswith(partial)
    assert partial
    assert text_of(told) == "and here is the rest."
    sent: list[dict[str, Any]] = provider.requests[-1].body["messages"]
    assert json.dumps(sent).count(partial) == 1
    assert [(m["role"], m["content"]) for m in sent if m["role"] == "assistant"] == [("assistant", partial)]
    assert [m["content"] for m in sent if m["role"] == "user"] == ["three parts please", "Continue."]
    items = person.snapshot(thread)["items"]
    assert [i["content"] for i in items if i["kind"] == "message" and i["role"] == "assistant"] == [
        partial,
        "and here is the rest.",
    ]
    assert [r["status"] for r in person.snapshot(thread)["runs"]] == ["failed", "succeeded"]


def test_a_store_that_was_gone_in_mid_run_is_a_clear_error_and_then_all_goes_on(
    served: RealServer, tmp_path: Path
) -> None:
    person = Person(served)
    thread = person.thread()
    run = person.start(thread, "slow 100 20")["runId"]
    person.wait_until_seen(thread, "TEXT_MESSAGE_CONTENT")

    served.store.rename(tmp_path / "aside")
    refused = wait_for("a refusal", lambda: reply if (reply := make_thread(person)).is_error else None)
    (tmp_path / "aside").rename(served.store)
    told = person.finish(thread, run)

    assert refused.status_code == 503
    assert "put it back" in refused.json()["error"]["message"]
    assert [event["type"] for event in ends_of(told)] == ["RUN_FINISHED"]
    assert re.findall(r"word\d+", text_of(told)) == [f"word{n}" for n in range(1, 101)]


def make_thread(person: Person) -> httpx.Response:
    return person.http.post("threads", json={})


def run_code(person: Person, thread: str, code: str) -> list[Event]:
    return person.finish(thread, person.start(thread, f"run {code}", mode="allow")["runId"])


@pytest.mark.scenario("W17")
def test_after_a_kernel_restart_a_rebuild_runs_the_successful_code_again_after_one_approval(
    person: Person, shared_server: RealServer
) -> None:
    kernel = shared_server.start_kernel()
    thread = person.thread(kernelId=kernel)
    run_code(person, thread, "numbers = [1, 2, 3]")
    run_code(person, thread, "1 / 0")
    run_code(person, thread, "total = sum(numbers); print(total)")
    shared_server.restart_kernel(kernel)
    assert "NameError" in result_of(run_code(person, thread, "total"))

    started = person.ok(person.http.post(f"threads/{thread}/rebuild", json={"clientRequestId": "again"}))
    asked = person.finish(thread, started["runId"])
    again = person.ok(person.http.post(f"threads/{thread}/rebuild", json={"clientRequestId": "again"}))
    (waiting,) = person.interrupts(thread)
    told = person.finish(thread, person.approve(thread)["runId"])

    assert again["runId"] == started["runId"]
    assert ends_of(asked)[0]["outcome"]["type"] == "interrupt"
    code = waiting["args"]["code"]
    assert code.index("numbers = [1, 2, 3]") < code.index("total = sum(numbers)")
    assert "1 / 0" not in code
    assert text_of(told) == "All 2 pieces of code ran again."
    assert "6" in result_of(run_code(person, thread, "total"))
    assert person.run(started["runId"])["agent"] == "rebuild"


@pytest.mark.scenario("W17")
def test_a_rebuild_stops_at_the_first_error_and_a_second_one_does_not_run_the_first_twice(
    person: Person, shared_server: RealServer
) -> None:
    kernel = shared_server.start_kernel()
    thread = person.thread(kernelId=kernel)
    run_code(person, thread, "count = 0")
    run_code(
        person, thread, "import os; assert not os.path.exists('was-here'); open('was-here', 'w').close()"
    )
    run_code(person, thread, "count += 1")
    shared_server.restart_kernel(kernel)

    stopped = rebuild(person, thread)
    (Path(shared_server.root) / "was-here").unlink()
    whole = rebuild(person, thread)

    assert text_of(stopped) == "It stopped at an error in piece 2 of 3; the pieces before it ran."
    assert text_of(whole) == "All 3 pieces of code ran again."
    assert "1" in result_of(run_code(person, thread, "count"))


def rebuild(person: Person, thread: str) -> list[Event]:
    started = person.ok(person.http.post(f"threads/{thread}/rebuild", json={}))
    person.finish(thread, started["runId"])
    return person.finish(thread, person.approve(thread)["runId"])


def test_without_code_there_is_nothing_to_rebuild(person: Person) -> None:
    thread = person.thread()
    person.finish(thread, person.start(thread, "say hi")["runId"])

    refused = person.http.post(f"threads/{thread}/rebuild", json={})

    assert refused.status_code == 409
    assert "no code" in refused.json()["error"]["message"]
    assert person.http.post("threads/nowhere/rebuild", json={}).status_code == 404


def test_more_code_than_a_question_can_show_is_refused_and_less_is_not(
    person: Person, shared_server: RealServer
) -> None:
    thread = person.thread(kernelId=shared_server.start_kernel())
    run_code(person, thread, f"long = {'x' * 11_000!r}")
    run_code(person, thread, f"also = {'ü' * 5_500!r}")

    shown = rebuild(person, thread)
    run_code(person, thread, f"more = {'x' * 11_000!r}")
    refused = person.http.post(f"threads/{thread}/rebuild", json={})

    assert text_of(shown) == "All 2 pieces of code ran again."
    assert refused.status_code == 409
    assert "too much" in refused.json()["error"]["message"]


def test_after_a_server_restart_an_approval_runs_in_the_kernel_that_the_notebook_has_now(
    server: RealServer,
) -> None:
    person = Person(server)
    thread = person.thread(notebookPath="a.ipynb", kernelId=server.start_kernel("a.ipynb"))
    person.finish(thread, person.start(thread, "run print(6 * 7, sales)")["runId"])

    server.kill()
    server.restart()
    person = Person(server)
    without = person.ok(person.http.get(f"threads/{thread}/kernel"))
    refused = person.resume(thread, {"approved": True})
    kernel = server.start_kernel("a.ipynb")
    known = wait_for("an answer", lambda: "missing" in person.ok(person.http.get(f"threads/{thread}/kernel")))
    card = person.ok(person.http.get(f"threads/{thread}/kernel"))
    run_code(person, person.thread(kernelId=kernel), "sales = 'sold'")
    events = person.finish(thread, person.approve(thread)["runId"])

    assert (without["state"], without["kernelId"]) == ("none", None)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "kernel_missing")
    assert known
    assert (card["state"], card["kernelId"], card["missing"]) == ("new", kernel, ["sales"])
    assert "42 sold" in result_of(events)
