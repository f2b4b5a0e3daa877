"""The service's pages over HTTP: whole questions, harmless; decisions while the server is stopped; administrators."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from typing import Any
from uuid import uuid4

import httpx
import pytest

from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.digest import digest_of
from lobu_jupyter.model.requests import NewThread, StartRun
from lobu_jupyter.model.runs import RunStatus, Started
from lobu_jupyter.server.face.remote import RemoteGateway
from tests.gateway.rig import Kernels, Worker, call, paused, result, success
from tests.server.face.rig import open_server, until

from .hub import SERVICE_SCOPE, Hub
from .replica import Replica

pytestmark = pytest.mark.processes

HOSTILE = "<img src=x onerror=alert(1)></pre><script>alert(2)</script>\"' \u202e\u200b"


@asynccontextmanager
async def page_of(
    hub: Hub, service: Replica, name: str, *, admin: bool = False
) -> AsyncGenerator[httpx.AsyncClient]:
    """A browser that has logged in, without its scripts."""
    hub.person_token(name, admin=admin)
    hub.login = name
    async with httpx.AsyncClient(base_url=service.url, follow_redirects=True, timeout=30) as http:
        assert (await http.get("")).status_code == 200
        yield http


async def ask(server: RemoteGateway, name: str, **lobu: Any) -> tuple[Worker, Started]:
    """A question of a run of this person."""
    me = Person(name)
    worker = await Worker.register(server)  # pyright: ignore[reportArgumentType]
    thread = await server.threads.create(me, NewThread(title=f"{HOSTILE} title"))
    run = await server.runs.start(me, thread.thread_id, StartRun(prompt="zebras"))
    await worker.fetch(10)
    asked = paused("c", message=f"Run this? {HOSTILE}", metadata={"lobu": lobu})
    args = '{"code": "print(1)\\n</pre><script>alert(3)</script>", "other": "\\u202eevil"}'
    await worker.emit(run.run_id, *call("c", args=args), asked, checkpoint="{}")
    return worker, run


async def post(http: httpx.AsyncClient, path: str, body: Any, **headers: str) -> httpx.Response:
    found = re.search('data-xsrf="([^"]*)"', (await http.get("")).text)
    assert found is not None
    return await http.post(
        path, json=body, headers={"X-XSRFToken": found[1], "X-Lobu-Via": "page", **headers}
    )


@pytest.fixture
async def adas(hub: Hub, service: Replica) -> AsyncIterator[RemoteGateway]:
    async with open_server(service.url, hub.server_token("ada"), kernels=Kernels("k1")) as server:
        yield server


async def test_the_whole_question_is_shown_and_nothing_of_it_acts(
    hub: Hub, service: Replica, adas: RemoteGateway
) -> None:
    diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-<b>old</b>\n+<script>new</script>\n"
    _, run = await ask(adas, "ada", diff=diff, risks=["deletes", "network"], byAgent=True)
    (asked,) = await adas.policy.interrupts(Person("ada"), thread_id=run.thread_id)

    async with page_of(hub, service, "ada") as http:
        reply = await http.get("")

    text = reply.text
    assert reply.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    assert text.count("<script") == 1
    assert "<img" not in text
    assert "onerror=alert" not in re.sub(r"&lt;img src=x onerror=alert\(1\)&gt;", "", text)
    assert not {"\u202e", "\u200b"} & set(text)
    shown = unescape(re.sub(r"<[^>]*>", "", text))
    for part in (
        "\\u202eevil",
        "print(1)",
        "alert(3)",
        "<b>old</b>",
        "deletes files and uses the network",
        "agent code",
    ):
        assert part in shown, part
    assert f'data-digest="{digest_of(asked)}"' in text
    async with page_of(hub, service, "bob") as bobs:
        assert "All caught up." in (await bobs.get("")).text
    await adas.threads.delete(Person("ada"), run.thread_id)


async def test_a_search_finds_a_persons_own_chats(hub: Hub, service: Replica, adas: RemoteGateway) -> None:
    _, run = await ask(adas, "ada")
    await adas.threads.patch(Person("ada"), run.thread_id, _title("Zebra counts"))
    async with page_of(hub, service, "ada") as http, page_of(hub, service, "bob") as bobs:
        assert "Zebra counts" in (await http.get("", params={"q": "zebra"})).text
        assert "No matching threads." in (await bobs.get("", params={"q": "zebra"})).text
    await adas.threads.delete(Person("ada"), run.thread_id)


async def test_the_overview_is_for_administrators_and_has_no_content(
    hub: Hub, service: Replica, adas: RemoteGateway
) -> None:
    _, run = await ask(adas, "ada")
    async with page_of(hub, service, "bob") as http:
        refused = await http.get("admin")
        assert (refused.status_code, "ada" in refused.text) == (403, False)
    async with page_of(hub, service, "root", admin=True) as http:
        reply = await http.get("admin")
        assert reply.status_code == 200
        assert "1 need approval" in reply.text
        assert "Policy for all" in reply.text
        assert "zebras" not in reply.text
        assert "All caught up." in (await http.get("")).text  # an administrator decides for nobody
    await adas.threads.delete(Person("ada"), run.thread_id)


@pytest.mark.parametrize("what", ["no xsrf token", "another origin", "server token", "no scope", "no login"])
async def test_who_may_not_decide(hub: Hub, service: Replica, adas: RemoteGateway, what: str) -> None:
    _, run = await ask(adas, "ada")
    path = f"lobu/api/threads/{run.thread_id}/resume"
    body = {"resume": [{"interruptId": "ask-c", "status": "resolved", "payload": {"approved": True}}]}
    async with page_of(hub, service, "ada") as http:
        if what == "no xsrf token":
            reply = await http.post(path, json=body)
        elif what == "another origin":
            reply = await post(http, path, body, Origin="https://evil.example")
        else:
            token = {
                "server token": hub.server_token("ada"),
                "no scope": hub.person_token("eve", scopes=()),
                "no login": "x",
            }[what]
            async with httpx.AsyncClient(base_url=service.url) as bare:
                reply = await bare.post(path, json=body, headers={"Authorization": f"token {token}"})
    assert reply.status_code in (403, 404)
    assert len(await adas.policy.interrupts(Person("ada"), thread_id=run.thread_id)) == 1
    await adas.threads.delete(Person("ada"), run.thread_id)


async def test_a_decision_while_the_server_is_stopped_waits_starts_it_and_runs(
    hub: Hub, service: Replica
) -> None:
    name = f"dora-{uuid4().hex[:8]}"  # a server that was just started is not started again
    dora = Person(name)
    token = hub.server_token(name)
    async with open_server(service.url, token) as server:
        _, run = await ask(server, name)
        (asked,) = await server.policy.interrupts(dora, thread_id=run.thread_id)
    hub.allowed_scopes.add("servers")
    hub.tokens[hub.service_token]["scopes"] = ["servers", SERVICE_SCOPE]
    hub.calls.clear()
    entry = {"interruptId": asked.id, "status": "resolved", "payload": {"approved": True}}
    async with page_of(hub, service, name) as http:
        assert "Not running" in (await http.get("")).text
        wrong = await post(
            http, f"lobu/api/threads/{run.thread_id}/resume", {"resume": [{**entry, "digest": "0" * 64}]}
        )
        assert wrong.json()["error"]["code"] == "question_changed"
        assert hub.calls == []

        path = f"lobu/api/threads/{run.thread_id}/resume"
        decided = await post(http, path, {"resume": [{**entry, "digest": digest_of(asked)}]})

        assert decided.status_code == 202
        assert "Waits for your server" in (await http.get("")).text
        await until(lambda: len(hub.calls) > 0)
        assert [(method, path) for method, path, _ in hub.calls] == [
            ("POST", f"/hub/api/users/{name}/server")
        ]
        started = decided.json()["runId"]
        async with open_server(service.url, token) as server:  # as the hub starts it
            worker = await Worker.register(server)  # pyright: ignore[reportArgumentType]
            items = await worker.fetch(20)
            assert [item.run_id for item in items] == [started]
            await worker.emit(started, result("c"), success())
            assert (await server.runs.get(dora, started)).status is RunStatus.SUCCEEDED
            assert "your server" not in (await http.get("")).text
        audit = (await http.get("lobu/api/audit")).json()["audit"]
        assert ("decided approve", "page") in [(row["action"], row["via"]) for row in audit]


async def test_a_server_is_started_only_where_the_hub_lets_us(hub: Hub, service: Replica) -> None:
    hub.allowed_scopes.clear()
    async with page_of(hub, service, "carol") as http:
        assert "Start it from the hub’s home page." in (await http.get("")).text
        refused = await post(http, "page/start", {})
        assert refused.status_code == 403
        assert "hub's home page" in refused.json()["error"]["message"]


async def test_a_person_starts_one_of_their_servers_by_name(hub: Hub, service: Replica) -> None:
    name = f"nora-{uuid4().hex[:8]}"
    running = {"name": "", "ready": True, "pending": None, "url": f"/user/{name}/"}
    hub.servers[name] = {"": running, "big one": {"name": "big one", "ready": False, "pending": None}}
    hub.allowed_scopes.add("servers")
    hub.tokens[hub.service_token]["scopes"] = ["servers", SERVICE_SCOPE]
    hub.calls.clear()
    async with page_of(hub, service, name) as http:
        shown = (await http.get("")).text
        assert f'href="http://127.0.0.1:{hub.port}/user/{name}/" aria-label="Open Default server"' in shown
        assert 'aria-label="Start big one"' in shown
        assert (await post(http, "page/start", {"server": "bobs"})).status_code == 404
        assert (await post(http, "page/start", {"server": 1})).status_code == 422
        assert (await http.post("page/start", json={"server": "big one"})).status_code == 403, "no XSRF token"
        assert hub.calls == []

        assert (await post(http, "page/start", {"server": "big one"})).status_code == 202

        hub.servers[name]["big one"]["pending"] = "spawn"
        assert "Starting…" in (await http.get("")).text
    assert [path for _, path, _ in hub.calls] == [f"/hub/api/users/{name}/servers/big%20one"]


async def test_an_approval_that_stays_is_listed_and_revoked(
    hub: Hub, service: Replica, adas: RemoteGateway
) -> None:
    _, run = await ask(adas, "ada")
    (asked,) = await adas.policy.interrupts(Person("ada"), thread_id=run.thread_id)
    grant = {"approved": True, "grant": "call"}
    entry = {"interruptId": asked.id, "status": "resolved", "payload": grant, "digest": digest_of(asked)}
    async with page_of(hub, service, "ada") as http, page_of(hub, service, "bob") as bobs:
        path = f"lobu/api/threads/{run.thread_id}/resume"
        assert (await post(http, path, {"resume": [entry]})).status_code == 202
        shown = (await http.get("")).text
        assert "Active approvals" in shown
        assert "<img" not in shown
        (act,) = re.findall(r'data-act="(lobu/api/policy/grants/[^"]+)"', shown)
        assert "Active approvals" not in (await bobs.get("")).text

        token = re.search('data-xsrf="([^"]*)"', shown)
        assert token is not None
        gone = await http.delete(act, headers={"X-XSRFToken": token[1], "X-Lobu-Via": "page"})

        assert gone.status_code == 204, gone.text
        assert "Active approvals" not in (await http.get("")).text
    await adas.threads.delete(Person("ada"), run.thread_id)


def _title(title: str) -> Any:
    from lobu_jupyter.model.requests import ThreadPatch

    return ThreadPatch(title=title)
