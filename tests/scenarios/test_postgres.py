"""Real servers on one store in PostgreSQL: one asks, another decides, any of them dies, the database goes and comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests import postgres
from tests.servers import RealServer, wait_for

from .person import Person, result_of
from .test_decisions import decide, one_of_twenty_wins, paused

SECRET = "a-password"


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[RealServer, RealServer]]:
    """Two real Jupyter servers on one schema; the second has its address from the environment."""
    store = postgres.new_store()
    first = RealServer(tmp_path / "first", store=store)
    second = RealServer(tmp_path / "second", store=store)
    try:
        yield first.start(), second.start()
    finally:
        first.stop()
        second.stop()


def test_of_twenty_decisions_through_two_servers_one_wins(both: tuple[RealServer, RealServer]) -> None:
    one_of_twenty_wins(*both)


def test_the_runs_of_a_killed_server_end_once_by_another(both: tuple[RealServer, RealServer]) -> None:
    here, there = Person(both[0]), Person(both[1])
    thread = here.thread()
    run = here.start(thread, "slow 5000 10")["runId"]
    there.wait_until_seen(thread, "TEXT_MESSAGE_CONTENT")

    both[0].kill()

    wait_for("the end", lambda: there.run(run)["status"] != "running", 60)
    ends = [event for _, event in there.journal(thread) if event["type"] in ("RUN_ERROR", "RUN_FINISHED")]
    assert [event["type"] for event in ends] == ["RUN_ERROR"]
    assert there.finish(thread, there.start(thread, "say again")["runId"])[-1]["type"] == "RUN_FINISHED"


def test_no_kernel_and_no_log_has_the_password(tmp_path: Path) -> None:
    server = RealServer(
        tmp_path / "server", store=None, env={"LOBU_STORE": postgres.new_store(), "PGPASSWORD": SECRET}
    )
    try:
        server.start()
        person = Person(server)
        health = httpx.get(server.api + "health", headers=server.auth, timeout=10).json()
        assert health["store"]["kind"] == "postgres"
        kernel = server.start_kernel()
        code = "run import os; print([k for k, v in os.environ.items() if 'a-pass' + 'word' in v], 'done')"
        thread, _ = paused(person, kernel, code)
        said = result_of(decide(person, thread, {"approved": True}))
        assert "[] done" in said
        environ = Path(f"/proc/{server.pid}/environ").read_bytes()
        assert SECRET.encode() not in environ
        assert SECRET not in (server.home / "server.log").read_text()
        assert SECRET not in str(health)
    finally:
        server.stop()


def test_jupyter_starts_without_its_database_and_uses_it_when_it_comes(tmp_path: Path) -> None:
    cluster = postgres.new_cluster()
    cluster.stop()
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    server = RealServer(
        tmp_path / "server",
        store=cluster.address.replace(":a-password", ""),  # pyright: ignore[reportArgumentType]
        options=[f"--LobuApp.store_password_file={secret}"],
        wait_ready=False,
    )
    try:
        server.start()
        told = httpx.get(server.api + "health", headers=server.auth, timeout=10)
        assert told.status_code == 503
        assert "see that it runs" in told.text
        assert SECRET not in told.text
        assert server.jupyter("GET", "api/status")

        cluster.start()

        wait_for("the store", lambda: server.health() == 200, 30)
        person = Person(server)
        thread = person.thread()
        assert person.finish(thread, person.start(thread, "say hello")["runId"])[-1]["type"] == "RUN_FINISHED"
    finally:
        server.stop()
        cluster.remove()


def test_a_server_ends_though_its_database_is_gone(tmp_path: Path) -> None:
    """An error while an extension stops would leave Jupyter running for ever."""
    cluster = postgres.new_cluster()
    server = RealServer(tmp_path / "server", store=cluster.address)
    try:
        server.start()
        kernel = server.kernel_pid(server.start_kernel())
        cluster.remove()

        server.terminate(timeout=40)

        assert not psutil.pid_exists(kernel)
        assert "ended by the next one" in server.log()
    finally:
        server.stop()
