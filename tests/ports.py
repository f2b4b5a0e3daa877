"""Ports for the servers and kernels of the tests, each given to one of them at a time.

jupyter_client looks for free ports and lets them go until the kernel takes them, a second later. What another
process was given meanwhile is not free then: the kernel does not start, and each restart tries the same ports.
So the tests' kernels get theirs from below those that the system gives away, each process in its turn.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import tempfile
from pathlib import Path

from jupyter_client.connect import LocalPortCache

FIRST, COUNT = 10_000, 22_000
TURN = Path(tempfile.gettempdir()) / f"lobu-test-ports-{os.getuid()}"


def take(ip: str = "127.0.0.1") -> int:
    """A free port, which no other process of the tests is given for the next thousands of turns."""
    while True:
        port = FIRST + _turn() % COUNT
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((ip, port))
            return port


def _turn() -> int:
    with TURN.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
        file.seek(0)
        turn = int(file.read() or 0) + 1
        file.truncate(0)
        file.write(str(turn))
    return turn


def install() -> None:
    """Let this process give such ports to the kernels that it starts."""

    def find_available_port(self: LocalPortCache, ip: str) -> int:
        return take(ip)

    LocalPortCache.find_available_port = find_available_port


def pytest_configure() -> None:
    """With ``-p tests.ports``."""
    install()
