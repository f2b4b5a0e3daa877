"""Whatever comes over the wire, well formed or not: no 5xx, and an error that says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode

from lobu_jupyter.server import openapi_path
from tests.servers import RealServer

EXAMPLES = 5  # of each operation, well formed and not
SECONDS = 10.0  # for an answer; streams end with their run

SCHEMA = schemathesis.openapi.from_dict(yaml.safe_load(Path(openapi_path()).read_text()))
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
HTTP = [operation for operation in OPERATIONS if operation.path != "/socket"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    home = tmp_path_factory.mktemp("bad")
    options = ["--LobuApp.start_seconds=1", "--LobuApp.default_agent=script", "--LobuApp.body_bytes=65536"]
    server = RealServer(home, options=options)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def client(server: RealServer) -> httpx.Client:
    return server.client(timeout=SECONDS)


@pytest.fixture(scope="module")
def ids(client: httpx.Client) -> dict[str, str]:
    """Things that are there, so that not all is refused for what is not."""
    thread = client.post("threads", json={"title": "there"}).json()["threadId"]
    run = client.post(f"threads/{thread}/runs", json={"prompt": "say hi", "agent": "script"}).json()["runId"]
    return {"threadId": thread, "runId": run}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", HTTP, ids=lambda operation: operation.label)
def test_no_input_makes_the_server_fail(
    client: httpx.Client, ids: dict[str, str], operation: Any, mode: GenerationMode
) -> None:
    turn = iter(range(10_000))

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Case) -> None:
        known = {name: ids[name] for name in case.path_parameters or {} if name in ids}
        if next(turn) % 2 and operation.method != "delete":
            case.path_parameters = {**(case.path_parameters or {}), **known}
        check(*ask(client, case))

    try:
        send()
    except Exception as error:
        if "Impossible to generate" in str(error) or type(error).__name__ in ("Unsatisfiable", "SkipTest"):
            pytest.skip("nothing about this operation can be wrong")
        raise


def ask(client: httpx.Client, case: Case) -> tuple[int, bytes]:
    """Send a case; of a stream, what came until it ended or was silent for a while."""
    request = case.as_transport_kwargs(base_url=str(client.base_url).rstrip("/"))
    sent = {key: request[key] for key in ("params", "json", "data", "headers", "cookies") if request.get(key)}
    headers = {k: v for k, v in (sent.pop("headers", None) or {}).items() if _sendable(k, v)}
    content = sent.pop("data", None)
    if isinstance(content, bytes | str):
        sent["content"] = content
    url, method = request["url"], request["method"]
    got = b""
    try:
        with client.stream(method, url, headers={**headers, **client.headers}, **sent) as reply:
            for chunk in reply.iter_bytes():
                got += chunk
                if b"RUN_STARTED" in got or b"\n: " in got:
                    break
            return reply.status_code, got
    except (httpx.InvalidURL, UnicodeEncodeError, httpx.LocalProtocolError):
        return 400, b'{"error": {"code": "x", "message": "the client itself refuses to send it"}}'


def _sendable(name: str, value: Any) -> bool:
    return str(name).isascii() and str(value).isascii() and name.lower() not in ("host", "authorization")


def check(status: int, body: bytes) -> None:
    assert status < 500, (status, body[:2000])
    if status >= 400:
        error = json.loads(body)["error"]
        assert error["code"], body
        assert error["message"], body


DEEP = b"[" * 30_000 + b"]" * 30_000
HUGE = 2**70
BAD_BODIES = [
    b"",
    b"null",
    b"[]",
    b"{",
    b'"text"',
    b"\xff\xfe",
    b"{}" * 10,
    DEEP,
    b'{"prompt": ' + DEEP + b"}",
    b'{"prompt": "x", "context": ' + DEEP + b"}",
    b'{"resume": [' + b'{"interruptId": "x", "payload": ' * 5000 + b"1" + b"}" * 5000 + b"]}",
    b'{"prompt": NaN}',
    b'{"prompt": "a", "prompt": 1}',
    b'{"prompt": "\\ud800"}',
    json.dumps({"prompt": "\x00\x1b[31m"}).encode(),
    json.dumps({"prompt": "x", "kernelId": "../../etc/passwd"}).encode(),
    json.dumps({"prompt": "x", "clientRequestId": "x" * 10_000}).encode(),
    json.dumps({"title": HUGE, "limit": HUGE}).encode(),
]
WRITES = [op for op in HTTP if op.method in ("post", "put", "patch")]


@pytest.mark.parametrize("operation", WRITES, ids=lambda operation: operation.label)
def test_bodies_that_are_no_bodies_are_refused(
    client: httpx.Client, ids: dict[str, str], operation: Any
) -> None:
    path = operation.path.strip("/").format_map({**dict.fromkeys(PATH_NAMES, "none"), **ids})

    for body in BAD_BODIES:
        with client.stream(operation.method, path, content=body) as reply:
            got = b"" if reply.status_code == 200 else reply.read()
            assert reply.status_code < 500, (body[:80], got[:500])


PATH_NAMES = ("workerId", "kernelId", "grantId", "jobId", "callId", "name")


@pytest.mark.parametrize(
    "path",
    [
        f"threads?limit={HUGE}",
        "threads?limit=-1",
        "threads?limit=NaN",
        "threads?before=9999999999999999999",
        "threads?before=0001-01-01T00:00:00-14:00",
        "threads?search=%00%25_",
        "runs?limit=1e400",
        f"audit?before={HUGE}",
        f"audit?limit={HUGE}",
        "audit?before=-1",
        f"threads/{{threadId}}/events?follow=false&cursor={HUGE}",
        "threads/{threadId}/events?follow=perhaps",
        "threads/{threadId}/events?follow=false&runId=%00",
        "threads/%2e%2e%2f%2e%2e/snapshot",
        "threads/%ff/snapshot",
        "runs/%00",
        "kernels/..%2f..%2fetc/jobs?wait=1e9",
        "policy?notebookPath=" + "x" * 5000,
        "nothing/here",
    ],
)
def test_queries_and_paths_that_are_none_are_refused(
    client: httpx.Client, ids: dict[str, str], path: str
) -> None:
    reply = client.get(path.replace("{threadId}", ids["threadId"]))

    check(reply.status_code, reply.content)


def test_a_header_cursor_that_is_garbage_is_refused(client: httpx.Client, ids: dict[str, str]) -> None:
    url = f"threads/{ids['threadId']}/events"

    for cursor in ("x", "-1", str(HUGE), "1; DROP TABLE events"):
        reply = client.get(url, headers={"Last-Event-ID": cursor})
        assert reply.status_code == 422
        assert reply.json()["error"]["field"] == "cursor"


def test_a_body_over_the_limit_is_refused_and_says_the_limit(client: httpx.Client) -> None:
    reply = client.post("threads", json={"title": "x" * 70_000})

    assert reply.status_code == 413
    assert "65536" in reply.json()["error"]["message"]


def test_the_server_is_well_after_all_this(server: RealServer, client: httpx.Client) -> None:
    assert client.get("health").json()["status"] == "ok"
    assert "Traceback" not in server.log(), server.log()[-6000:]
