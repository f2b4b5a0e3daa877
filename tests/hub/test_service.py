"""The lobu service of a real hub: decisions while a server is stopped, one of two replicas killed, secrets of the database."""

from __future__ import annotations

from pathlib import Path

import httpx
import psutil

from tests.scenarios.person import Person, ends_of, text_of
from tests.servers import wait_for

from .conftest import WHOLE
from .hub import HubServer
from .site import PASSWORD, Site
from .test_culling import culler


def asked(server: HubServer, notebook: str) -> tuple[Person, str]:
    """Return a person, and a thread of theirs that waits for a decision about code."""
    person = Person(server)  # pyright: ignore[reportArgumentType]
    thread = person.thread(kernelId=server.start_kernel(notebook), notebookPath=notebook)
    person.finish(thread, person.start(thread, "run 6 * 7")["runId"])
    return person, thread


def decide(http: httpx.Client, thread: str) -> httpx.Response:
    """Approve what waits, at the service."""
    (waiting,) = http.get("interrupts", params={"threadId": thread}).json()["interrupts"]
    entry = {"interruptId": waiting["id"], "status": "resolved", "payload": {"approved": True}}
    return http.post(f"threads/{thread}/resume", json={"resume": [entry]})


@WHOLE
def test_a_run_of_a_person_s_server_is_kept_by_the_service(site: Site) -> None:
    server = site.hub.server("ada")
    ada = Person(server)  # pyright: ignore[reportArgumentType]
    thread = ada.thread(kernelId=server.start_kernel())

    run = ada.start(thread, "run 6 * 7", mode="allow")

    assert "42" in text_of(ada.finish(thread, run["runId"]))
    assert site.at_service("ada").get(f"runs/{run['runId']}").json()["status"] == "succeeded"
    assert not list(site.hub.home_of("ada").rglob("lobu.sqlite"))


@WHOLE
def test_another_person_sees_nothing_of_it(site: Site) -> None:
    _, thread = asked(site.hub.server("ada"), "hers.ipynb")

    bob = site.at_service("bob")
    assert bob.get("threads").json()["threads"] == []
    assert bob.get("interrupts").json()["interrupts"] == []
    assert bob.get("audit").json()["audit"] == []
    for path in (f"threads/{thread}", f"threads/{thread}/snapshot", f"threads/{thread}/events"):
        assert bob.get(path).status_code == 404, path
    his = Person(site.hub.server("bob"))  # pyright: ignore[reportArgumentType]
    assert his.ok(his.http.get("threads"))["threads"] == []
    assert his.http.get(f"threads/{thread}").status_code == 404


@WHOLE
def test_a_decision_while_the_server_is_stopped_runs_when_it_is_back(site: Site) -> None:
    server = site.hub.server("ada")
    _, thread = asked(server, "stopped.ipynb")
    server.stop()
    at_service = site.at_service("ada")

    wait_for(
        "the word that the kernel is gone",
        lambda: at_service.get("interrupts", params={"threadId": thread}).json()["interrupts"][0][
            "kernelLost"
        ],
        60,
    )
    reply = decide(at_service, thread)
    assert reply.status_code == 202, reply.text
    run = reply.json()["runId"]

    server.wait()  # the service has started it
    server.start_kernel("stopped.ipynb")
    status = wait_for("its end", lambda: ended(at_service, run), 60)
    journal = at_service.get(f"threads/{thread}/events", params={"follow": "false"}).text
    assert status == "succeeded", journal
    assert journal.count("RUN_ERROR") == 0
    assert "42" in journal


@WHOLE
def test_a_run_goes_on_when_either_of_two_replicas_is_killed(site: Site) -> None:
    server = site.hub.server("ada")
    ada = Person(server)  # pyright: ignore[reportArgumentType]
    for number in (0, 1):  # the server stays at the second one, until that is killed
        thread = ada.thread()
        run = ada.start(thread, "slow 40 100")["runId"]
        ada.wait_until_seen(thread, "TEXT_MESSAGE_CONTENT")

        site.service.kill(number)

        status = wait_for("its end", lambda run=run: ended(site.at_service("ada"), run), 60)
        assert status == "succeeded", site.at_service("ada").get(f"runs/{run}").text
        journal = [event for _, event in Person(server).journal(thread)]  # pyright: ignore[reportArgumentType]
        assert len(ends_of(journal)) == 1
        assert text_of(journal).split() == [*(f"word{n}" for n in range(1, 41)), "Done."]
        site.service.start_one(site.hub, number)
        site.service.wait()


@WHOLE
def test_a_persons_own_configuration_cannot_loosen_the_services_rules(site: Site) -> None:
    server = site.hub.server("ada")
    ada, thread = asked(server, "rules.ipynb")  # though their server allows every tool
    assert [one["metadata"]["lobu"]["toolName"] for one in ada.interrupts(thread)] == ["run_code"]


@WHOLE
def test_a_question_survives_the_culler_at_the_service(site: Site) -> None:
    server = site.hub.server("bob", "culled")
    _, thread = asked(server, "culled.ipynb")

    with culler(site.hub):
        wait_for("the culler", lambda: server.model is None, 60)

    (question,) = site.at_service("bob").get("interrupts", params={"threadId": thread}).json()["interrupts"]
    assert question["metadata"]["lobu"]["args"] == {"code": "6 * 7"}


def ended(http: httpx.Client, run: str) -> str | None:
    """Return how a run ended, or None."""
    try:
        found = http.get(f"runs/{run}")
    except httpx.TransportError:
        return None
    status = found.json()["status"] if found.is_success else "running"
    return None if status in ("queued", "running") else status


@WHOLE
def test_no_process_and_no_file_of_a_person_s_server_has_the_database_s_password(site: Site) -> None:
    server = site.hub.server("ada")
    ada = Person(server)  # pyright: ignore[reportArgumentType]
    thread = ada.thread(kernelId=server.start_kernel())
    ada.finish(thread, ada.start(thread, "run 1", mode="allow")["runId"])

    processes = [server.process, *server.process.children(recursive=True)]
    assert len(processes) >= 3, "a kernel and a worker"
    for process in processes:
        for text in shown(process):
            assert PASSWORD.encode() not in text
            assert b"postgresql://" not in text
    for folder in (site.hub.home_of("ada"), site.hub.home / "jupyter"):
        for file in folder.rglob("*"):
            assert not file.is_file() or PASSWORD.encode() not in file.read_bytes(), file
    assert any(b"JUPYTERHUB_USER=ada" in text for text in shown(server.process)), "what is looked at is there"


def shown(process: psutil.Process) -> list[bytes]:
    """Return the environment and the command line that the system shows of a process."""
    return [Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("environ", "cmdline")]
