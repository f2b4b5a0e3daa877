"""A person's server on a real hub: a run through the proxy, nothing for others, a quick stop that loses nothing."""

from __future__ import annotations

import time

import httpx

from tests.scenarios.person import Person, ends_of, text_of
from tests.servers import best_of

from .hub import Hub, HubServer

STOP_SECONDS = 5.0


def test_a_run_streams_through_the_proxy(ada: Person) -> None:
    thread = ada.thread()
    run = ada.start(thread, "say through the proxy")

    assert "through the proxy" in text_of(ada.finish(thread, run["runId"]))


def test_what_a_person_has_is_not_for_another(hub: Hub, server: HubServer, ada: Person) -> None:
    thread = ada.thread(title="ada's own")

    for method, path in (("GET", f"threads/{thread}"), ("GET", "threads"), ("POST", "threads")):
        reply = server.client("bob").request(method, path, json={} if method == "POST" else None)
        assert reply.status_code == 403, f"{method} {path}: {reply.status_code} {reply.text}"
    assert httpx.get(f"{server.url}lobu/api/threads").status_code == 403


def test_the_owner_of_a_thread_is_the_users_name_on_the_hub(ada: Person) -> None:
    thread = ada.thread()
    run = ada.start(thread, "ask Shall I? | yes | no")
    ada.finish(thread, run["runId"])
    ada.ok(ada.resume(thread, {"answers": {"q1": "yes"}}))

    audit = ada.ok(ada.http.get("audit", params={"threadId": thread}))["audit"]

    assert {entry["by"] for entry in audit} == {"ada"}


def test_a_stop_by_sigint_is_quick_and_clean(hub: Hub) -> None:
    """The hub's local spawner stops by SIGINT: a server without a terminal would leave all as after a crash."""
    threads: list[str] = []

    def stop() -> float:
        server = hub.server("ada", "stopped")
        person = Person(server)  # pyright: ignore[reportArgumentType]
        threads.append(person.thread(kernelId=server.start_kernel()))
        person.start(threads[-1], "slow 600 100")
        person.wait_until_seen(threads[-1], "TEXT_MESSAGE_CONTENT")
        began = time.monotonic()
        server.stop()
        return time.monotonic() - began

    assert best_of(3, stop, STOP_SECONDS) < STOP_SECONDS

    server = hub.server("ada", "stopped")
    again = Person(server)  # pyright: ignore[reportArgumentType]
    for thread in threads:
        (end,) = ends_of([event for _, event in again.journal(thread)])
        assert end["code"] == "server_restarted", end
    assert "Interrupted..." not in hub.log()
