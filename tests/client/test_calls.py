"""Calls: sent once or, where that does no harm, until they are answered; errors by their class."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from lobu_jupyter.client import calls
from lobu_jupyter.client.backoff import Backoff
from lobu_jupyter.client.errors import NoLobuThere, ServerGone
from lobu_jupyter.client.http import AsyncClient, Client
from lobu_jupyter.client.sign import KernelAuth
from lobu_jupyter.model.errors import NotAllowed, StoreUnavailable, ThreadBusy
from lobu_jupyter.model.requests import NewThread, StartRun, ThreadPatch
from lobu_jupyter.server.kernels.proof import Proof

from .scripted import CUT, Seen, reply, serving

STARTED = {"runId": "run_1", "threadId": "thread_1", "cursor": 3}


async def _at_once(_: float) -> None:
    await asyncio.sleep(0)


@pytest.mark.scenario("S14")
async def test_a_start_whose_answer_was_lost_is_sent_again_under_the_same_request_id() -> None:
    def script(n: int, _: Seen) -> list[bytes]:
        return [[CUT], [reply(502, content=b"proxy")], [reply(202, STARTED)]][n]

    async with serving(script) as server, AsyncClient(server.url, sleep=_at_once) as client:
        started = await client.runs.start("thread_1", StartRun(prompt="hi"))

    assert (started.run_id, started.cursor) == ("run_1", 3)
    ids = {seen.json()["clientRequestId"] for seen in server.seen}
    assert len(server.seen) == 3
    assert len(ids) == 1


@pytest.mark.scenario("S14")
async def test_two_starts_are_two_requests() -> None:
    async with serving(lambda n, r: [reply(202, STARTED)]) as server, AsyncClient(server.url) as client:
        await client.runs.start("thread_1", StartRun(prompt="hi"))
        await client.runs.start("thread_1", StartRun(prompt="hi", client_request_id="mine"))

    first, second = (seen.json() for seen in server.seen)
    assert first["clientRequestId"] != second["clientRequestId"] == "mine"
    assert second == {"prompt": "hi", "clientRequestId": "mine"}


async def test_a_thread_that_may_have_been_made_is_not_made_again() -> None:
    async with serving(lambda n, r: [CUT]) as server, AsyncClient(server.url, sleep=_at_once) as client:
        with pytest.raises(ServerGone):
            await client.threads.create(NewThread(title="new"))

    assert len(server.seen) == 1


async def test_a_decision_says_whether_it_was_the_first() -> None:
    def script(n: int, _: Seen) -> list[bytes]:
        return [reply(202 if n == 0 else 200, STARTED)]

    entries = [{"interruptId": "i", "status": "resolved", "payload": {"approved": True}}]
    async with serving(script) as server, AsyncClient(server.url) as client:
        first, second = [await client.policy.resume("thread_1", entries) for _ in range(2)]

    assert (first[1], second[1]) == (True, False)
    assert first[0] == second[0]
    assert server.seen[0].json() == {"resume": entries}


async def test_an_error_comes_back_as_its_class_with_what_it_tells() -> None:
    busy = {"error": {"code": "thread_busy", "message": "wait", "runId": "run_0"}}
    async with serving(lambda n, r: [reply(409, busy)]) as server, AsyncClient(server.url) as client:
        with pytest.raises(ThreadBusy, match="wait") as caught:
            await client.runs.start("thread_1", StartRun(prompt="hi"))

    assert caught.value.detail == {"runId": "run_0"}


async def test_a_store_that_cannot_be_opened_is_told_at_once() -> None:
    wire = {"status": "unavailable", "error": {"code": "store_unavailable", "message": "locked"}}
    async with serving(lambda n, r: [reply(503, wire)]) as server, AsyncClient(server.url) as client:
        with pytest.raises(StoreUnavailable, match="locked"):
            await client.health()

    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("status", "error"), [(404, NoLobuThere), (403, NotAllowed), (302, NotAllowed)], ids=str
)
async def test_a_server_without_lobu_or_without_our_login_is_a_clear_error(
    status: int, error: type[Exception]
) -> None:
    refusal = [reply(status, {"message": "no"})]
    async with serving(lambda n, r: refusal) as server, AsyncClient(server.url) as client:
        with pytest.raises(error):
            await client.health()


@pytest.mark.scenario("W16")
async def test_a_waiting_client_gives_up_on_a_server_that_is_not_there() -> None:
    async with serving(lambda n, r: []) as server:
        url = server.url

    with Client(url, patience=0.1) as client, pytest.raises(ServerGone, match=re.escape(url)):
        await asyncio.to_thread(client.runs.get, "run_1")


async def test_each_try_of_a_kernel_is_signed_anew_and_the_server_takes_it() -> None:
    def script(n: int, _: Seen) -> list[bytes]:
        return [CUT] if n == 0 else [reply(202, STARTED)]

    auth = KernelAuth("kernel-1", b"secret", boot="b00t", now=lambda: 1_800_000_000.5)
    async with (
        serving(script) as server,
        AsyncClient(server.url + "base/", auth=auth, sleep=_at_once) as client,
    ):
        await client.runs.start("thread ü", StartRun(prompt="hé"))

    assert len({seen.headers["x-lobu-nonce"] for seen in server.seen}) == 2
    seen = server.seen[1]
    proof = Proof(
        kernel_id="kernel-1",
        time="1800000000500",
        nonce=seen.headers["x-lobu-nonce"],
        boot="b00t",
        mac=seen.headers["x-lobu-mac"],
        method="POST",
        path=seen.path,
        body=seen.body,
    )
    assert proof.signed_with(b"secret")
    assert not proof.signed_with(b"another")


def test_a_signature_covers_the_query() -> None:
    auth = KernelAuth("kernel-1", b"secret")
    request = httpx.Request("GET", "http://localhost/lobu/api/runs?threadId=t+1&limit=2")

    signed = next(auth.auth_flow(request))

    assert _proof_of(signed, "/lobu/api/runs?threadId=t+1&limit=2").signed_with(b"secret")
    assert not _proof_of(signed, "/lobu/api/runs?threadId=t+1&limit=3").signed_with(b"secret")


def _proof_of(request: httpx.Request, path: str) -> Proof:
    names = {"time": "Time", "nonce": "Nonce", "boot": "Boot", "mac": "Mac", "kernel_id": "Kernel"}
    sent: dict[str, Any] = {name: request.headers[f"X-Lobu-{header}"] for name, header in names.items()}
    return Proof(method=request.method, path=path, body=request.content, **sent)


def test_every_call_is_an_operation_of_the_gateway() -> None:
    document = Path(calls.__file__).parents[1] / "server" / "openapi.yaml"
    paths = yaml.safe_load(document.read_text())["paths"]
    operations = {
        (verb.upper(), re.sub(r"{\w+}", "X", path).strip("/")) for path in paths for verb in paths[path]
    }
    built = [
        calls.create_thread(),
        calls.list_threads(),
        calls.get_thread("X"),
        calls.patch_thread("X", ThreadPatch(title="t")),
        calls.delete_thread("X"),
        calls.start("X", StartRun(prompt="p")),
        calls.cancel("X"),
        calls.get_run("X"),
        calls.list_runs(),
        calls.snapshot("X"),
        calls.interrupts(),
        calls.resume("X", []),
        calls.policy(),
        calls.put_policy(notebook_path="n", rules={}),
        calls.revoke_grant("X"),
        calls.audit(),
        calls.export("X"),
        calls.agents(),
        calls.tools(),
        calls.kernel_tools("X", []),
        calls.poll_job("X", 20),
        calls.end_job("X", "X", {}),
        calls.health(),
    ]

    assert {(call.method, call.path) for call in built} <= operations


def test_delays_double_up_to_the_most_and_end_with_patience() -> None:
    now = [0.0]
    backoff = Backoff(10.0, first=1.0, most=4.0, now=lambda: now[0], jitter=lambda: 1.0)
    delays: list[float] = []

    while (delay := backoff.delay()) is not None:
        delays.append(delay)
        now[0] += delay

    assert delays == [1.0, 2.0, 4.0, 3.0]


def test_after_a_success_patience_is_whole_again() -> None:
    now = [0.0]
    backoff = Backoff(1.0, first=0.5, now=lambda: now[0], jitter=lambda: 1.0)
    backoff.delay()
    now[0] = 5.0

    assert backoff.delay() is None
    backoff.succeeded()
    assert backoff.delay() == 0.5
