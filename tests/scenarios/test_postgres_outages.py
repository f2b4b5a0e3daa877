"""What happens to databases: the primary dies and its standby takes over, the disk fills up. Nothing is lost, nothing hangs."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests import ports, postgres
from tests.servers import RealServer, wait_for

from .person import Person, ends_of, text_of

WORDS = 400
PROMPT = f"slow {WORDS} 20"


@pytest.fixture
def pair() -> Iterator[tuple[postgres.Cluster, postgres.Cluster]]:
    """A primary and its synchronous standby: what the primary has confirmed, the standby has."""
    primary = postgres.new_cluster()
    where = postgres.binaries()
    assert where is not None
    standby = postgres.Cluster(Path(tempfile.mkdtemp(prefix="lobu-pg-")), where, ports.take())
    try:
        standby.copy_of(primary)
        standby.start()
        with psycopg.connect(primary.address, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
        yield primary, standby
    finally:
        standby.remove()
        primary.remove()


@pytest.mark.scenario("E19")
def test_a_standby_at_another_address_takes_over_within_a_run(
    tmp_path: Path, pair: tuple[postgres.Cluster, postgres.Cluster]
) -> None:
    primary, standby = pair
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    with RealServer(tmp_path, store=f"postgresql://lobu:a-password@{hosts}/postgres") as server:
        person = Person(server)
        thread = person.thread()
        run = person.start(thread, PROMPT)["runId"]
        person.wait_until_seen(thread, "TEXT_MESSAGE_CONTENT")
        seen = person.journal(thread)

        primary.kill()
        standby.promote()

        whole = finished(person, thread, run)
        assert whole[: len(seen)] == seen, "what was shown before is still there, and the same"
        assert person.finish(thread, person.start(thread, "say again")["runId"])[-1]["type"] == "RUN_FINISHED"


@pytest.mark.scenario("E19")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system that is small")
def test_a_full_disk_holds_a_run_up_and_loses_nothing(tmp_path: Path, small_disk: Path) -> None:
    where = postgres.binaries()
    assert where is not None
    cluster = postgres.Cluster(small_disk, where, ports.take(), max_wal_size="32MB", min_wal_size="32MB")
    try:
        cluster.make()
        cluster.start()
        with RealServer(tmp_path, store=cluster.address) as server:
            person = Person(server)
            thread = person.thread()
            run = person.start(thread, PROMPT)["runId"]
            person.wait_until_seen(thread, "TEXT_MESSAGE_CONTENT")

            filler = fill(small_disk)
            wait_for("the store to say so", lambda: refuses(person), 60)
            filler.unlink()

            finished(person, thread, run)
    finally:
        cluster.remove()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 160 MB in memory."""
    folder = Path(tempfile.mkdtemp(prefix="lobu-pg-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    with suppress(FileNotFoundError):
        folder.rmdir()


def fill(folder: Path) -> Path:
    """A file that takes all room that is left."""
    filler = folder / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65_536))
    return filler


def refuses(person: Person) -> bool:
    """Whether a new thread with a long title is refused for now, as a store that cannot be written is."""
    reply = person.http.post("threads", json={"title": "x" * 200})
    assert reply.status_code in (201, 503), reply.text
    return reply.status_code == 503


def finished(person: Person, thread: str, run: str) -> list[tuple[int, dict[str, object]]]:
    """The journal once the run has ended: gapless, with each word once, and one end."""

    def ended() -> bool:
        reply = person.http.get(f"runs/{run}")
        return reply.is_success and reply.json()["status"] not in ("queued", "running")

    wait_for("the end of the run", ended, 90)
    journal = person.journal(thread)
    events = [event for _, event in journal]
    assert [seq for seq, _ in journal] == list(range(1, len(journal) + 1))
    assert [event["type"] for event in ends_of(events)] == ["RUN_FINISHED"], events[-1]
    assert text_of(events).split()[:WORDS] == [f"word{n}" for n in range(1, WORDS + 1)]
    return journal
