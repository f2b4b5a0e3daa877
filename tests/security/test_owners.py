"""Kernels and notebooks have owners: another person's are not there, and Jupyter's authorizer has its say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_server.auth import Authorizer, User
from traitlets.config import Config

from tests.peek import does
from tests.server.page import LobuPage, hang_up
from tests.server.test_callers import Kernel, NamedUsers
from tests.server.wire import Json, PlainWorker, Wire

ABSENT = "00000000-0000-4000-8000-000000000000"
ADA: dict[str, Any] = {"headers": {"X-User": "ada"}}
BOB: dict[str, Any] = {"headers": {"X-User": "bob"}}


class Judge(Authorizer):
    """Does as the test says, and keeps what it was asked."""

    says: Callable[[str, str, str], Any] = staticmethod(lambda user, action, resource: True)
    asked: list[tuple[str, str, str, str]]

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> Any:
        if resource in ("kernels", "contents"):
            self.asked = [
                *getattr(self, "asked", []),
                (user.username, action, resource, handler.request.path),
            ]
            return self.says(user.username, action, resource)
        return True


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any]) -> Config:
    config = Config(jp_server_config)
    config.ServerApp.identity_provider_class = NamedUsers
    config.ServerApp.authorizer_class = Judge
    return config


@pytest.fixture
def judge(wire: Wire) -> Judge:
    """The server's authorizer, which allows everything unless told otherwise."""
    return wire.app.authorizer


@pytest.fixture
async def hers(wire: Wire, jp_fetch: Any) -> str:
    """A kernel that Ada started."""
    reply = await jp_fetch("api", "kernels", method="POST", body="{}", **ADA)
    await wire.app.event_logger.gather_listeners()
    return json.loads(reply.body)["id"]


async def worker_of(wire: Wire, who: dict[str, Any]) -> PlainWorker:
    agents = [{"name": "demo"}, {"name": "script"}]
    made = await wire.ok("POST", "workers", {"kind": "x", "agents": agents}, **who)
    return PlainWorker(wire, made["workerId"], made["incarnation"], made["token"])


async def bind(wire: Wire, thread: str, kernel_id: str) -> None:
    """As a thread was bound before its people were separated."""
    database = wire.service.gateway._ctx.database
    await database.write(lambda tx: tx.run("bind_thread", thread_id=thread, kernel_id=kernel_id))


async def started(wire: Wire, thread: str, who: dict[str, Any], **more: Any) -> str:
    body = {"prompt": "go", "agent": "script", **more}
    return (await wire.ok("POST", f"threads/{thread}/runs", body, **who))["runId"]


NAMES_A_KERNEL: dict[str, Callable[[str, str], tuple[str, str, Any]]] = {
    "create": lambda t, k: ("POST", "threads", {"kernelId": k}),
    "reuse": lambda t, k: ("POST", "threads", {"kernelId": k, "reuse": True}),
    "change": lambda t, k: ("PATCH", f"threads/{t}", {"kernelId": k}),
    "start": lambda t, k: ("POST", f"threads/{t}/runs", {"prompt": "x", "agent": "script", "kernelId": k}),
    "queue": lambda t, k: (
        "POST",
        f"threads/{t}/runs",
        {"prompt": "x", "agent": "script", "kernelId": k, "ifRunning": "queue", "ifWaiting": "cancel"},
    ),
    "offer tools": lambda t, k: ("POST", f"kernels/{k}/tools", {"tools": [{"name": "sh"}]}),
    "agui": lambda t, k: (
        "POST",
        "agui",
        {
            "threadId": "x",
            "runId": "y",
            "messages": [{"id": "m", "role": "user", "content": "go"}],
            "forwardedProps": {"agent": "script", "kernelId": k},
        },
    ),
}


@pytest.mark.parametrize("what", NAMES_A_KERNEL)
async def test_another_persons_kernel_is_like_one_that_does_not_exist(
    wire: Wire, hers: str, what: str
) -> None:
    thread = (await wire.ok("POST", "threads", {}, **BOB))["threadId"]
    call = NAMES_A_KERNEL[what]

    foreign = await wire.ask(*call(thread, hers), **BOB)
    absent = await wire.ask(*call(thread, ABSENT), **BOB)

    assert foreign[0] == 404, foreign
    assert foreign == absent, "nothing tells the two apart"
    assert foreign[1]["error"]["code"] == "kernel_not_found"
    assert (await wire.ok("GET", f"threads/{thread}", **BOB))["kernelId"] is None
    audit = (await wire.ok("GET", "audit", **BOB))["audit"]
    assert {"kernel": hers} in [row["detail"] for row in audit if row["action"] == "refused kernel"]


async def test_the_tools_of_another_persons_kernel_are_not_listed(wire: Wire, hers: str) -> None:
    await wire.ok("POST", f"kernels/{hers}/tools", {"tools": [{"name": "secret_tool"}]}, **ADA)

    mine = await wire.ok("GET", "tools", params={"kernelId": hers}, **ADA)
    foreign = await wire.ask("GET", "tools", params={"kernelId": hers}, **BOB)
    absent = await wire.ask("GET", "tools", params={"kernelId": ABSENT}, **BOB)

    assert "secret_tool" in [tool["name"] for tool in mine["tools"]]
    assert foreign[0] == 404
    assert foreign == absent


async def test_a_rebuild_in_another_persons_kernel_is_refused(wire: Wire, hers: str) -> None:
    thread = (await wire.ok("POST", "threads", {}, **BOB))["threadId"]

    status, _ = await wire.ask("POST", f"threads/{thread}/rebuild", {"kernelId": hers}, **BOB)

    assert status == 404


async def test_the_person_who_started_a_kernel_uses_it(wire: Wire, hers: str) -> None:
    worker = await worker_of(wire, ADA)
    thread = (await wire.ok("POST", "threads", {"kernelId": hers}, **ADA))["threadId"]
    await started(wire, thread, ADA, kernelId=hers)

    task = await worker.task()

    assert task["kernel"]["kernelId"] == hers
    assert task["kernel"]["connection"]["key"]


async def test_a_kernel_of_a_session_belongs_to_who_made_the_session(wire: Wire, jp_fetch: Any) -> None:
    body = {"path": "a.ipynb", "type": "notebook", "name": "a", "kernel": {"name": "python3"}}
    reply = await jp_fetch("api", "sessions", method="POST", body=json.dumps(body), **ADA)
    kernel_id = json.loads(reply.body)["kernel"]["id"]
    await wire.app.event_logger.gather_listeners()

    assert (await wire.raw("POST", "threads", {"kernelId": kernel_id}, **ADA)).code == 201
    assert (await wire.raw("POST", "threads", {"kernelId": kernel_id}, **BOB)).code == 404


async def test_a_restart_by_somebody_else_gives_the_kernel_to_nobody_else(
    wire: Wire, hers: str, jp_fetch: Any
) -> None:
    await jp_fetch("api", "kernels", hers, "restart", method="POST", body="{}", **BOB)
    await wire.app.event_logger.gather_listeners()

    assert (await wire.raw("POST", "threads", {"kernelId": hers}, **BOB)).code == 404
    assert (await wire.raw("POST", "threads", {"kernelId": hers}, **ADA)).code == 201


async def test_a_kernel_that_nobody_is_known_to_have_started_is_nobodys(wire: Wire) -> None:
    kernel_id = await wire.app.kernel_manager.start_kernel()

    for who in (ADA, BOB):
        assert (await wire.raw("POST", "threads", {"kernelId": kernel_id}, **who)).code == 404


async def test_events_that_a_client_posts_give_no_kernel_away(wire: Wire, hers: str, jp_fetch: Any) -> None:
    about = {"kernel_id": hers, "kernel_name": "python3", "status": "success", "msg": ""}
    for action in ("shutdown", "start"):
        event = {
            "schema_id": "https://events.jupyter.org/jupyter_server/kernel_actions/v1",
            "version": "1",
            "data": {"action": action, **about},
        }
        await jp_fetch("api", "events", method="POST", body=json.dumps(event), **BOB)
    await wire.app.event_logger.gather_listeners()

    assert (await wire.raw("POST", "threads", {"kernelId": hers}, **BOB)).code == 404
    assert (await wire.raw("POST", "threads", {"kernelId": hers}, **ADA)).code == 201


async def test_a_rename_that_a_client_only_claims_moves_no_thread(wire: Wire, jp_fetch: Any) -> None:
    thread = (await wire.ok("POST", "threads", {"notebookPath": "a.ipynb"}, **ADA))["threadId"]
    event = {
        "schema_id": "https://events.jupyter.org/jupyter_server/contents_service/v1",
        "version": "1",
        "data": {"action": "rename", "source_path": "a.ipynb", "path": "evil.ipynb"},
    }
    await jp_fetch("api", "events", method="POST", body=json.dumps(event), **BOB)
    await wire.app.event_logger.gather_listeners()

    assert (await wire.ok("GET", f"threads/{thread}", **ADA))["notebookPath"] == "a.ipynb"


async def test_a_thread_that_was_bound_to_anothers_kernel_runs_without_one(wire: Wire, hers: str) -> None:
    await wire.ok("POST", f"kernels/{hers}/tools", {"tools": [{"name": "secret_tool"}]}, **ADA)
    thread = (await wire.ok("POST", "threads", {}, **BOB))["threadId"]
    await bind(wire, thread, hers)
    worker = await worker_of(wire, BOB)
    run = await started(wire, thread, BOB)
    task = await worker.task()
    await worker.ask(task)
    (asked,) = (await wire.ok("GET", "interrupts", **BOB))["interrupts"]
    yes = {"interruptId": asked["id"], "status": "resolved", "payload": {"approved": True}}
    await wire.ok("POST", f"threads/{thread}/resume", {"resume": [yes]}, **BOB)
    resumed = await worker.task()

    assert "kernel" not in task or task["kernel"] is None
    assert "kernel" not in resumed or resumed["kernel"] is None
    assert (await wire.ok("GET", f"runs/{run}", **BOB))["kernelId"] is None


async def test_a_run_that_waits_in_the_inbox_with_anothers_kernel_is_given_none(
    wire: Wire, hers: str
) -> None:
    worker = await worker_of(wire, BOB)
    thread = (await wire.ok("POST", "threads", {}, **BOB))["threadId"]
    run = await started(wire, thread, BOB)
    database = wire.service.gateway._ctx.database
    await database.write(does("UPDATE leases SET kernel_id = ? WHERE run_id = ?", hers, run))

    assert (await worker.task()).get("kernel") is None


async def test_a_worker_offers_code_to_the_kernels_of_its_own_runs_only(wire: Wire, hers: str) -> None:
    hers_worker, worker = await worker_of(wire, ADA), await worker_of(wire, BOB)
    job = {"jobId": "j", "code": "1", "wait": 0}

    async def offer(by: PlainWorker) -> int:
        return (await wire.raw("POST", f"kernels/{hers}/jobs", job, headers=by.headers)).code

    assert (await offer(worker), await offer(hers_worker)) == (404, 404), "neither has a run there"
    thread = (await wire.ok("POST", "threads", {}, **ADA))["threadId"]
    await started(wire, thread, ADA, kernelId=hers)
    task = await hers_worker.task()
    assert (await offer(worker), await offer(hers_worker)) == (404, 200)
    await hers_worker.finish(task)
    assert await offer(hers_worker) == 404, "its run there has ended"


# -- Jupyter's authorizer -------------------------------------------------------------------------


def no(user: str, action: str, resource: str) -> bool:
    return False


def fails(user: str, action: str, resource: str) -> bool:
    raise RuntimeError("the directory service is down")


async def later_no(user: str, action: str, resource: str) -> bool:
    await asyncio.sleep(0)
    return False


async def never(user: str, action: str, resource: str) -> bool:
    return await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("says", [no, fails, later_no, never])
async def test_an_authorizer_that_refuses_fails_or_hangs_keeps_kernel_and_notebook_closed(
    wire: Wire, hers: str, judge: Judge, monkeypatch: pytest.MonkeyPatch, says: Any
) -> None:
    monkeypatch.setattr("lobu_jupyter.server.owners.AUTHORIZER_SECONDS", 0.05)
    thread = (await wire.ok("POST", "threads", {}, **ADA))["threadId"]
    judge.says = says

    calls = [call(thread, hers) for call in NAMES_A_KERNEL.values()]
    calls += [
        ("POST", "threads", {"notebookPath": "a.ipynb"}),
        ("PATCH", f"threads/{thread}", {"notebookPath": "a.ipynb"}),
    ]
    replies = [(await wire.raw(*call, **ADA)).code for call in calls]

    assert replies == [403] * len(calls)


async def test_the_authorizer_sees_jupyters_own_routes(wire: Wire, hers: str, judge: Judge) -> None:
    judge.asked = []
    await wire.ok("POST", "threads", {"kernelId": hers, "notebookPath": "a b/c.ipynb"}, **ADA)

    base = wire.app.base_url
    assert judge.asked == [
        ("ada", "execute", "kernels", f"{base}api/kernels/{hers}/channels"),
        ("ada", "read", "contents", f"{base}api/contents/a%20b/c.ipynb"),
    ]


async def test_an_authorizer_that_changed_its_mind_is_heard_when_the_run_is_given_out(
    wire: Wire, hers: str, judge: Judge
) -> None:
    worker = await worker_of(wire, ADA)
    thread = (await wire.ok("POST", "threads", {}, **ADA))["threadId"]
    await started(wire, thread, ADA, kernelId=hers)
    await started(wire, thread, ADA, kernelId=hers, ifRunning="queue")
    first = await worker.task()
    judge.says = no
    await worker.finish(first)

    second = await worker.task()

    assert first["kernel"]["connection"]
    assert second.get("kernel") is None
    judge.asked = []
    assert (
        await wire.raw(
            "POST", f"kernels/{hers}/jobs", {"jobId": "j", "code": "1", "wait": 0}, headers=worker.headers
        )
    ).code == 404


async def test_a_question_can_be_rejected_when_its_kernel_may_not_be_used_any_more(
    wire: Wire, hers: str, judge: Judge
) -> None:
    worker = await worker_of(wire, ADA)
    thread = (await wire.ok("POST", "threads", {}, **ADA))["threadId"]
    await started(wire, thread, ADA, kernelId=hers)
    await worker.ask(await worker.task())
    (asked,) = (await wire.ok("GET", "interrupts", **ADA))["interrupts"]
    judge.says = no
    rejection = {"interruptId": asked["id"], "status": "resolved", "payload": {"approved": False}}

    await wire.ok("POST", f"threads/{thread}/resume", {"resume": [rejection]}, **ADA)

    assert (await worker.task()).get("kernel") is None


async def test_a_notebook_is_read_and_written_only_as_its_persons_authorizer_allows_at_that_moment(
    wire: Wire, judge: Judge, jp_root_dir: Path
) -> None:
    file = jp_root_dir / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", id="a")]), file)
    worker = await worker_of(wire, ADA)
    thread = (await wire.ok("POST", "threads", {"notebookPath": "a.ipynb"}, **ADA))["threadId"]
    await started(wire, thread, ADA, mode="allow")
    task = await worker.task()

    async def at(request: Json) -> int:
        body = {"runId": task["runId"], "path": "a.ipynb", "request": request}
        path = f"workers/{worker.worker_id}/notebook"
        return (await wire.raw("POST", path, body, headers=worker.headers)).code

    judge.asked = []
    assert await at({"do": "read"}) == 200
    assert judge.asked[-1][:3] == ("ada", "read", "contents"), "the run's owner, not the worker"
    judge.says = lambda user, action, resource: action == "read"
    assert await at({"do": "read"}) == 200
    assert await at({"do": "delete", "cell": "a", "was": "x"}) == 403
    judge.says = no
    assert await at({"do": "read"}) == 403
    assert [cell.id for cell in nbformat.read(file, as_version=4).cells] == ["a"]


async def test_only_a_page_of_the_runs_own_person_is_asked(wire: Wire, jp_root_dir: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("the file's", id="a")])
    nbformat.write(notebook, jp_root_dir / "a.ipynb")
    page = await LobuPage.open(wire, Authorization="", **{"X-User": "bob"})
    await page.say({"type": "offer", "paths": ["a.ipynb"]})
    await page.say({"type": "watch"})
    await page.hear("changed")
    worker = await worker_of(wire, ADA)
    thread = (await wire.ok("POST", "threads", {"notebookPath": "a.ipynb"}, **ADA))["threadId"]
    await started(wire, thread, ADA)
    body = {"runId": (await worker.task())["runId"], "path": "a.ipynb", "request": {"do": "read"}}

    read = await wire.ok("POST", f"workers/{worker.worker_id}/notebook", body, headers=worker.headers)

    assert (read["where"], read["cells"][0]["source"]) == ("file", "the file's")
    await hang_up(page.socket, 1001)


class TestOneOwner:
    """Jupyter's own login: whoever can log in is the one person."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config) -> Config:
        del jp_server_config.ServerApp["identity_provider_class"]
        return jp_server_config

    async def test_every_kernel_is_the_persons_own(self, wire: Wire) -> None:
        kernel = await Kernel.start(wire)  # nobody is known to have started it
        worker = await PlainWorker.register(wire)
        thread = (await wire.ok("POST", "threads", {"kernelId": kernel.kernel_id}))["threadId"]
        await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "go", "agent": "script"})

        assert (await worker.task())["kernel"]["connection"]
        assert (await wire.raw("POST", "threads", {"kernelId": "gone"})).code == 201

    async def test_the_authorizer_is_asked_here_too(self, wire: Wire, judge: Judge) -> None:
        judge.says = no

        assert (await wire.raw("POST", "threads", {"kernelId": "k"})).code == 403
