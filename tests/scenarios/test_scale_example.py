"""examples/scale: two servers, a load balancer and PostgreSQL by one command. Any part is killed, and all goes on."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lobu_jupyter.client.http import Client
from lobu_jupyter.model.events import decode
from lobu_jupyter.model.requests import NewThread, StartRun
from tests import ports, postgres
from tests.servers import REPOSITORY, RealServer, wait_for

TOKEN = f"_{secrets.token_hex(16)}"
WORDS = 200


class Scale:
    """The example while it runs."""

    def __init__(self, home: Path) -> None:
        if postgres.binaries() is None:
            postgres.cannot("there is no PostgreSQL here: apt-get install postgresql")
        self.port = ports.take()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._out = home / "out"
        env = RealServer(home / "home", token=TOKEN).environment()
        command = [
            sys.executable,
            REPOSITORY / "examples/scale/run.py",
            "--plain",
            "--token",
            TOKEN,
            "--port",
            str(self.port),
        ]
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(command, env=env, cwd=home, stdout=out, stderr=out)

    def said(self) -> str:
        return self._out.read_text(errors="replace")

    def pid(self, part: str) -> int:
        """The newest process of a part."""
        return int(re.findall(rf"^{part}: process (\d+)$", self.said(), re.MULTILINE)[-1])

    def client(self) -> Client:
        return Client(self.url, token=TOKEN, patience=60.0)

    def kill(self, part: str) -> None:
        before = self.said().count(f"{part} ended")
        os.kill(self.pid(part), signal.SIGKILL)
        wait_for(f"{part} to be started again", lambda: self.said().count(f"{part} ended") > before, 30)


@pytest.fixture(scope="module")
def scale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scale]:
    home = tmp_path_factory.mktemp("scale")
    scale = Scale(home)
    try:
        wait_for("both servers", lambda: healthy(scale), 120)
        yield scale
    finally:
        if scale.process.poll() is None:  # ended as a person does it, so that its parts end too
            scale.process.send_signal(signal.SIGINT)
        scale.process.wait(90)
        shutil.rmtree(home, ignore_errors=True)


def healthy(scale: Scale) -> bool:
    assert scale.process.poll() is None, scale.said()
    try:
        with Client(scale.url, token=TOKEN, patience=0.0) as client:
            return all(client.health()["status"] == "ok" for _ in range(4))
    except Exception:  # noqa: BLE001 - not there yet
        return False


@pytest.fixture(scope="module")
def worker(scale: Scale) -> Iterator[None]:
    """The example worker, whose batches go through the load balancer."""
    env = {**os.environ, "LOBU_URL": scale.url, "LOBU_TOKEN": TOKEN}
    process = subprocess.Popen([sys.executable, "-I", "-S", REPOSITORY / "examples" / "worker.py"], env=env)
    try:
        with scale.client() as client:
            wait_for(
                "its registration", lambda: "echo" in {agent["name"] for agent in client.workers.agents()}, 60
            )
        yield
    finally:
        process.kill()
        process.wait(30)


@pytest.mark.parametrize("part", ["server-1", "server-2", "proxy", "database"])
@pytest.mark.scenario("A1", "E19")
@pytest.mark.timeout(240)
def test_a_follower_and_a_workers_batches_go_on_while_a_part_is_killed(
    scale: Scale, worker: None, part: str
) -> None:
    words = [f"word{number}" for number in range(WORDS)]
    with scale.client() as client:
        thread = client.threads.create(NewThread())
        started = client.runs.start(thread.thread_id, StartRun(prompt=" ".join(words), agent="echo"))
        said: list[str] = []
        seqs: list[int] = []
        ends: list[str] = []
        killed = False
        for entries in client.runs.follow(thread.thread_id, 0, run_id=started.run_id):
            for entry in entries:
                event = decode(entry.body)
                seqs.append(entry.seq)
                said += [event["delta"]] if event["type"] == "TEXT_MESSAGE_CONTENT" else []
                ends += [event["type"]] if event["type"] in ("RUN_FINISHED", "RUN_ERROR") else []
            if len(said) > 20 and not killed:
                assert not ends, "the run is longer than this test's looking at it"
                scale.kill(part)
                killed = True

    assert said == [f"{word.upper()} " for word in words]
    assert ends == ["RUN_FINISHED"]
    assert seqs == list(range(1, len(seqs) + 1))


@pytest.mark.timeout(120)
def test_ctrl_c_ends_all_of_it(scale: Scale) -> None:
    parts = [psutil.Process(scale.pid(part)) for part in ("database", "server-1", "server-2", "proxy")]

    scale.process.send_signal(signal.SIGINT)

    assert scale.process.wait(60) == 0, scale.said()
    _, left = psutil.wait_procs(parts, timeout=5)
    assert left == []
