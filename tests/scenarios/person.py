"""A person at a real server: starts runs, reads streams, decides; with httpx alone, none of our code."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
from httpx_sse import connect_sse

from tests.servers import RealServer

Event = dict[str, Any]
ENDS = ("RUN_FINISHED", "RUN_ERROR")


class Person:
    """Calls to one server as its person. Every wait has a limit."""

    def __init__(self, server: RealServer) -> None:
        self.server = server
        self.http = server.client()

    def thread(self, **body: Any) -> str:
        return self.ok(self.http.post("threads", json=body))["threadId"]

    def start(self, thread: str, prompt: str, **body: Any) -> dict[str, Any]:
        body = {"prompt": prompt, "agent": "script", **body}
        return self.ok(self.http.post(f"threads/{thread}/runs", json=body))

    def run(self, run: str) -> dict[str, Any]:
        return self.ok(self.http.get(f"runs/{run}"))

    def cancel(self, run: str) -> dict[str, Any]:
        return self.ok(self.http.post(f"runs/{run}/cancel"))

    def snapshot(self, thread: str) -> dict[str, Any]:
        return self.ok(self.http.get(f"threads/{thread}/snapshot"))

    def interrupts(self, thread: str) -> list[dict[str, Any]]:
        return self.ok(self.http.get("interrupts", params={"threadId": thread}))["interrupts"]

    def resume(self, thread: str, *payloads: Any) -> httpx.Response:
        """Decide the open interrupts, one payload each; one payload serves all."""
        waiting = self.interrupts(thread)
        if len(payloads) == 1:
            payloads = payloads * len(waiting)
        entries = [
            {"interruptId": i["id"], "status": "resolved", "payload": p}
            for i, p in zip(waiting, payloads, strict=True)
        ]
        return self.http.post(f"threads/{thread}/resume", json={"resume": entries})

    def approve(self, thread: str) -> dict[str, Any]:
        return self.ok(self.resume(thread, {"approved": True}))

    def stream(self, thread: str, **params: Any) -> Iterator[tuple[int, Event]]:
        """(seq, event) as they come, until the server ends the stream; 30 s of silence fail."""
        headers = {"Last-Event-ID": str(params.pop("last"))} if "last" in params else {}
        url = f"threads/{thread}/events"
        with connect_sse(self.http, "GET", url, params=params, headers=headers) as source:
            source.response.raise_for_status()
            for sse in source.iter_sse():
                if sse.event == "message" and sse.data:  # a comment comes through as an empty event
                    yield int(sse.id), json.loads(sse.data)

    def journal(self, thread: str) -> list[tuple[int, Event]]:
        return list(self.stream(thread, follow="false"))

    def finish(self, thread: str, run: str) -> list[Event]:
        """The events of a run, to its end."""
        return [event for _, event in self.stream(thread, runId=run)]

    def wait_until_seen(self, thread: str, kind: str, seconds: float = 30.0) -> Event:
        """The first journaled event of a type (or the first ``lobu.*`` of a name).

        Read as it comes, for asking again and again takes the processor from what is waited for.
        """
        end = time.monotonic() + seconds
        with self.http.stream("GET", f"threads/{thread}/events") as reply:
            assert reply.status_code == 200, reply.status_code
            for line in reply.iter_lines():  # heartbeats too
                assert time.monotonic() < end, f"{kind} did not come within {seconds} s"
                event = json.loads(line[6:]) if line.startswith("data: {") else {}
                if event and kind in (event.get("type"), event.get("name")):
                    return event
        raise AssertionError(f"the stream ended before {kind} came")

    @staticmethod
    def ok(reply: httpx.Response) -> Any:
        assert reply.is_success, f"{reply.request.method} {reply.url}: {reply.status_code} {reply.text}"
        return reply.json()


def text_of(events: list[Event]) -> str:
    return "".join(e["delta"] for e in events if e["type"] == "TEXT_MESSAGE_CONTENT")


def types_of(events: list[Event]) -> list[str]:
    return [e["type"] for e in events]


def ends_of(events: list[Event]) -> list[Event]:
    return [e for e in events if e["type"] in ENDS]


def result_of(events: list[Event]) -> str:
    """What the one tool call of these events returned, as text."""
    (found,) = [e for e in events if e["type"] == "TOOL_CALL_RESULT"]
    content = found["content"]
    return content if isinstance(content, str) else "".join(p.get("text", "") for p in content)
