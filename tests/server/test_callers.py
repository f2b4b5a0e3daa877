"""Who may do what: people, kernels that prove themselves, workers with their token."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from typing import Any

import pytest
from jupyter_server.auth import IdentityProvider, User
from traitlets.config import Config

from lobu_jupyter.client.sign import KernelAuth
from lobu_jupyter.model.callers import OWNER
from lobu_jupyter.server.callers import has_one_owner
from lobu_jupyter.server.kernels.attendance import Attendance

from .wire import PlainWorker, Wire

PAGE = "page-session"


class NamedUsers(IdentityProvider):
    """A provider with real users: whoever the header says."""

    def get_user(self, handler: Any) -> User | None:
        name = handler.request.headers.get("X-User")
        return User(username=name) if name else None

    def is_token_authenticated(self, handler: Any) -> bool:
        return True  # no cookies here, so no XSRF


class Kernel:
    """A managed kernel as its own code sees it: it signs what it asks."""

    def __init__(self, wire: Wire, kernel_id: str) -> None:
        self.wire = wire
        self.kernel_id = kernel_id
        self.manager = wire.app.kernel_manager.get_kernel(kernel_id)
        self.auth = KernelAuth(kernel_id, self.manager.session.key)

    @classmethod
    async def start(cls, wire: Wire) -> Kernel:
        return cls(wire, await wire.app.kernel_manager.start_kernel())

    def sign(self, method: str, path: str, body: str = "") -> dict[str, str]:
        target = f"{wire_base(self.wire)}lobu/api/{path}"
        return {"Authorization": "", **self.auth.headers(method, target.encode(), body.encode())}

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        text = json.dumps(body) if body is not None else ("{}" if method == "POST" else "")
        headers = self.sign(method, path, text)
        path, _, query = path.partition("?")
        params = dict([query.split("=")]) if query else {}
        return await self.wire.ask(method, path, text, headers=headers, params=params)

    def cell(self, state: str, person: str = OWNER) -> None:
        """A page of `person` has sent a cell, or the kernel has answered it."""
        cells = self.wire.service.kernels.cells_of(self.kernel_id)
        if state == "busy":
            cells.opened(person, PAGE)
            cells.forwarded("m1", person, PAGE)
        else:
            cells.answered("m1")


def wire_base(wire: Wire) -> str:
    return wire.app.base_url


@pytest.fixture
def lobu_config() -> dict[str, Any]:
    return {}


@pytest.fixture
async def kernel(wire: Wire) -> Kernel:
    kernel = await Kernel.start(wire)
    wire.service.kernels.connection(kernel.kernel_id)  # it is watched from here on
    return kernel


# -- people ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("trait", "expected"), [(None, True), (True, True), (False, False)])
def test_jupyters_own_login_has_one_owner_unless_configured(trait: bool | None, expected: bool) -> None:
    assert has_one_owner(IdentityProvider(), trait) is expected


@pytest.mark.parametrize(("trait", "expected"), [(None, False), (True, True), (False, False)])
def test_a_provider_with_users_separates_them_unless_configured(trait: bool | None, expected: bool) -> None:
    assert has_one_owner(NamedUsers(), trait) is expected


@pytest.mark.scenario("W20")
async def test_two_browsers_and_a_token_request_are_one_person(wire: Wire) -> None:
    token = wire.app.identity_provider.token
    thread = (await wire.ok("POST", "threads"))["threadId"]

    for _ in range(2):  # each has another anonymous name
        seen = await wire.ok("GET", "threads", headers={"Authorization": ""}, params={"token": token})
        assert [t["threadId"] for t in seen["threads"]] == [thread]

    assert (await wire.ok("GET", f"threads/{thread}"))["owner"] == OWNER


class TestNamedUsers:
    """An identity provider that knows its users."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> Config:
        config = Config(jp_server_config)
        config.ServerApp.identity_provider_class = NamedUsers
        return config

    @pytest.mark.scenario("S13")
    @pytest.mark.scenario("W20")
    async def test_another_persons_thread_is_not_there(self, wire: Wire) -> None:
        ada, bob = {"headers": {"X-User": "ada"}}, {"headers": {"X-User": "bob"}}
        worker = await wire.ok("POST", "workers", {"kind": "x", "agents": [{"name": "demo"}]}, **ada)
        assert worker["token"]
        thread = (await wire.ok("POST", "threads", {"title": "secret plan"}, **ada))["threadId"]
        run = (await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "go"}, **ada))["runId"]

        calls = [
            ("GET", f"threads/{thread}"),
            ("PATCH", f"threads/{thread}"),
            ("DELETE", f"threads/{thread}"),
            ("GET", f"threads/{thread}/snapshot"),
            ("GET", f"threads/{thread}/events"),
            ("POST", f"threads/{thread}/export"),
            ("GET", f"runs/{run}"),
            ("POST", f"runs/{run}/cancel"),
        ]
        replies = {call: await wire.raw(*call, **bob) for call in calls}
        entry = {"interruptId": "i", "status": "resolved", "payload": {"approved": True}}
        start = await wire.raw("POST", f"threads/{thread}/runs", {"prompt": "mine"}, **bob)
        resume = await wire.raw("POST", f"threads/{thread}/resume", {"resume": [entry]}, **bob)

        for reply in [*replies.values(), start, resume]:
            assert reply.code == 404
            assert b"secret plan" not in reply.body
        assert (await wire.ok("GET", "threads", **bob))["threads"] == []
        assert (await wire.ok("GET", "runs", **bob))["runs"] == []
        assert (await wire.ok("GET", f"runs/{run}", **ada))["status"] == "running"

    async def test_a_kernel_that_nobody_is_known_to_have_started_is_refused(self, wire: Wire) -> None:
        kernel = await Kernel.start(wire)

        status, reply = await kernel.ask("GET", "health")

        assert status == 403, reply


# -- kernels --------------------------------------------------------------------------------------


async def test_a_kernel_proves_itself_without_login(kernel: Kernel) -> None:
    status, health = await kernel.ask("GET", "health")

    assert (status, health["status"]) == (200, "ok")


@pytest.mark.scenario("A34")
async def test_an_unattended_kernel_reads_and_does_nothing_else(wire: Wire, kernel: Kernel) -> None:
    worker = await PlainWorker.register(wire)
    thread = (await wire.ok("POST", "threads", {"kernelId": kernel.kernel_id}))["threadId"]
    run = (await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "go"}))["runId"]
    await worker.ask(await worker.task())
    (waiting,) = (await wire.ok("GET", "interrupts"))["interrupts"]
    entry = {"interruptId": waiting["id"], "status": "resolved", "payload": {"approved": True}}

    attempts = [
        ("POST", f"threads/{thread}/resume", {"resume": [entry]}),
        ("POST", f"runs/{run}/cancel", {}),
        ("POST", f"threads/{thread}/runs", {"prompt": "more", "ifWaiting": "cancel"}),
        ("PUT", "policy", {"notebookPath": "a.ipynb", "rules": {"allow": ["*"]}}),
        ("DELETE", "policy/grants/g", None),
        ("DELETE", f"threads/{thread}", None),
    ]
    kernel.cell("busy")
    wire.service.kernels.cells_of(kernel.kernel_id).call_begins("c1", "w1")  # the agent's own code runs
    replies = [await kernel.ask(*attempt) for attempt in attempts]

    assert [status for status, _ in replies] == [403] * len(attempts), replies
    assert (await kernel.ask("GET", f"threads/{thread}"))[0] == 200
    assert (await wire.ok("GET", f"threads/{thread}"))["status"] == "waiting"
    audit = (await wire.ok("GET", "audit"))["audit"]
    assert any(row["via"] == "kernel" for row in audit), "the attempts are in the audit"


async def test_an_attended_kernel_decides_for_its_person(wire: Wire, kernel: Kernel) -> None:
    worker = await PlainWorker.register(wire)
    kernel.cell("busy")
    _, thread = await kernel.ask("POST", "threads", {"kernelId": kernel.kernel_id})
    started, _ = await kernel.ask("POST", f"threads/{thread['threadId']}/runs", {"prompt": "go"})
    await worker.ask(await worker.task())
    _, listed = await kernel.ask("GET", "interrupts")
    entry = {
        "interruptId": listed["interrupts"][0]["id"],
        "status": "resolved",
        "payload": {"approved": True},
    }

    resumed, _ = await kernel.ask("POST", f"threads/{thread['threadId']}/resume", {"resume": [entry]})

    assert (started, resumed) == (202, 202)
    assert any(row["via"] == "kernel" for row in (await wire.ok("GET", "audit"))["audit"])


@pytest.mark.scenario("A34")
async def test_while_an_agents_job_is_under_way_the_waiting_cell_may_not_act(
    wire: Wire, kernel: Kernel
) -> None:
    kernel.cell("busy")
    worker = await PlainWorker.register(wire)
    thread = (await wire.ok("POST", "threads", {"kernelId": kernel.kernel_id}))["threadId"]
    await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "go"})
    await worker.task()
    path = f"kernels/{kernel.kernel_id}"
    polling = asyncio.create_task(kernel.ask("GET", f"{path}/jobs?wait=10"))
    job = {"jobId": "j1", "code": '{"do": "run"}', "wait": 10}
    offered = await wire.ok("POST", f"{path}/jobs", job, headers=worker.headers)
    assert offered == {"taken": True}
    assert (await polling)[1]["job"]["jobId"] == "j1"

    async def attendance() -> Attendance:
        return await wire.service.kernels.attendance(kernel.kernel_id, OWNER, patient=False)

    await kernel.ask("POST", f"{path}/jobs/j1", {"state": "done", "ok": True})  # the kernel's word
    await kernel.ask("GET", f"{path}/jobs?wait=0")
    assert await attendance() == Attendance()

    assert (await wire.raw("DELETE", f"{path}/calls/j1", headers=worker.headers)).code == 204
    assert await attendance() == Attendance(works=True, decides=False)


async def test_a_worker_reports_calls_in_the_kernels_of_its_own_runs_only(wire: Wire, kernel: Kernel) -> None:
    worker = await PlainWorker.register(wire)
    path = f"kernels/{kernel.kernel_id}"

    call = await wire.raw("PUT", f"{path}/calls/c1", headers=worker.headers)
    job = await wire.raw("POST", f"{path}/jobs", {"jobId": "j", "code": "1"}, headers=worker.headers)

    assert (call.code, job.code) == (404, 404)


class TestDecisionsOff:
    @pytest.fixture
    def lobu_config(self) -> dict[str, Any]:
        return {"kernel_decisions": False}

    async def test_kernel_decisions_can_be_switched_off(self, wire: Wire, kernel: Kernel) -> None:
        kernel.cell("busy")
        thread = (await wire.ok("POST", "threads"))["threadId"]

        status, _ = await kernel.ask("POST", f"threads/{thread}/runs", {"prompt": "go"})

        assert status == 403


@pytest.mark.parametrize("what", ["replay", "key", "body", "old", "boot", "empty"])
async def test_a_false_proof_is_refused(wire: Wire, kernel: Kernel, what: str) -> None:
    assert (await kernel.ask("GET", "health"))[0] == 200
    headers = kernel.sign("GET", "health")
    if what == "replay":
        await wire.raw("GET", "health", headers=headers)
    elif what == "key":
        headers = {"Authorization": "", **KernelAuth(kernel.kernel_id, b"guess").headers("GET", b"/", b"")}
    elif what == "body":
        headers = kernel.sign("GET", "threads")
    elif what == "old":
        headers = signed(kernel, at=time.time() - 120)
    elif what == "boot":
        headers = signed(kernel, boot="another process")
    elif what == "empty":
        headers = {"Authorization": "", "X-Lobu-Kernel": kernel.kernel_id}

    assert (await wire.raw("GET", "health", headers=headers)).code == 403


def signed(kernel: Kernel, *, at: float | None = None, boot: str | None = None) -> dict[str, str]:
    stamp, nonce = str(int((at or time.time()) * 1000)), secrets.token_hex(8)
    target = f"{wire_base(kernel.wire)}lobu/api/health"
    boot = boot or kernel.sign("GET", "health")["X-Lobu-Boot"]
    text = "\n".join(["GET", target, hashlib.sha256(b"").hexdigest(), stamp, nonce, boot])
    mac = hmac.new(kernel.manager.session.key, text.encode(), hashlib.sha256).hexdigest()
    names = {"X-Lobu-Kernel": kernel.kernel_id, "X-Lobu-Time": stamp, "X-Lobu-Nonce": nonce}
    return {"Authorization": "", **names, "X-Lobu-Boot": boot, "X-Lobu-Mac": mac}


async def test_a_kernel_speaks_for_itself_only(kernel: Kernel) -> None:
    own, _ = await kernel.ask("POST", f"kernels/{kernel.kernel_id}/tools", {"tools": [{"name": "t"}]})
    other, _ = await kernel.ask("POST", "kernels/other/tools", {"tools": []})

    assert (own, other) == (200, 403)
    assert (await kernel.ask("GET", "kernels/other/jobs?wait=0"))[0] == 403
    assert (await kernel.ask("GET", f"kernels/{kernel.kernel_id}/jobs?wait=0")) == (200, {"job": None})


# -- workers --------------------------------------------------------------------------------------


@pytest.mark.scenario("A34")
async def test_a_worker_reaches_its_own_routes_and_nothing_else(wire: Wire) -> None:
    worker, other = await PlainWorker.register(wire), await PlainWorker.register(wire)
    thread = (await wire.ok("POST", "threads"))["threadId"]

    calls = [
        ("GET", "threads"),
        ("GET", f"threads/{thread}"),
        ("GET", f"threads/{thread}/events"),
        ("POST", f"threads/{thread}/runs"),
        ("POST", f"threads/{thread}/resume"),
        ("POST", "runs/r/cancel"),
        ("GET", "audit"),
        ("PUT", "policy"),
        ("DELETE", "policy/grants/g"),
        ("POST", "agui"),
        ("POST", "workers"),
        ("POST", "kernels/k/tools"),
        ("GET", "kernels/k/jobs"),
        ("GET", f"workers/{other.worker_id}/inbox"),
        ("POST", f"workers/{other.worker_id}/heartbeat"),
    ]
    replies = {call: await wire.raw(*call, {"kind": "x"}, headers=worker.headers) for call in calls}

    assert {call: reply.code for call, reply in replies.items()} == dict.fromkeys(calls, 403)
    assert (
        await wire.raw("POST", f"workers/{worker.worker_id}/heartbeat", headers=worker.headers)
    ).code == 204


async def test_an_unknown_token_is_no_worker(wire: Wire) -> None:
    headers = {"Authorization": "Lobu-Worker guess"}

    assert (await wire.raw("POST", "workers", {"kind": "x"}, headers=headers)).code == 403


async def test_a_person_is_no_worker_and_no_kernel(wire: Wire) -> None:
    worker = await PlainWorker.register(wire)

    assert (await wire.raw("GET", f"workers/{worker.worker_id}/inbox")).code == 403
    assert (await wire.raw("GET", "kernels/k/jobs")).code == 403


# -- browsers -------------------------------------------------------------------------------------


async def test_a_cookie_without_xsrf_token_changes_nothing(wire: Wire) -> None:
    cookie = {"Authorization": "", "Cookie": await wire.login_cookie()}

    assert (await wire.raw("GET", "threads", headers=cookie)).code == 200
    assert (await wire.raw("POST", "threads", headers=cookie)).code == 403
