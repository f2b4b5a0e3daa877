"""Whatever a kernel writes is fenced: each operation of the document, tried by a kernel that nobody attends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lobu_jupyter.model.callers import KernelCaller
from lobu_jupyter.model.errors import NotAllowed, ThreadNotFound, TooManyThreads
from lobu_jupyter.model.policy import Rules
from lobu_jupyter.model.requests import NewThread, StartRun, ThreadPatch
from lobu_jupyter.server.routes import TEMPLATES
from tests.gateway.rig import ME, Rig
from tests.server.conftest import *  # noqa: F403
from tests.server.test_callers import Kernel
from tests.server.test_openapi import OPERATIONS
from tests.server.wire import Wire

SECRET = "a secret of another notebook"
# Operations that change nothing of a thread, a run or a policy; a kernel may ask them of itself only.
OF_ITSELF = {
    ("get", "/kernels/{kernelId}/jobs"),
    ("post", "/kernels/{kernelId}/jobs/{jobId}"),
    ("post", "/kernels/{kernelId}/tools"),
}
READS = {("post", "/threads/{threadId}/export")}
WARMS = ("post", "/agents/warm")  # starts the worker that any run would start, and writes nothing
FOR_KERNELS = [
    (verb, path, operation)
    for verb, path, operation in OPERATIONS
    if KernelCaller in dict(TEMPLATES)[path.strip("/")].takes and path != "/socket"
]


@pytest.fixture
def lobu_config() -> dict[str, Any]:
    return {"default_agent": "demo"}


@pytest.fixture
async def kernel(wire: Wire) -> Kernel:
    return await Kernel.start(wire)


@pytest.mark.parametrize(
    ("verb", "path", "operation"), FOR_KERNELS, ids=[f"{verb} {path}" for verb, path, _ in FOR_KERNELS]
)
async def test_an_unattended_kernel_writes_nothing_and_reads_nothing_of_another_notebook(
    wire: Wire, kernel: Kernel, verb: str, path: str, operation: dict[str, Any]
) -> None:
    await wire.ok("PUT", "policy", {"notebookPath": "theirs.ipynb", "rules": {"deny": [SECRET]}})
    thread = (await wire.ok("POST", "threads", {"title": SECRET, "notebookPath": "theirs.ipynb"}))["threadId"]
    run = (await wire.ok("POST", f"threads/{thread}/runs", {"prompt": SECRET}))["runId"]
    state = await wire.ok("GET", f"threads/{thread}")
    other = "another-kernel" if (verb, path) in OF_ITSELF else kernel.kernel_id
    names = {"threadId": thread, "runId": run, "kernelId": other}
    url = path.strip("/").format(**names, grantId="g", jobId="j", workerId="w", callId="c")
    content = operation.get("requestBody", {}).get("content", {})
    body = content["application/json"]["example"] if content else None
    query = "?follow=false" if path.endswith("/events") else "?wait=0" if path.endswith("/jobs") else ""

    headers = kernel.sign(
        verb.upper(), url + query, "" if body is None and verb == "get" else json.dumps(body or {})
    )
    params = dict([query[1:].split("=")]) if query else {}
    reply = await wire.raw(
        verb.upper(), url, json.dumps(body or {}) if verb != "get" else None, headers=headers, params=params
    )

    assert SECRET.encode() not in reply.body
    if (verb, path) == WARMS:
        assert reply.code == 202
    elif verb != "get" or (verb, path) in OF_ITSELF:
        assert reply.code in ((404,) if (verb, path) in READS else (403,)), reply.body
    assert (await wire.ok("GET", f"threads/{thread}"))["title"] == state["title"]


class TestSilenced:
    """`kernel_decisions = False` closes all writes, also those that a kernel makes about itself."""

    @pytest.fixture
    def lobu_config(self) -> dict[str, Any]:
        return {"kernel_decisions": False, "default_agent": "demo"}

    @pytest.mark.parametrize(
        ("verb", "path", "body"),
        [
            ("POST", "threads", {}),
            ("PATCH", "threads/{t}", {"title": "x"}),
            ("POST", "threads/{t}/runs", {"prompt": "x"}),
            ("POST", "kernels/{k}/tools", {"tools": []}),
            ("GET", "kernels/{k}/jobs?wait=0", None),
            ("POST", "kernels/{k}/jobs/j", {"state": "done", "ok": True}),
        ],
    )
    async def test_the_persons_own_cell_opens_none(
        self, wire: Wire, kernel: Kernel, verb: str, path: str, body: Any
    ) -> None:
        kernel.cell("busy")
        thread = (await wire.ok("POST", "threads", {"kernelId": kernel.kernel_id}))["threadId"]

        status, _ = await kernel.ask(verb, path.format(t=thread, k=kernel.kernel_id), body)

        assert status == 403


def attended(**more: Any) -> KernelCaller:
    known: dict[str, Any] = {"kernel_id": "k1", "name": "ada", "notebook_path": "mine.ipynb"}
    return KernelCaller(**{**known, "attended": True, "decides": True, **more})


@pytest.mark.parametrize("path", ["trusted.ipynb", None])
async def test_an_attended_kernel_borrows_no_grants_and_sheds_no_denies(rig: Rig, path: str | None) -> None:
    thread = await rig.gateway.threads.create(ME, NewThread(kernel_id="k1", notebook_path="mine.ipynb"))

    with pytest.raises(NotAllowed):
        await rig.gateway.threads.patch(attended(), thread.thread_id, ThreadPatch(notebook_path=path))
    with pytest.raises(NotAllowed):
        await rig.gateway.threads.patch(attended(), thread.thread_id, ThreadPatch(kernel_id="k2"))
    with pytest.raises(NotAllowed):
        await rig.gateway.threads.create(attended(), NewThread(notebook_path="trusted.ipynb"))
    with pytest.raises(NotAllowed):
        await rig.gateway.runs.start(attended(), thread.thread_id, StartRun(prompt="go", kernel_id="k2"))
    with pytest.raises(NotAllowed):
        await rig.gateway.policy.put(attended(), notebook_path="trusted.ipynb", rules=Rules(allow=("*",)))

    assert (await rig.gateway.threads.get(ME, thread.thread_id)).notebook_path == "mine.ipynb"
    tried = [row["action"] for row in await rig.gateway.policy.audit(ME)]
    assert tried == ["refused policy", "refused start", "refused create", "refused patch", "refused patch"]


async def test_a_thread_of_a_kernel_is_always_under_the_rules_of_its_notebook(rig: Rig) -> None:
    await rig.gateway.policy.put(ME, notebook_path="mine.ipynb", rules=Rules(deny=("run_code",)))

    made = await rig.gateway.threads.create(attended(decides=False), NewThread(name="free"))

    assert made.notebook_path == "mine.ipynb"
    assert [layer.name for layer in (await rig.gateway.policy.get(ME, thread_id=made.thread_id)).layers] == [
        "server",
        "notebook",
    ]


async def test_only_a_kernel_that_may_decide_starts_a_run_that_asks_nobody(rig: Rig) -> None:
    thread = await rig.gateway.threads.create(ME, NewThread(kernel_id="k1"))

    with pytest.raises(NotAllowed):
        await rig.gateway.runs.start(
            attended(decides=False), thread.thread_id, StartRun(prompt="go", mode="allow")
        )

    assert [row["action"] for row in await rig.gateway.policy.audit(ME)] == ["refused start"]
    embedded = attended(decides=False, embedded=True)
    for by, mode in ((attended(decides=False), "ask"), (attended(), "allow"), (embedded, "allow")):
        started = StartRun(prompt="go", mode=mode, if_running="queue")
        assert await rig.gateway.runs.start(by, thread.thread_id, started)


async def test_each_move_of_a_thread_to_another_notebook_or_kernel_is_in_the_audit(rig: Rig) -> None:
    thread = await rig.gateway.threads.create(ME, NewThread(kernel_id="k1", notebook_path="a.ipynb"))

    await rig.gateway.threads.patch(ME, thread.thread_id, ThreadPatch(notebook_path="b.ipynb"))
    await rig.gateway.threads.create(ME, NewThread(notebook_path="b.ipynb", kernel_id="k2", reuse=True))
    await rig.gateway.runs.start(ME, thread.thread_id, StartRun(prompt="go", kernel_id="k3"))
    await rig.gateway.threads.notebook_moved("b.ipynb", "c.ipynb")

    rows = [row["detail"] for row in await rig.gateway.policy.audit(ME) if row["action"] == "moved"]
    assert rows[::-1] == [
        {"notebookPath": {"from": "a.ipynb", "to": "b.ipynb"}},
        {"kernelId": {"from": "k1", "to": "k2"}},
        {"kernelId": {"from": "k2", "to": "k3"}},
        {"notebookPath": {"from": "b.ipynb", "to": "c.ipynb"}},
    ]


async def test_a_kernel_makes_so_many_threads_and_no_more(rig: Rig) -> None:
    settings = rig.gateway.settings
    object.__setattr__(settings, "max_kernel_threads", 2)
    for _ in range(2):
        await rig.gateway.threads.create(attended())

    with pytest.raises(TooManyThreads):
        await rig.gateway.threads.create(attended())

    assert await rig.gateway.threads.create(ME, NewThread(kernel_id="k1"))


async def test_what_a_kernel_lists_is_of_its_notebook_and_kernel(rig: Rig) -> None:
    own = await rig.waiting("c1", kernel_id="k1")
    theirs = await rig.waiting("c2", kernel_id="k2")
    await rig.gateway.threads.patch(ME, theirs.thread_id, ThreadPatch(notebook_path="theirs.ipynb"))
    kernel, gateway = attended(attended=False, decides=False), rig.gateway

    assert [t.thread_id for t in await gateway.threads.list(kernel)] == [own.thread_id]
    assert {r.thread_id for r in await gateway.runs.list(kernel)} == {own.thread_id}
    assert {i.thread_id for i in await gateway.policy.interrupts(kernel)} == {own.thread_id}
    assert {row["threadId"] for row in await gateway.policy.audit(kernel)} <= {own.thread_id}
    with pytest.raises(NotAllowed):
        await gateway.kernels.tools(kernel, "k2")
    with pytest.raises(NotAllowed):
        await gateway.policy.get(kernel, notebook_path="theirs.ipynb")


async def test_an_attended_kernel_restores_no_thread_of_another_notebook(rig: Rig) -> None:
    theirs = await rig.gateway.threads.create(ME, NewThread(kernel_id="k2", notebook_path="theirs.ipynb"))
    await rig.gateway.threads.delete(ME, theirs.thread_id)

    with pytest.raises(ThreadNotFound):
        await rig.gateway.threads.restore(attended(), theirs.thread_id)
    with pytest.raises(ThreadNotFound):
        await rig.gateway.threads.get(ME, theirs.thread_id)
