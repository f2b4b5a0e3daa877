"""`lobu chat`: the answer and the decisions of a run at a terminal; every failure has its exit code."""

from __future__ import annotations

import asyncio
import json

import pytest

from lobu_jupyter.cli import chat
from tests.client.scripted import Seen, end, frame, reply, serving, stream
from tests.scenarios.person import Person, text_of

from .terminal import Terminal

THREAD = {
    "threadId": "thr",
    "owner": "o",
    "status": "idle",
    "createdAt": "2026-01-01",
    "updatedAt": "2026-01-01",
}


def test_a_prompt_is_answered(lobu: Terminal) -> None:
    printed = lobu("chat", "--agent", "script", "say Hello there")

    assert printed.code == 0
    assert "Hello there" in printed.out


def test_a_prompt_may_be_piped_in_and_the_answer_be_json(lobu: Terminal) -> None:
    printed = lobu("chat", "--agent", "script", "--json", piped="say Hello there")

    assert printed.code == 0
    assert (printed.json["status"], "Hello there" in printed.json["text"]) == ("succeeded", True)


def test_a_call_is_approved_at_the_terminal(lobu: Terminal) -> None:
    printed = lobu("chat", "--agent", "script", "write a.txt hello", typed="a\n")

    assert printed.code == 0
    assert "+hello" in printed.err
    assert (lobu.server.root / "a.txt").read_text().strip() == "hello"


def test_the_same_call_is_not_asked_about_again_where_it_was_approved_for_good(
    lobu: Terminal, person: Person
) -> None:
    same = "tool write_file " + json.dumps({"path": "same.txt", "content": "hello"})
    first = lobu("chat", "--agent", "script", same, typed="c\n")
    thread = max(person.ok(person.http.get("threads"))["threads"], key=lambda one: one["createdAt"])

    (grant,) = person.ok(person.http.get("policy", params={"threadId": thread["threadId"]}))["grants"]
    again = lobu("chat", "--agent", "script", "--thread", thread["threadId"], same, typed="")

    assert (first.code, again.code) == (0, 0), (first.err, again.err)
    assert (grant["covers"], grant["tool"]) == ("call", "write_file")
    assert "Ran without asking" in again.out + again.err


def test_a_call_is_refused_with_a_reason_at_the_terminal(lobu: Terminal) -> None:
    printed = lobu("chat", "--agent", "script", "write b.txt hello", typed="r\nnot now\n")

    assert printed.code == 0
    assert "not now" in printed.out
    assert not (lobu.server.root / "b.txt").exists()


def test_a_question_is_answered_at_the_terminal(lobu: Terminal) -> None:
    printed = lobu("chat", "--agent", "script", "ask Which? | red | blue", typed="2\n")

    assert printed.code == 0
    assert "blue" in printed.out


def test_without_a_terminal_what_needs_approval_is_refused(lobu: Terminal) -> None:
    printed = lobu("chat", "--agent", "script", "write c.txt hello")

    assert printed.code == 0
    assert "nobody can be asked" in printed.out
    assert not (lobu.server.root / "c.txt").exists()


def test_a_conversation_stays_on_its_thread_and_a_later_one_resumes_it(
    lobu: Terminal, person: Person
) -> None:
    lobu("chat", "--agent", "script", "--thread", "talk", typed="say one\nsay two\n")
    lobu("chat", "--agent", "script", "--thread", "talk", "say three")

    (thread,) = [t for t in lobu("threads", "--json").json if t.get("name") == "talk"]
    said = text_of([event for _, event in person.journal(thread["threadId"])])
    assert [word in said for word in ("one", "two", "three")] == [True] * 3


@pytest.mark.scenario("W16")
def test_an_agents_error_is_printed_and_exit_code_1(lobu: Terminal) -> None:
    printed = lobu("chat", "--agent", "script", "fail 401 the key is not known")

    assert printed.code == 1
    assert "the key is not known" in printed.err
    assert (
        lobu("chat", "--json", "--agent", "script", "fail 401 no").json["error"]["code"] == "provider_error"
    )


@pytest.mark.scenario("W16")
def test_a_time_out_cancels_the_run_says_so_and_is_exit_code_1(lobu: Terminal) -> None:
    printed = lobu("chat", "--agent", "script", "--timeout", "0.5", "--json", "slow 200 100")

    assert printed.code == 1
    assert "longer than 0.5 s" in printed.err
    run = next(r for r in lobu("runs", "--json").json if r["runId"] == printed.json["runId"])
    assert run["status"] == "cancelled"


@pytest.mark.scenario("W16")
async def test_a_stream_that_ends_without_terminal_is_exit_code_1(
    lobu: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "GONE_AFTER", 0.3)
    began = frame(1, "RUN_STARTED", threadId="thr", runId="run")
    replies = {
        ("POST", "/lobu/api/threads"): [reply(201, THREAD)],
        ("POST", "/lobu/api/threads/thr/runs"): [
            reply(202, {"runId": "run", "threadId": "thr", "cursor": 0})
        ],
    }

    def script(number: int, seen: Seen) -> list[bytes]:
        first = [began] if "cursor" not in seen.query or seen.query["cursor"] == "0" else []
        return replies.get((seen.method, seen.path)) or [*stream(*first), end()]

    async with serving(script) as server:
        lobu.name(server.url, "token")
        printed = await asyncio.to_thread(lobu, "chat", "hello")

    assert printed.code == 1
    assert "No event for" in printed.err


@pytest.mark.parametrize("options", [[], ["--json"]])
async def test_an_answer_that_was_cut_says_so(lobu: Terminal, options: list[str]) -> None:
    value = {"reason": "length", "message": "The answer was cut at the model's limit."}
    events = [
        frame(1, "RUN_STARTED", threadId="thr", runId="run"),
        frame(2, "TEXT_MESSAGE_START", messageId="m", role="assistant"),
        frame(3, "TEXT_MESSAGE_CONTENT", messageId="m", delta="Half"),
        frame(4, "TEXT_MESSAGE_END", messageId="m"),
        frame(5, "CUSTOM", name="lobu.cut", value=value),
        frame(6, "RUN_FINISHED", threadId="thr", runId="run", outcome={"type": "success"}),
    ]
    replies = {
        ("POST", "/lobu/api/threads"): [reply(201, THREAD)],
        ("POST", "/lobu/api/threads/thr/runs"): [
            reply(202, {"runId": "run", "threadId": "thr", "cursor": 0})
        ],
    }

    def script(number: int, seen: Seen) -> list[bytes]:
        return replies.get((seen.method, seen.path)) or [*stream(*events), end()]

    async with serving(script) as server:
        lobu.name(server.url, "token")
        printed = await asyncio.to_thread(lobu, "chat", "hello", *options)

    assert printed.code == 0
    if options:
        assert (printed.json["text"].strip(), printed.json["cut"]) == ("Half", "length")
    else:
        assert "The answer was cut at the model's limit." in printed.err


def test_a_server_that_is_not_there_is_exit_code_1_and_says_where(lobu: Terminal) -> None:
    lobu.name("http://127.0.0.1:9/", "token")

    printed = lobu("doctor")

    assert printed.code == 1
    assert "127.0.0.1:9" in printed.out


@pytest.mark.scenario("H18")
def test_a_wrong_option_is_exit_code_2(lobu: Terminal) -> None:
    assert lobu("chat", "--nonsense").code == 2
    assert lobu("nonsense").code == 2
