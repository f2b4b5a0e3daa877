"""Sub-agents at a real server: under the run's policy, and their questions are decided like any other."""

from __future__ import annotations

import pytest

from tests.servers import RealServer

from .person import Event, Person, ends_of, text_of, types_of

ASKS = "delegate:\n    say I am the child.\n    run answer = 6 * 7; print(answer)\nsay The parent is done."


def results(events: list[Event]) -> dict[str, str]:
    return {e["toolCallId"]: e["content"] for e in events if e["type"] == "TOOL_CALL_RESULT"}


@pytest.mark.scenario("A31")
def test_a_sub_agents_question_is_seen_and_decided_like_any_other(
    person: Person, shared_server: RealServer
) -> None:
    thread = person.thread(kernelId=shared_server.start_kernel())
    first = person.finish(thread, person.start(thread, ASKS)["runId"])

    (waiting,) = person.interrupts(thread)
    after = person.finish(thread, person.approve(thread)["runId"])

    assert waiting["toolName"] == "run_code"
    (call,) = waiting["parentToolCallIds"]
    assert waiting["subagentRunId"] == first[-2]["subagentRunId"]
    assert "42" in results(after)[call]
    assert types_of(after).count("SUBAGENT_STARTED") == types_of(after).count("SUBAGENT_FINISHED") == 1
    assert "The parent is done." in text_of(after)
    items = person.snapshot(thread)["items"]
    assert [i["status"] for i in items if i["kind"] == "subagent"] == ["done"]
    assert [i["status"] for i in items if i["kind"] == "tool"] == ["done", "done"]
    assert len([i for i in items if i.get("content") == "I am the child.\n"]) == 1


@pytest.mark.scenario("A31")
def test_a_sub_agent_waits_over_the_death_of_its_server(server: RealServer) -> None:
    person = Person(server)
    thread = person.thread(kernelId=server.start_kernel())
    person.finish(thread, person.start(thread, ASKS)["runId"])

    server.kill()
    server.restart()
    person = Person(server)
    kernel = server.start_kernel()
    person.ok(person.http.patch(f"threads/{thread}", json={"kernelId": kernel}))
    after = person.finish(thread, person.approve(thread)["runId"])

    assert "The parent is done." in text_of(after)
    assert "42" in str(results(after))


@pytest.mark.scenario("P7")
def test_a_deny_in_the_parent_holds_in_the_child(person: Person, shared_server: RealServer) -> None:
    thread = person.thread(kernelId=shared_server.start_kernel())

    told = person.finish(thread, person.start(thread, ASKS, mode="deny")["runId"])
    allowed = person.finish(thread, person.start(thread, ASKS, mode="allow")["runId"])

    assert person.interrupts(thread) == []
    assert "mode deny" in str(results(told))
    assert "42" in str(results(allowed))


@pytest.mark.scenario("A18")
def test_a_run_cancelled_while_its_sub_agent_waits_answers_every_call(
    person: Person, shared_server: RealServer
) -> None:
    thread = person.thread(kernelId=shared_server.start_kernel())
    run = person.start(thread, ASKS)["runId"]
    person.finish(thread, run)

    person.start(thread, "say on", ifWaiting="cancel")
    person.wait_until_seen(thread, "lobu.closed")

    items = person.snapshot(thread)["items"]
    assert [i["status"] for i in items if i["kind"] == "tool"] == ["done", "done"]
    assert [i["status"] for i in items if i["kind"] == "subagent"] == ["failed"]


def test_a_run_cancelled_while_its_sub_agent_works_closes_it(person: Person) -> None:
    thread = person.thread()
    run = person.start(thread, "delegate:\n    slow 3000 20")["runId"]
    person.wait_until_seen(thread, "TEXT_MESSAGE_CONTENT")

    person.cancel(run)
    told = person.finish(thread, run)

    assert types_of(told)[-3:] == ["SUBAGENT_ERROR", "TOOL_CALL_RESULT", "RUN_FINISHED"]
    assert len(ends_of(told)) == 1
