"""Promise two: code runs after a person approved exactly that code; a pause is data and waits for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import RealServer, wait_for

from .person import Event, Person, ends_of, result_of, text_of, types_of


@pytest.fixture
def kernel(shared_server: RealServer) -> str:
    return shared_server.start_kernel()


def paused(person: Person, kernel: str, prompt: str, **body: Any) -> tuple[str, str]:
    """A thread on `kernel` whose run waits on a person: (thread, run)."""
    thread = person.thread(kernelId=kernel)
    run = person.start(thread, prompt, **body)["runId"]
    told = person.finish(thread, run)
    assert ends_of(told)[0]["outcome"]["type"] == "interrupt", told
    return thread, run


def decide(person: Person, thread: str, *payloads: Any) -> list[Event]:
    run = person.ok(person.resume(thread, *payloads))["runId"]
    return person.finish(thread, run)


@pytest.mark.scenario("A8")
def test_an_approved_call_runs_in_the_kernel_and_its_result_is_on_the_original_call(
    person: Person, kernel: str
) -> None:
    thread, _ = paused(person, kernel, "run 6 * 7")
    assert "TOOL_CALL_RESULT" not in types_of([e for _, e in person.journal(thread)])

    told = decide(person, thread, {"approved": True})

    assert types_of(told)[:2] == ["RUN_STARTED", "CUSTOM"]
    assert told[1]["name"] == "lobu.decision"
    assert "42" in result_of(told)
    assert "TOOL_CALL_START" not in types_of(told)
    assert person.snapshot(thread)["status"] == "idle"


@pytest.mark.scenario("A7")
@pytest.mark.scenario("A8")
def test_an_edited_call_runs_the_edited_code_and_nothing_else(person: Person, kernel: str) -> None:
    thread, _ = paused(person, kernel, "run mark = 'asked'")

    decide(person, thread, {"approved": True, "editedArgs": {"code": "mark = 'edited'"}})

    thread, _ = paused(person, kernel, "run print(mark)")
    assert "edited" in result_of(decide(person, thread, {"approved": True}))


@pytest.mark.scenario("A8")
def test_a_rejected_call_never_runs_and_the_agent_hears_the_reason(person: Person, kernel: str) -> None:
    thread, _ = paused(person, kernel, "run touched = True")

    told = decide(person, thread, {"approved": False, "reason": "not on a Friday"})

    assert "not on a Friday" in result_of(told)
    thread, _ = paused(person, kernel, "run print('touched' in globals())")
    assert "False" in result_of(decide(person, thread, {"approved": True}))


@pytest.mark.scenario("A10")
def test_an_answered_question_reaches_the_agent(person: Person, kernel: str) -> None:
    thread, _ = paused(person, kernel, "ask Which size? | small | large")
    (waiting,) = person.interrupts(thread)
    question = waiting["questions"][0]["id"]

    refused = person.resume(thread, {"answers": {question: ""}})
    told = decide(person, thread, {"answers": {question: "large"}})

    assert refused.status_code == 422
    assert question in refused.json()["error"]["field"]
    assert "large" in result_of(told)


@pytest.mark.scenario("A4")
def test_a_batch_is_decided_whole_and_joined_by_call(person: Person, kernel: str) -> None:
    thread, _ = paused(person, kernel, "run x = 1 && run x = 2")
    first, second = person.interrupts(thread)
    one = {"interruptId": second["id"], "status": "resolved", "payload": {"approved": True}}

    half = person.http.post(f"threads/{thread}/resume", json={"resume": [one]})
    other = {"interruptId": first["id"], "status": "resolved", "payload": {"approved": False, "reason": "no"}}
    started = person.ok(person.http.post(f"threads/{thread}/resume", json={"resume": [one, other]}))

    assert half.status_code == 422
    assert first["id"] in half.text
    results = {
        e["toolCallId"]: str(e["content"])
        for e in person.finish(thread, started["runId"])
        if e["type"] == "TOOL_CALL_RESULT"
    }
    assert "no" in results[first["toolCallId"]]
    assert results.keys() == {first["toolCallId"], second["toolCallId"]}


@pytest.mark.scenario("A3")
@pytest.mark.scenario("A2")
def test_the_same_decision_again_changes_nothing_and_another_one_is_refused(
    person: Person, kernel: str
) -> None:
    thread, _ = paused(person, kernel, "run 1 + 1")
    (waiting,) = person.interrupts(thread)

    def send(payload: dict[str, Any]) -> httpx.Response:
        entry = {"interruptId": waiting["id"], "status": "resolved", "payload": payload}
        return person.http.post(f"threads/{thread}/resume", json={"resume": [entry]})

    first, again, other = send({"approved": True}), send({"approved": True}), send({"approved": False})

    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert first.json()["runId"] == again.json()["runId"]
    assert other.json()["error"]["code"] == "already_decided"
    assert "approve" in other.text


@pytest.mark.scenario("A2")
def test_of_twenty_decisions_through_two_servers_one_wins_and_the_tool_runs_once(
    two_servers: tuple[RealServer, RealServer],
) -> None:
    one_of_twenty_wins(*two_servers)


def one_of_twenty_wins(one: RealServer, other: RealServer) -> None:
    """Decide a question twenty times at once through two servers of one store. The tool runs once."""
    here, there = Person(one), Person(other)
    kernel = one.start_kernel()
    thread, _ = paused(here, kernel, "run counter = globals().get('counter', 0) + 1")
    (waiting,) = there.interrupts(thread)

    def decide_as(number: int) -> int:
        code = f"counter = globals().get('counter', 0) + 1 # {number}"
        payload = {"approved": True, "editedArgs": {"code": code}}
        entry = {"interruptId": waiting["id"], "status": "resolved", "payload": payload}
        person = here if number % 2 else there
        return person.http.post(f"threads/{thread}/resume", json={"resume": [entry]}).status_code

    with ThreadPoolExecutor(20) as pool:
        codes = sorted(pool.map(decide_as, range(20)))

    assert codes == [202] + [409] * 19
    wait_for("the run", lambda: there.snapshot(thread)["status"] == "idle", 60)
    thread, _ = paused(here, kernel, "run print(counter)")
    assert result_of(decide(here, thread, {"approved": True})).strip().startswith("1")


@pytest.mark.scenario("A33")
def test_a_pause_survives_a_killed_server_and_runs_what_was_asked_once(server: RealServer) -> None:
    person = Person(server)
    marker = server.root / "ran.txt"
    thread = person.thread(kernelId=server.start_kernel())
    run = person.start(thread, f"say before\nrun open({str(marker)!r}, 'a').write('x')")["runId"]
    person.finish(thread, run)

    server.kill()
    server.restart()
    person = Person(server)
    (waiting,) = person.interrupts(thread)
    assert waiting["args"]["code"].startswith("open(")
    fresh = server.start_kernel()
    person.ok(person.http.patch(f"threads/{thread}", json={"kernelId": fresh}))
    told = decide(person, thread, {"approved": True})

    assert ends_of(told)[0]["type"] == "RUN_FINISHED", told
    assert marker.read_text() == "x"
    assert "before" in text_of([e for _, e in person.journal(thread)])


@pytest.mark.scenario("A33")
def test_after_a_kernel_restart_the_question_says_that_the_variables_are_gone(
    person: Person, shared_server: RealServer, kernel: str
) -> None:
    thread, _ = paused(person, kernel, "run 1")

    shared_server.restart_kernel(kernel)
    person.wait_until_seen(thread, "lobu.kernel")

    assert person.interrupts(thread)[0]["kernelLost"] is True
    assert person.snapshot(thread)["interrupts"][0]["kernelLost"] is True
    assert ends_of(decide(person, thread, {"approved": True}))[0]["type"] == "RUN_FINISHED"


@pytest.mark.scenario("A18")
def test_cancelling_a_pause_leaves_a_clean_thread(person: Person, kernel: str) -> None:
    thread, run = paused(person, kernel, "run nothing = 0")

    person.cancel(run)
    told = person.finish(thread, person.start(thread, "say fresh start")["runId"])

    assert person.interrupts(thread) == []
    assert "fresh start" in text_of(told)
    tool = next(i for i in person.snapshot(thread)["items"] if i["kind"] == "tool")
    assert tool["status"] == "done"
    assert tool["result"]


@pytest.mark.scenario("A17")
def test_two_pauses_in_one_conversation_are_two_decisions(person: Person, kernel: str) -> None:
    thread, _ = paused(person, kernel, "run a = 1\nrun print(a + 1)")

    first = decide(person, thread, {"approved": True})
    second = decide(person, thread, {"approved": True})

    assert ends_of(first)[0]["outcome"]["type"] == "interrupt"
    assert "2" in result_of(second)
    cards = [i for i in person.snapshot(thread)["items"] if i["kind"] == "tool"]
    assert [c["status"] for c in cards] == ["done", "done"]


@pytest.mark.scenario("A9")
def test_a_sibling_that_needed_no_approval_ran_once_before_the_pause(person: Person, kernel: str) -> None:
    thread, run = paused(person, kernel, "tool list_variables {} && run 1")
    before = person.finish(thread, run)

    after = decide(person, thread, {"approved": True})

    def results(events: list[Event]) -> int:
        return types_of(events).count("TOOL_CALL_RESULT")

    assert (results(before), results(after)) == (1, 1)


@pytest.mark.scenario("P10")
def test_a_grant_for_the_thread_approves_the_next_call_and_can_be_taken_back(
    person: Person, kernel: str
) -> None:
    thread, _ = paused(person, kernel, "run 1")
    decide(person, thread, {"approved": True, "grant": "thread"})

    granted = person.finish(thread, person.start(thread, "run 20 + 3")["runId"])
    (grant,) = person.ok(person.http.get("policy", params={"threadId": thread}))["grants"]
    person.http.delete(f"policy/grants/{grant['grantId']}").raise_for_status()
    revoked = person.finish(thread, person.start(thread, "run 4")["runId"])

    assert "23" in result_of(granted)
    assert ends_of(revoked)[0]["outcome"]["type"] == "interrupt"


@pytest.mark.scenario("P6")
def test_where_nobody_can_answer_an_ask_is_refused_and_the_run_goes_on(person: Person, kernel: str) -> None:
    thread = person.thread(kernelId=kernel)

    told = person.finish(thread, person.start(thread, "run 1\nsay went on", answerable=False)["runId"])

    assert "nobody" in result_of(told)
    assert "went on" in text_of(told)
    assert ends_of(told)[0]["outcome"]["type"] == "success"


@pytest.mark.scenario("P5")
def test_an_admins_ask_stands_whatever_mode_a_run_has(tmp_path: Path) -> None:
    with RealServer(tmp_path / "strict", options=["--LobuApp.ask=run_*"]) as server:
        person = Person(server)
        thread = person.thread(kernelId=server.start_kernel())

        told = person.finish(thread, person.start(thread, "run 1", mode="allow")["runId"])

        assert ends_of(told)[0]["outcome"]["type"] == "interrupt"


@pytest.mark.scenario("A25")
def test_nothing_secret_is_in_anything_that_a_person_can_read(tmp_path: Path) -> None:
    key = "sk-secret-1234567890abcdef"
    with RealServer(tmp_path / "keyed", env={"OPENAI_API_KEY": key}) as server:
        person = Person(server)
        kernel = server.start_kernel()
        thread, run = paused(person, kernel, "run import os; print(sorted(os.environ))")
        decide(person, thread, {"approved": True})
        thread2, _ = paused(person, kernel, "say x\nrun 2")

        paths = [
            "health", "threads", "runs", "agents", "tools", "policy", "audit", "interrupts",
            f"runs/{run}", f"threads/{thread}", f"threads/{thread2}/snapshot", f"threads/{thread}/snapshot",
            f"threads/{thread}/events?follow=false", f"threads/{thread2}/events?follow=false",
        ]  # fmt: skip
        said = "".join(person.http.get(path).text for path in paths)

        assert thread in said
        assert key not in said
        assert "checkpoint" not in said
        assert key not in server.log()


@pytest.mark.scenario("S13")
@pytest.mark.parametrize("path", ["threads/{}", "threads/{}/snapshot", "threads/{}/events", "runs/{}"])
def test_an_unknown_id_is_a_404_without_a_hint(person: Person, path: str) -> None:
    reply = person.http.get(path.format("thread_of_somebody_else"))

    assert reply.status_code == 404
    assert reply.json()["error"]["code"].endswith("not_found")
