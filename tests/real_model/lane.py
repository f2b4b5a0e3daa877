"""What is tried with a real model, each through a real server, worker and kernel.

A check fails if the product does wrong with what the model sends. Where a model did not do what it was asked, so that there
was nothing to see, the check fails too and says so: a lane that proves nothing is not green.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.tasks.endpoint import Endpoint
from tests.scenarios.person import Event, Person, ends_of, text_of
from tests.servers import RealServer

NAME = "model"
CANCEL_SECONDS = 15.0
UNKNOWN_CONTEXT = 200_000  # tokens, if the service does not tell
MOST_FILLING = 4_000_000  # characters


@dataclass(frozen=True)
class Seen:
    """The end of a check. ``why``: what was wrong, empty if nothing was."""

    check: str
    why: str
    seconds: float


@dataclass
class Table:
    """A server with the model, and a kernel that has ``zebra_count = 7``."""

    person: Person
    endpoint: Endpoint
    kernel: str

    def ask(self, prompt: str, **more: Any) -> tuple[str, list[Event]]:
        """Ask on a new thread, and return it with the events of its run."""
        thread = self.person.thread(kernelId=self.kernel)
        run = self.start(thread, prompt, **more)
        return thread, self.person.finish(thread, run)

    def start(self, thread: str, prompt: str, **more: Any) -> str:
        named = {"agent": "assistant", "model": f"{NAME}:{self.endpoint.model}"}
        return self.person.start(thread, prompt, **named, **more)["runId"]


@contextmanager
def table(home: Path, endpoint: Endpoint) -> Iterator[Table]:
    given = {"kind": "openai", "base_url": endpoint.url, "api_key": endpoint.key}
    options = [f"--LobuApp.providers={json.dumps({NAME: given})}", "--ServerApp.log_level=WARN"]
    with RealServer(home / "server", options=options) as server:
        person = Person(server)
        kernel = server.start_kernel()
        thread = person.thread(kernelId=kernel)
        started = person.start(thread, "run zebra_count = 7", mode="allow")
        succeeded(person.finish(thread, started["runId"]))
        yield Table(person, endpoint, kernel)


def succeeded(events: list[Event]) -> Event:
    """Return the end of a run, which must be a good one."""
    (end,) = ends_of(events)
    assert end["type"] == "RUN_FINISHED", f"the run failed: {end.get('code')}: {end.get('message')}"
    return end


def called(events: list[Event]) -> list[str]:
    return [event["toolCallName"] for event in events if event["type"] == "TOOL_CALL_START"]


def greeting(at: Table) -> None:
    _, events = at.ask("Say hello in one short sentence. Use no tool.")

    end = succeeded(events)
    assert text_of(events).strip(), "the answer is empty"
    assert (end.get("usage") or [{}])[0].get("inputTokens", 0) > 0, (
        f"no tokens were counted: {end.get('usage')}"
    )


def tool_call(at: Table) -> None:
    _, events = at.ask(
        "Call the tool list_variables once, then name the variables of my notebook and their values."
    )

    succeeded(events)
    assert "list_variables" in called(events), f"the model called {called(events) or 'no tool'}"
    assert "zebra_count" in text_of(events), f"the result is not in the answer: {text_of(events)!r}"


def approval(at: Table) -> None:
    thread, events = at.ask("Call the tool run_code with the code: print(zebra_count * 6)")

    assert succeeded(events)["outcome"]["type"] == "interrupt", f"nothing was asked: called {called(events)}, {text_of(events)!r}"  # fmt: skip
    (question,) = at.person.interrupts(thread)
    assert question["toolName"] == "run_code"
    events = at.person.finish(thread, at.person.approve(thread)["runId"])
    succeeded(events)
    results = [event["content"] for event in events if event["type"] == "TOOL_CALL_RESULT"]
    assert any("42" in str(each) for each in results), f"the code's output is not in the results: {results}"
    assert text_of(events).strip(), "nothing was said after the decision"


def long_answer(at: Table) -> None:
    thread, events = at.ask(
        "Count from 1 to 150, one number a line. Use no tool, no words and no abbreviation."
    )

    succeeded(events)
    text = text_of(events)
    deltas = sum(event["type"] == "TEXT_MESSAGE_CONTENT" for event in events)
    assert "75" in text and "149" in text, f"the answer is not whole: {text[-200:]!r}"  # noqa: PT018
    assert deltas > 3, f"it came in {deltas} pieces: it did not stream"
    kept = json.dumps(at.person.snapshot(thread), ensure_ascii=False)
    assert json.dumps(text.strip(), ensure_ascii=False)[1:-1] in kept, "the saved answer is not what streamed"


def cancel(at: Table) -> None:
    thread = at.person.thread(kernelId=at.kernel)
    run = at.start(thread, "Count from 1 to 3000, one number a line. Use no tool.")
    at.person.wait_until_seen(thread, "TEXT_MESSAGE_CONTENT", 300)
    began = time.monotonic()
    at.person.cancel(run)
    end = ends_of(at.person.finish(thread, run))[0]
    took = time.monotonic() - began
    assert (end.get("outcome") or {}).get("type") == "cancelled", f"it ended as {end}"
    assert took < CANCEL_SECONDS, f"it took {took:.0f} s"
    _, events = at.ask("Say yes. Use no tool.")  # the model is free again
    succeeded(events)


def context_overflow(at: Table) -> None:
    filling = "the quick brown fox jumps over the lazy dog 1234567890 " * 100_000
    count = min(
        int(context_of(at.endpoint) * 6), MOST_FILLING
    )  # no tokenizer makes a token of six such characters
    _, events = at.ask(f"What is this text about?\n{filling[:count]}")

    (end,) = ends_of(events)
    assert end["type"] == "RUN_ERROR", f"{count:,} characters were taken: {text_of(events)[:200]!r}"
    assert end["code"] == "provider_error", end
    assert "too long" in end["message"], f"the words do not say what to do: {end['message']}"


def finish_reason_length(at: Table) -> None:
    _, events = at.ask("Write the alphabet ten times. Use no tool.", modelSettings={"maxTokens": 16})

    reasons = [e["value"]["reason"] for e in events if e.get("name") == "lobu.cut"]
    assert reasons == ["length"], f"the end is {ends_of(events)}, said: {text_of(events)!r}, cut: {reasons}"
    succeeded(events)


CHECKS: dict[str, Callable[[Table], None]] = {
    "greeting": greeting,
    "tool call": tool_call,
    "approval": approval,
    "long answer": long_answer,
    "cancel": cancel,
    "context overflow": context_overflow,
    "finish reason length": finish_reason_length,
}


def context_of(endpoint: Endpoint) -> int:
    """Return the model's context in tokens, as llama.cpp's server tells it (GET /props)."""
    try:
        reply = httpx.get(endpoint.url.removesuffix("/v1") + "/props", timeout=10)
        return int(reply.raise_for_status().json()["default_generation_settings"]["n_ctx"])
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return UNKNOWN_CONTEXT


def run_checks(at: Table, told: Callable[[Seen], None]) -> list[Seen]:
    """Try everything, and tell each end as it comes."""
    found: list[Seen] = []
    for name, check in CHECKS.items():
        began, why = time.monotonic(), ""
        try:
            check(at)
        except (AssertionError, httpx.HTTPError) as error:
            why = str(error) or repr(error)
        found.append(Seen(name, why, time.monotonic() - began))
        told(found[-1])
    return found
