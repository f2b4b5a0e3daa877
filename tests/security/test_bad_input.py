"""Bad input of every kind gets a 4xx that names the field, quickly, and ends no process."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import time
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import inspect as shapes
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from lobu_jupyter.model.bounds import MAX_BATCH_BYTES, MAX_BATCH_EVENTS
from lobu_jupyter.model.callers import Caller
from lobu_jupyter.model.events import Batch
from lobu_jupyter.server import api
from tests.server.page import hang_up
from tests.servers import RealServer

SECONDS = 10.0
HUGE = 2**63
DEEP = b"[" * 300_000

# -- every field has a bound ------------------------------------------------------------------------


def requests() -> list[type]:
    """Every class that a route or a socket decodes."""
    found: dict[str, type] = {"Batch": Batch}
    for name in [module.name for module in pkgutil.iter_modules(api.__path__)]:
        module = importlib.import_module(f"{api.__name__}.{name}")
        for cls in vars(module).values():
            if inspect.isclass(cls) and issubclass(cls, msgspec.Struct) and not issubclass(cls, Caller):
                found[f"{name}.{cls.__name__}"] = cls
    replies = ("runs.Started", "agui.Started", "interrupts.Interrupt", "kernels.Job")
    return [cls for name, cls in found.items() if name not in replies]


def unbounded(kind: Any, where: str) -> Iterator[str]:
    """The places of a type that take a number, text or list of any size."""
    if isinstance(kind, shapes.IntType | shapes.FloatType):
        if kind.ge is None or kind.le is None:
            yield where
    elif isinstance(kind, shapes.StrType):
        if kind.max_length is None:
            yield where
    elif isinstance(kind, shapes.ListType | shapes.VarTupleType):
        if kind.max_length is None:
            yield where
        yield from unbounded(kind.item_type, f"{where}[]")
    elif isinstance(kind, shapes.UnionType):
        for part in kind.types:
            yield from unbounded(part, where)
    elif isinstance(kind, shapes.StructType):
        for field in kind.fields:
            yield from unbounded(field.type, f"{where}.{field.encode_name}")
    elif isinstance(kind, shapes.DictType):
        # Free JSON: its size is the body's, its depth is bounded, and the gateway checks what it reads.
        assert isinstance(kind.value_type, shapes.AnyType), where


@pytest.mark.parametrize("cls", requests(), ids=lambda cls: cls.__name__)
def test_every_field_of_a_request_has_a_bound(cls: type) -> None:
    assert list(unbounded(shapes.type_info(cls), cls.__name__)) == []


# -- a server, a person and a worker ----------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    options = ["--LobuApp.start_seconds=1", "--LobuApp.default_agent=script"]
    server = RealServer(tmp_path_factory.mktemp("nasty"), options=options)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def person(server: RealServer) -> httpx.Client:
    return server.client(timeout=SECONDS)


class Outside:
    """An outside worker that holds a run of the person."""

    def __init__(self, server: RealServer, person: httpx.Client, name: str) -> None:
        made = person.post("workers", json={"kind": "plain", "agents": [{"name": name}]}).json()
        self.id, self.incarnation = made["workerId"], made["incarnation"]
        self.headers = {"Authorization": f"Lobu-Worker {made['token']}"}
        self.client = httpx.Client(base_url=person.base_url, headers=self.headers, timeout=SECONDS)
        self.thread = person.post("threads", json={}).json()["threadId"]
        started = person.post(f"threads/{self.thread}/runs", json={"prompt": "go", "agent": name})
        self.run = started.json()["runId"]
        items = self.client.get(f"workers/{self.id}/inbox", params={"after": 0, "wait": 5}).json()["items"]
        assert [item["task"]["runId"] for item in items if item["kind"] == "start"] == [self.run]
        self.number = 0

    def head(self, batch: Any = None) -> dict[str, Any]:
        number = self.number + 1 if batch is None else batch
        return {"runId": self.run, "incarnation": self.incarnation, "batch": number}

    def send(self, *events: Any, **more: Any) -> httpx.Response:
        body = {**self.head(), "events": list(events), **more}
        reply = self.client.post(f"workers/{self.id}/events", json=body)
        self.number += reply.status_code == 200
        return reply


@pytest.fixture(scope="module")
def worker(server: RealServer, person: httpx.Client) -> Iterator[Outside]:
    outside = Outside(server, person, "mine")
    yield outside
    outside.client.close()


def refused(reply: httpx.Response, field: str | None) -> None:
    assert 400 <= reply.status_code < 500, (reply.status_code, reply.text[:500])
    error = reply.json()["error"]
    assert error["message"], error
    if field is not None:
        assert error.get("field", "").startswith(field), error


# -- queries ----------------------------------------------------------------------------------------

QUERIES = [
    ("threads", "search", "x" * 60_000),
    ("threads", "search", "%" * 501),
    ("threads", "limit", str(HUGE)),
    ("threads", "limit", "-1"),
    ("threads", "limit", "0"),
    ("threads", "limit", "true"),
    ("threads", "limit", "1e400"),
    ("threads", "limit", "9" * 5000),
    ("threads", "archived", "perhaps"),
    ("threads", "before", "yesterday"),
    ("threads", "before", "9" * 30),
    ("threads", "notebookPath", "x" * 2000),
    ("threads", "name", "x" * 2000),
    ("threads", "kernelId", "x" * 2000),
    ("runs", "limit", "501"),
    ("runs", "status", "asleep"),
    ("runs", "threadId", "x" * 600),
    ("audit", "before", str(HUGE)),
    ("audit", "before", "-1"),
    ("audit", "limit", "nan"),
    ("audit", "limit", "-5"),
    ("interrupts", "threadId", "x" * 600),
    ("policy", "notebookPath", "x" * 5000),
    ("tools", "kernelId", "x" * 600),
    ("threads/{thread}/events", "cursor", str(HUGE)),
    ("threads/{thread}/events", "cursor", "-1"),
    ("threads/{thread}/events", "cursor", "1_0"),
    ("threads/{thread}/events", "cursor", "\u0661"),
    ("threads/{thread}/events", "follow", "perhaps"),
    ("threads/{thread}/events", "runId", "x" * 600),
]


@pytest.mark.parametrize(("path", "name", "value"), QUERIES, ids=lambda part: part[:24])
def test_a_bad_query_argument_is_named(
    person: httpx.Client, worker: Outside, path: str, name: str, value: str
) -> None:
    refused(person.get(path.format(thread=worker.thread), params={name: value}), name)


WORKER_QUERIES = [
    ("wait", "nan"),
    ("wait", "inf"),
    ("wait", "-inf"),
    ("wait", "-1"),
    ("wait", "1e400"),
    ("wait", "soon"),
    ("after", "-1"),
    ("after", str(HUGE)),
    ("after", "1.5"),
    ("after", "nan"),
]


@pytest.mark.parametrize(("name", "value"), WORKER_QUERIES)
def test_a_bad_query_argument_of_a_worker_is_named_and_holds_nothing(
    worker: Outside, name: str, value: str
) -> None:
    began = time.monotonic()

    refused(worker.client.get(f"workers/{worker.id}/inbox", params={"wait": "0", name: value}), name)

    assert time.monotonic() - began < 3


def test_a_repeated_argument_is_refused(person: httpx.Client) -> None:
    refused(person.get("threads?limit=1&limit=2"), "limit")
    refused(person.get("threads?search=a&search=b"), "search")


def test_what_is_no_utf_8_in_a_query_is_refused(person: httpx.Client) -> None:
    refused(person.get("threads?search=%ff%fe"), None)


def test_wildcards_of_the_store_are_letters_in_a_search(person: httpx.Client) -> None:
    person.post("threads", json={"title": "100% sure_thing \\ here"})
    person.post("threads", json={"title": "100x surexthing here"})

    def found(search: str) -> list[str]:
        return [t["title"] for t in person.get("threads", params={"search": search}).json()["threads"]]

    assert found("100% sure_") == ["100% sure_thing \\ here"]
    assert found("thing \\ h") == ["100% sure_thing \\ here"]
    assert found("_______%%") == []


# -- bodies -----------------------------------------------------------------------------------------

RUNS, THREADS, RESUME = "threads/{thread}/runs", "threads", "threads/{thread}/resume"
BODIES: list[tuple[str, str, Any, str]] = [
    (RUNS, "post", {"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "messages[0]"),
    (RUNS, "post", {"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0]"),
    (RUNS, "post", {"messages": [{"role": "user", "content": [{"type": 5, "text": "x"}]}]}, "messages[0]"),
    (RUNS, "post", {"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0]"),
    (RUNS, "post", {"messages": [{"role": "user", "content": ["x"]}]}, "messages[0]"),
    (RUNS, "post", {"messages": [{"role": "user", "content": [None]}]}, "messages[0]"),
    (RUNS, "post", {"messages": [{"role": "user", "content": 5}]}, "messages[0]"),
    (
        RUNS,
        "post",
        {"messages": [{"role": "user", "content": [{"type": "image", "source": "x"}]}]},
        "messages[0]",
    ),
    (
        RUNS,
        "post",
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"value": 1}}]}]},
        "messages[0]",
    ),
    (RUNS, "post", {"messages": [{"role": "user", "content": "x", "id": 5}]}, "messages[0].id"),
    (RUNS, "post", {"messages": [{"role": "user", "content": "x", "id": "i" * 600}]}, "messages[0].id"),
    (RUNS, "post", {"messages": [{"role": "user", "content": "x", "toolCalls": 5}]}, "messages[0].toolCalls"),
    (RUNS, "post", {"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
    (RUNS, "post", {"messages": ["x"]}, "messages"),
    (RUNS, "post", {"messages": []}, "messages"),
    (RUNS, "post", {"prompt": 5}, "prompt"),
    (RUNS, "post", {"prompt": True}, "prompt"),
    (RUNS, "post", {"prompt": "a\0b"}, "prompt"),
    (RUNS, "post", {"prompt": "x", "answerable": 1}, "answerable"),
    (RUNS, "post", {"prompt": "x", "agent": "x" * 2000}, "agent"),
    (RUNS, "post", {"prompt": "x", "agent": "a\0"}, "agent"),
    (RUNS, "post", {"prompt": "x", "kernelId": "k\0"}, "kernelId"),
    (RUNS, "post", {"prompt": "x", "clientRequestId": "x" * 10_000}, "clientRequestId"),
    (RUNS, "post", {"prompt": "x", "context": [{"description": "d", "value": 5}]}, "context[0].value"),
    (RUNS, "post", {"prompt": "x", "context": [{"description": None, "value": "v"}]}, "context[0].desc"),
    (RUNS, "post", {"prompt": "x", "context": [{}] * 2000}, "context"),
    (RUNS, "post", {"prompt": "x", "mode": "yolo"}, "mode"),
    (THREADS, "post", {"title": HUGE}, "title"),
    (THREADS, "post", {"title": "x" * 2000}, "title"),
    (THREADS, "post", {"notebookPath": "a\0.ipynb"}, "notebookPath"),
    (THREADS, "post", {"temporary": "true"}, "temporary"),
    ("threads/{thread}", "patch", {"archived": 1}, "archived"),
    ("threads/{thread}", "patch", {"kernelId": "k" * 2000}, "kernelId"),
    ("threads/{thread}/fork", "post", {"runId": ""}, "runId"),
    ("threads/{thread}/rebuild", "post", {"clientRequestId": HUGE}, "clientRequestId"),
    ("threads/{thread}/export", "post", {"format": ["notebook"]}, "format"),
    (RESUME, "post", {"resume": 5}, "resume"),
    (RESUME, "post", {"resume": [5]}, "resume"),
    (RESUME, "post", {"resume": [{}] * 2000}, "resume"),
    (RESUME, "post", {"resume": [{"interruptId": 5}]}, "resume[0].interruptId"),
    ("policy", "put", {"notebookPath": "", "rules": {}}, "notebookPath"),
    ("policy", "put", {"notebookPath": "n", "rules": {"allow": "read_*"}}, "rules.allow"),
    ("policy", "put", {"notebookPath": "n", "rules": {"allow": ["x"] * 2000}}, "rules.allow"),
    ("policy", "put", {"notebookPath": "n", "rules": {"deny": ["x" * 2000]}}, "rules.deny"),
    ("agui", "post", {"threadId": 5, "runId": "r"}, "threadId"),
    ("agui", "post", {"threadId": "t", "runId": "r", "messages": [5]}, "messages"),
    ("agui", "post", {"threadId": "t", "runId": "r", "context": {}}, "context"),
    (
        "agui",
        "post",
        {
            "threadId": "t",
            "runId": "r",
            "messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}],
        },
        "messages[0]",
    ),
    ("workers", "post", {"kind": "x" * 2000}, "kind"),
    ("workers", "post", {"kind": "x", "agents": [{}]}, "agents[0].name"),
    ("workers", "post", {"kind": "x", "agents": [{"name": 5}]}, "agents[0].name"),
    ("workers", "post", {"kind": "x", "agents": ["a"]}, "agents"),
    ("workers", "post", {"kind": "x", "tools": [{"name": HUGE}]}, "tools[0].name"),
    ("workers", "post", {"kind": "x", "tools": [{"name": "t", "parameters": []}]}, "tools[0].parameters"),
    ("kernels/none/tools", "post", {"tools": [{"name": "t"}] * 2000}, "tools"),
]


@pytest.mark.parametrize(("path", "method", "body", "field"), BODIES, ids=lambda part: str(part)[:60])
def test_a_bad_member_of_a_body_is_named(
    person: httpx.Client, worker: Outside, path: str, method: str, body: Any, field: str
) -> None:
    refused(person.request(method, path.format(thread=worker.thread), json=body), field)


WRITES = [
    ("post", "threads"),
    ("patch", "threads/{thread}"),
    ("post", "threads/{thread}/runs"),
    ("post", "threads/{thread}/resume"),
    ("post", "threads/{thread}/rebuild"),
    ("post", "threads/{thread}/fork"),
    ("post", "threads/{thread}/export"),
    ("put", "policy"),
    ("post", "agui"),
    ("post", "workers"),
    ("post", "kernels/none/tools"),
    ("post", "workers/{worker}/events"),
    ("patch", "workers/{worker}"),
    ("post", "workers/{worker}/withdraw"),
    ("post", "workers/{worker}/notebook"),
    ("post", "kernels/none/jobs"),
]
NO_BODIES = {
    "300,000 brackets": DEEP,
    "300,000 brackets of a member": b'{"a": ' + DEEP,
    "300,000 objects": b'{"a":' * 300_000,
    "deep and closed": b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "deep behind a string": b'{"a": "\\"[[[", "b": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "no JSON": b"{",
    "a list": b"[]",
    "null": b"null",
    "NaN": b'{"limit": NaN, "prompt": NaN, "title": NaN, "batch": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "1e400": b'{"a": 1e400}',
    "no UTF-8": b'{"prompt": "\xff\xfe", "title": "\xff"}',
    "a lone surrogate": b'{"prompt": "\\ud800 x", "title": "\\udc00"}',
    "a surrogate as bytes": b'{"prompt": "\xed\xa0\x80", "title": "\xed\xa0\x80"}',
    "UTF-16": '{"prompt": "x"}'.encode("utf-16"),
    "two documents": b"{}{}",
    "a number of 5,000 digits": b'{"batch": ' + b"9" * 5000 + b', "a": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("what", NO_BODIES)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", None])
def test_what_is_no_body_is_refused(
    person: httpx.Client, worker: Outside, method: str, path: str, what: str, kind: str | None
) -> None:
    client = worker.client if "{worker}" in path or path.endswith("jobs") else person
    began = time.monotonic()
    headers = {} if kind is None else {"Content-Type": kind}

    url = path.format(thread=worker.thread, worker=worker.id)
    refused(client.request(method, url, content=NO_BODIES[what], headers=headers), None)

    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "multipart/form-data", "application/x-www-form-urlencoded"]
)
def test_a_form_is_no_body(person: httpx.Client, kind: str) -> None:
    refused(person.post("threads", content=b"--x\r\na=b", headers={"Content-Type": kind}), None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"prompt": "a", "prompt": "b"}', "prompt"),
        (b'{"prompt": "a", "context": [{"value": "a", "description": "", "value": "b"}]}', "value"),
        (b'{"prompt": "a", "\\u0070rompt": "b"}', "prompt"),
    ],
)
def test_a_member_that_is_given_twice_is_refused(
    person: httpx.Client, worker: Outside, body: bytes, field: str
) -> None:
    refused(person.post(f"threads/{worker.thread}/runs", content=body), field)


# -- headers and paths ------------------------------------------------------------------------------

PROOF = {"X-Lobu-Kernel": "k", "X-Lobu-Time": "1", "X-Lobu-Nonce": "n", "X-Lobu-Boot": "b", "X-Lobu-Mac": "m"}


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Lobu-Time": "soon"},
        {"X-Lobu-Time": "9" * 400},
        {"X-Lobu-Time": "-1"},
        {"X-Lobu-Time": "1e3"},
        {"X-Lobu-Nonce": "n" * 10_000},
        {"X-Lobu-Boot": "b" * 10_000},
        {"X-Lobu-Mac": b"\xff\xfe"},
        {"X-Lobu-Kernel": "k" * 10_000},
        {"X-Lobu-Kernel": b"\xff"},
        {"X-Lobu-Kernel": ""},
    ],
    ids=str,
)
def test_a_proof_that_is_none_is_refused(server: RealServer, headers: dict[str, Any]) -> None:
    with httpx.Client(base_url=server.api, timeout=SECONDS) as nobody:
        refused(nobody.get("threads", headers={**PROOF, **headers}), None)


@pytest.mark.parametrize("token", ["x", "x" * 10_000, b"\xff\xfe", "\u00e9".encode()])
def test_a_token_that_is_none_is_refused(server: RealServer, token: str | bytes) -> None:
    raw = token if isinstance(token, bytes) else token.encode()
    with httpx.Client(base_url=server.api, timeout=SECONDS) as nobody:
        refused(nobody.get("threads", headers={"Authorization": b"Lobu-Worker " + raw}), None)


@pytest.mark.parametrize("cursor", ["x", "-1", str(HUGE), "1.0", b"\xff", "9" * 3000])
def test_a_cursor_in_a_header_that_is_none_is_refused(
    person: httpx.Client, worker: Outside, cursor: Any
) -> None:
    refused(person.get(f"threads/{worker.thread}/events", headers={"Last-Event-ID": cursor}), "cursor")


@pytest.mark.parametrize(
    "path",
    [
        "threads/%00",
        "threads/%ff",
        "threads/%e2%80%ae",
        "threads/..%2f..%2fetc",
        "threads/" + "x" * 5000,
        "threads/'%3B%20DROP%20TABLE%20threads",
        "threads/%0d%0aX: y/snapshot",
        "runs/%00",
        "runs/%25",
        "policy/grants/%00",
        "kernels/%00/jobs",
    ],
)
def test_a_path_to_nothing_is_refused(person: httpx.Client, path: str) -> None:
    method = "DELETE" if "grants" in path else "GET"
    refused(person.request(method, path), None)


# -- a worker's batches -----------------------------------------------------------------------------

TEXT = {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"}
EVENTS: list[tuple[Any, str]] = [
    (5, "events[0]"),
    (None, "events[0]"),
    ([], "events[0]"),
    ({}, "events[0].type"),
    ({"type": 5}, "events[0].type"),
    ({"type": "TEXT_MESSAGE_START", "messageId": 5}, "events[0].messageId"),
    ({"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "king"}, "events[0].role"),
    ({"type": "STATE_DELTA", "delta": {}}, "events[0].delta"),
    ({"type": "CUSTOM", "name": "lobu.output", "value": 5}, "events[0].value"),
    ({"type": "CUSTOM", "name": "lobu.output", "value": {"toolCallId": "c", "index": 0}}, "events[0].value"),
    (
        {
            "type": "CUSTOM",
            "name": "lobu.output",
            "value": {"toolCallId": "c", "index": -1, "output": {"output_type": "stream"}},
        },
        "events[0].value.index",
    ),
    (
        {
            "type": "CUSTOM",
            "name": "lobu.output",
            "value": {"toolCallId": "c", "index": True, "output": {"output_type": "stream"}},
        },
        "events[0].value.index",
    ),
    (
        {
            "type": "CUSTOM",
            "name": "lobu.output",
            "value": {"toolCallId": "c", "index": 0, "output": {"output_type": "stream", "text": 5}},
        },
        "events[0].value.output.text",
    ),
    ({"type": "CUSTOM", "name": "lobu.note", "value": {}}, "events[0].value"),
    ({"type": "CUSTOM", "name": "lobu.compacted", "value": {"upTo": 5, "summary": "s"}}, "events[0].value"),
    (
        {"type": "CUSTOM", "name": "lobu.cut", "value": {"reason": ["length"], "message": "m"}},
        "events[0].value",
    ),
    ({"type": "CUSTOM", "name": "lobu.cut", "value": {"reason": "length"}}, "events[0].value"),
    ({"type": "CUSTOM", "name": "lobu.title", "value": 5}, "events[0].name"),
    ({"type": "RUN_FINISHED", "outcome": "success"}, "events[0].outcome"),
    ({"type": "RUN_FINISHED", "outcome": {"type": "won"}}, "events[0].outcome.type"),
    ({"type": "RUN_FINISHED", "outcome": {"type": ["success"]}}, "events[0].outcome.type"),
    ({"type": "RUN_FINISHED", "usage": [{"inputTokens": 2**63}]}, "events[0].usage[0].inputTokens"),
    ({"type": "RUN_FINISHED", "usage": [{"inputTokens": -1}]}, "events[0].usage[0].inputTokens"),
    ({"type": "RUN_ERROR", "message": 5}, "events[0].message"),
    ({"type": "RUN_ERROR", "message": "x", "usage": {}}, "events[0].usage"),
]


@pytest.mark.parametrize(("event", "field"), EVENTS, ids=lambda part: str(part)[:70])
def test_a_bad_event_is_named_and_journals_nothing(worker: Outside, event: Any, field: str) -> None:
    refused(worker.send(event), field)


CALL = [
    {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "t"},
    {"type": "TOOL_CALL_END", "toolCallId": "c"},
]
QUESTIONS: list[tuple[Any, str]] = [
    (5, ""),
    ({"id": 5, "reason": "tool_call"}, ".id"),
    ({"id": "i"}, ".reason"),
    ({"id": "i", "reason": "tool_call", "toolCallId": {}}, ".toolCallId"),
    ({"id": "i", "reason": "tool_call", "toolCallId": "c", "message": []}, ".message"),
    ({"id": "i", "reason": "tool_call", "toolCallId": "c", "expiresAt": 5}, ".expiresAt"),
    ({"id": "i", "reason": "tool_call", "toolCallId": "c", "expiresAt": "soon"}, ".expiresAt"),
    ({"id": "i", "reason": "tool_call", "toolCallId": "c", "metadata": "x"}, ".metadata"),
    ({"id": "i", "reason": "tool_call", "toolCallId": "c", "metadata": {"lobu": []}}, ".metadata.lobu"),
    *[
        ({"id": "i", "reason": "tool_call", "toolCallId": "c", "metadata": {"lobu": lobu}}, ".metadata.lobu.")
        for lobu in (
            {"decisions": 5},
            {"decisions": ["obey"]},
            {"args": []},
            {"argsSchema": "x"},
            {"questions": [{"question": "without an id"}]},
            {"questions": [{"id": 5, "question": "x"}]},
            {"questions": [{"id": "q", "question": "x", "options": "abc"}]},
            {"diff": 5},
            {"risks": "x"},
            {"parentToolCallIds": 5},
            {"toolName": 5},
        )
    ],
]


@pytest.mark.parametrize(("question", "field"), QUESTIONS, ids=lambda part: str(part)[:80])
def test_a_bad_question_is_named(worker: Outside, question: Any, field: str) -> None:
    outcome = {"type": "interrupt", "interrupts": [question]}

    reply = worker.send(*CALL, {"type": "RUN_FINISHED", "outcome": outcome}, checkpoint="c")

    refused(reply, f"events[2].outcome.interrupts[0]{field}")


HEADS: list[tuple[dict[str, Any], str]] = [
    ({"batch": HUGE}, "batch"),
    ({"batch": 2**64}, "batch"),
    ({"batch": 0}, "batch"),
    ({"batch": -1}, "batch"),
    ({"batch": True}, "batch"),
    ({"batch": 1.5}, "batch"),
    ({"batch": "1"}, "batch"),
    ({"incarnation": HUGE}, "incarnation"),
    ({"incarnation": -1}, "incarnation"),
    ({"runId": 5}, "runId"),
    ({"runId": "r" * 1000}, "runId"),
    ({"events": {}}, "events"),
    ({"events": []}, "events"),
    ({"checkpoint": 5}, "checkpoint"),
    ({"more": 5}, "more"),
]


@pytest.mark.parametrize(("change", "field"), HEADS, ids=str)
def test_a_bad_batch_is_named(worker: Outside, change: dict[str, Any], field: str) -> None:
    body = {**worker.head(), "events": [TEXT], **change}
    refused(worker.client.post(f"workers/{worker.id}/events", json=body), field)


def tiny(head: dict[str, Any], count: int) -> bytes:
    return json.dumps(head).encode()[:-1] + b', "events": [' + b",".join([b'{"type":"X"}'] * count) + b"]}"


def test_a_batch_of_too_many_events_costs_almost_nothing(person: httpx.Client, worker: Outside) -> None:
    began = time.monotonic()

    refused(worker.client.post(f"workers/{worker.id}/events", content=tiny(worker.head(), 400_000)), "events")
    person.get("health").raise_for_status()

    assert time.monotonic() - began < 2
    over = worker.client.post(
        f"workers/{worker.id}/events", content=tiny(worker.head(), MAX_BATCH_EVENTS + 1)
    )
    refused(over, "events")


def test_a_batch_of_too_many_bytes_is_refused(worker: Outside) -> None:
    event = {"type": "CUSTOM", "name": "x", "value": "y" * 60_000}

    reply = worker.send(*[event] * (MAX_BATCH_BYTES // 60_000 + 1))

    assert reply.status_code == 413
    refused(reply, "events")


# -- the sockets ------------------------------------------------------------------------------------

UP: list[tuple[Any, str | None]] = [
    ("[" * 300_000, "message"),
    ('{"type": "answer", "id": 1, "answer": ' + '{"a": ' * 900 + "1" + "}" * 900 + "}", "message"),
    ("{", "message"),
    ("5", "message"),
    (b"\xff\xfe", "message"),
    ('{"type": "follow", "threadId": "\\ud800"}', "threadId"),
    ('{"type": "follow", "threadId": "t", "a": [{"\\ud800": 1}]}', "a[0]"),
    ({"type": "nothing"}, "type"),
    ({"type": 5}, "type"),
    ({"type": "follow"}, "threadId"),
    ({"type": "follow", "threadId": 5}, "threadId"),
    ({"type": "follow", "threadId": "t" * 1000}, "threadId"),
    ({"type": "follow", "threadId": "t", "cursor": HUGE}, "cursor"),
    ({"type": "follow", "threadId": "t", "cursor": -1}, "cursor"),
    ({"type": "follow", "threadId": "t", "cursor": True}, "cursor"),
    ({"type": "unfollow", "threadId": []}, "threadId"),
    ({"type": "offer", "paths": "abc"}, "paths"),
    ({"type": "offer", "paths": ["x"] * 2000}, "paths"),
    ({"type": "offer", "paths": ["x" * 2000]}, "paths"),
    ({"type": "answer", "id": HUGE, "answer": {}}, "id"),
    ({"type": "answer", "id": 1, "answer": []}, "answer"),
]


async def open_socket(url: str, headers: dict[str, str]) -> WebSocketClientConnection:
    return await websocket_connect(HTTPRequest("ws" + url.removeprefix("http"), headers=headers))


async def read(socket: WebSocketClientConnection) -> dict[str, Any]:
    got = await socket.read_message()
    assert got is not None, "the server closed the socket"
    return json.loads(got)


@pytest.mark.parametrize(("message", "field"), UP, ids=lambda part: str(part)[:60])
async def test_a_bad_message_of_a_page_is_named_and_the_next_is_read(
    server: RealServer, message: Any, field: str
) -> None:
    socket = await open_socket(f"{server.api}socket", server.auth)
    raw = message if isinstance(message, str | bytes) else json.dumps(message)

    await socket.write_message(raw, binary=isinstance(raw, bytes))
    answer = await read(socket)
    await socket.write_message(json.dumps({"type": "follow", "threadId": "none"}))
    after = await read(socket)
    await hang_up(socket)

    assert answer["type"] == "error"
    assert answer["error"]["field"].startswith(field), answer
    assert after["error"]["code"] == "thread_not_found"


async def test_a_bad_batch_on_the_workers_socket_is_named_and_the_next_is_taken(
    server: RealServer, worker: Outside
) -> None:
    socket = await open_socket(f"{server.api}workers/{worker.id}/socket", worker.headers)
    good = {**worker.head(), "events": [TEXT, {"type": "TEXT_MESSAGE_END", "messageId": "m"}]}
    bad = [{**worker.head(), "events": [TEXT], **change} for change, _ in HEADS]
    bodies = [
        *(json.dumps(each).encode() for each in bad),
        tiny(worker.head(), 100_000),
        json.dumps(good).encode(),
    ]

    await socket.write_message(b'{"batches": [' + b",".join(bodies) + b"]}", binary=True)
    results = (await read(socket))["results"]
    await hang_up(socket)

    worker.number += 1
    assert [result.get("status") for result in results[:-1]] == [422] * (len(bodies) - 1)
    assert [result["error"]["field"] for result in results[: len(HEADS)]] == [field for _, field in HEADS]
    assert results[-1]["acked"] == worker.number


@pytest.mark.parametrize(
    "message", [b"{", DEEP, b'{"batches": 5}', b"\xff", b'{"batches": [' + DEEP, b'{"batches": ["\\ud800"]}']
)
async def test_a_message_that_is_none_closes_the_workers_socket_only(
    server: RealServer, worker: Outside, message: bytes
) -> None:
    socket = await open_socket(f"{server.api}workers/{worker.id}/socket", worker.headers)

    await socket.write_message(message, binary=True)

    assert await socket.read_message() is None
    socket.close()
    assert worker.client.post(f"workers/{worker.id}/heartbeat").status_code == 204


# -- after all this ---------------------------------------------------------------------------------


def test_the_thread_can_still_be_read_and_asked(person: httpx.Client, worker: Outside) -> None:
    assert worker.send({"type": "RUN_FINISHED"}).status_code == 200
    state = person.get(f"threads/{worker.thread}/snapshot").json()

    assert [run["status"] for run in state["runs"]] == ["succeeded"]
    assert person.post(f"threads/{worker.thread}/export", json={}).status_code == 200
    assert person.get("agents").status_code == 200
    assert (
        person.post(f"threads/{worker.thread}/runs", json={"prompt": "say hi", "agent": "script"}).status_code
        == 202
    )


def test_the_server_lives_and_logged_no_fault(server: RealServer, person: httpx.Client) -> None:
    assert person.get("health").json()["status"] == "ok"
    assert "Traceback" not in server.log(), server.log()[-6000:]
