"""The tests' own ports: no kernel of another process may be given the same."""

from __future__ import annotations

import json
import multiprocessing
import socket
from pathlib import Path

from jupyter_client.connect import LocalPortCache

from tests import ports

from .servers import RealServer

EACH = 200


def _take(count: int) -> list[int]:
    return [ports.take() for _ in range(count)]


def test_processes_that_take_ports_at_once_are_given_different_ones() -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        taken = [port for each in pool.map(_take, [EACH] * 3) for port in each]

    assert len(set(taken)) == 3 * EACH


def test_a_port_that_is_in_use_is_given_to_nobody() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports.FIRST + (ports.take() + 1 - ports.FIRST) % ports.COUNT))

        assert other.getsockname()[1] not in [ports.take() for _ in range(3)]


def test_the_kernels_of_the_tests_and_of_their_servers_are_given_such_ports(tmp_path: Path) -> None:
    with RealServer(tmp_path) as server:
        connection = json.loads(server.connection_file(server.start_kernel()).read_text())
    given = [port for name, port in connection.items() if name.endswith("_port")]
    given.append(LocalPortCache().find_available_port("127.0.0.1"))

    assert len(given) == 6
    assert all(ports.FIRST <= port < ports.FIRST + ports.COUNT for port in given)
