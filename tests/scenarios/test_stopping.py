"""Every way to stop a server ends it in seconds, with its runs, workers and kernels."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.servers import RealServer, wait_for

from .person import Person, ends_of
from .test_deaths import busy_run

LIMIT = 5.0  # seconds on an idle machine
BUSY = 4  # a busy one is that much slower at most


def sigint(server: RealServer) -> None:
    os.kill(server.pid, signal.SIGINT)


def sigint_twice(server: RealServer) -> None:
    os.kill(server.pid, signal.SIGINT)
    os.kill(server.pid, signal.SIGINT)


def sigterm(server: RealServer) -> None:
    os.kill(server.pid, signal.SIGTERM)


def server_stop(server: RealServer) -> None:
    command = [sys.executable, "-m", "jupyter_server", "stop", str(server.port)]
    subprocess.run(command, env=server.environment(), check=True, timeout=30, capture_output=True)


@pytest.mark.scenario("S18")
@pytest.mark.parametrize("stop", [sigint, sigint_twice, sigterm, server_stop])
def test_a_stop_ends_the_server_with_all_that_it_started(
    server: RealServer, stop: Callable[[RealServer], None]
) -> None:
    person = Person(server)
    thread, run = busy_run(person, server.start_kernel())
    process = psutil.Process(server.pid)
    started = process.children(recursive=True)
    assert len(started) >= 2  # a kernel and a worker

    began = time.monotonic()
    stop(server)
    process.wait(timeout=60)
    took = time.monotonic() - began

    assert took < LIMIT * BUSY
    _gone, alive = psutil.wait_procs(started, timeout=10)
    assert not alive
    server.restart()
    assert len(ends_of(Person(server).finish(thread, run))) == 1


@pytest.mark.scenario("S18")
def test_ctrl_c_twice_at_a_terminal_ends_the_server(tmp_path: Path) -> None:
    server = RealServer(tmp_path / "server")
    ours, theirs = pty.openpty()
    try:
        server.launch(stdin=theirs)
        wait_for("lobu", lambda: server.health() == 200, 90)
        os.kill(server.pid, signal.SIGINT)
        wait_for("the question", lambda: "Shut down this Jupyter server" in server.log())
        server.end_by(signal.SIGINT)
    finally:
        server.stop()
        os.close(ours)
        os.close(theirs)


@pytest.mark.scenario("S18")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_in_the_middle_of_the_start_ends_the_server(tmp_path: Path, number: int) -> None:
    """The port answers before the store is open."""
    server = RealServer(tmp_path / "server")
    try:
        server.launch()
        server.end_by(number)
    finally:
        server.stop()
