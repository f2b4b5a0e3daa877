"""The service as a process, and a person's real server that keeps no store and is its client."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import RealServer

from .hub import Hub
from .replica import Replica

pytestmark = pytest.mark.processes


def wait_for(what: str, true: Callable[[], Any], seconds: float = 40.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.1)
    raise AssertionError(f"no {what} in {seconds} s")


def server_of(hub: Hub, service: Replica, home: Path, name: str, **more: str) -> RealServer:
    env = {
        "LOBU_GATEWAY_URL": service.url,
        "JUPYTERHUB_API_TOKEN": hub.server_token(name),
        "JUPYTERHUB_USER": name,
        "JUPYTERHUB_SERVER_NAME": "",
        **more,
    }
    return RealServer(home, env=env)


@pytest.fixture
def adas(hub: Hub, service: Replica, tmp_path: Path) -> Iterator[RealServer]:
    server = server_of(hub, service, tmp_path / "ada", "ada")
    try:
        yield server.start()
    finally:
        server.stop()


def person(service: Replica, hub: Hub, name: str) -> httpx.Client:
    headers = {"Authorization": f"token {hub.person_token(name)}"}
    return httpx.Client(base_url=f"{service.url}lobu/api/", headers=headers, timeout=20)


def ended(http: httpx.Client, run_id: str) -> str | None:
    status = http.get(f"runs/{run_id}").json()["status"]
    return None if status in ("queued", "running") else status


def test_a_run_on_a_server_without_a_store_is_kept_by_the_service(
    hub: Hub, service: Replica, adas: RealServer
) -> None:
    own = adas.client()
    thread = own.post("threads", json={}).json()["threadId"]
    run = own.post(f"threads/{thread}/runs", json={"prompt": "hello", "agent": "demo"}).json()["runId"]

    assert wait_for("end", lambda: ended(own, run)) in ("succeeded", "interrupted")
    assert not Path(adas.store).exists()
    assert own.get("health").json()["store"]["kind"] == "hub"
    with person(service, hub, "ada") as ada, person(service, hub, "bob") as bob:
        assert [t["threadId"] for t in ada.get("threads").json()["threads"]] == [thread]
        assert ada.get(f"runs/{run}").json() == own.get(f"runs/{run}").json()
        assert bob.get("threads").json()["threads"] == []
        assert bob.get(f"runs/{run}").status_code == 404


def test_the_service_has_no_kernels_contents_or_terminals(hub: Hub, service: Replica) -> None:
    headers = {"Authorization": f"token {hub.person_token('ada', admin=True)}"}
    for path in (
        "api/kernels",
        "api/contents",
        "api/sessions",
        "api/terminals",
        "api/kernelspecs",
        "files/x",
    ):
        assert httpx.get(service.url + path, headers=headers, timeout=20).status_code == 404, path
    assert httpx.post(f"{service.url}api/shutdown", headers=headers, timeout=20).status_code in (403, 404)


def test_nobody_without_the_services_scope_comes_in(hub: Hub, service: Replica) -> None:
    tokens = ["x", hub.server_token("ada"), hub.person_token("eve", scopes=())]
    for token in tokens:
        headers = {"Authorization": f"token {token}"}
        reply = httpx.get(f"{service.url}lobu/api/threads", headers=headers, timeout=20)
        assert reply.status_code == 403, (token, reply.text)


def test_a_service_that_is_away_is_said_on_each_surface(
    hub: Hub, service: Replica, adas: RealServer, tmp_path: Path
) -> None:
    own = adas.client()
    thread = own.post("threads", json={}).json()["threadId"]
    service.kill()
    for path in ("threads", f"threads/{thread}", "health", "interrupts", "agents"):
        reply = wait_for("refusal", lambda path=path: (r := own.get(path)).status_code == 503 and r)
        assert "hub's lobu service" in json.dumps(reply.json()), path
    service.start()
    found = wait_for("thread", lambda: (r := own.get(f"threads/{thread}")).status_code == 200 and r)
    assert found.json()["threadId"] == thread


def test_no_password_of_the_database_is_needed_by_a_server(adas: RealServer) -> None:
    environment = Path(f"/proc/{adas.pid}/environ").read_bytes()
    assert b"postgres" not in environment.lower()
    assert os.fsencode("LOBU_GATEWAY_URL") in environment
