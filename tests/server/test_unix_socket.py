"""A server that listens at a unix socket (`--ServerApp.sock`): its worker, its kernels and the command line reach it."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lobu_jupyter.cli.main import run
from lobu_jupyter.client.address import address_of, unix_url
from tests.notebook.cells import ServedKernel
from tests.servers import RealServer


class SocketServer(RealServer):
    """A server without a port."""

    sock: Path

    @property
    def url(self) -> str:
        return "http://localhost/"

    def arguments(self) -> list[str]:
        kept = [
            one for one in super().arguments() if not one.startswith(("--ServerApp.ip", "--ServerApp.port"))
        ]
        return [*kept, f"--ServerApp.sock={self.sock}"]

    def _read_port(self) -> int | None:
        return None if super()._read_port() is None else 1

    def client(self, **options: Any) -> httpx.Client:
        return super().client(transport=httpx.HTTPTransport(uds=str(self.sock)), **options)

    def health(self) -> int | None:
        try:
            return self.client().get("health").status_code
        except httpx.TransportError:
            return None

    def jupyter(self, method: str, path: str, body: Any = None) -> Any:
        reply = self.client().request(method, self.url + path, json=body)
        reply.raise_for_status()
        return reply.json() if reply.content else None

    def dialled(self) -> socket.socket:
        """Return an open connection."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.sock))
        return connection


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SocketServer]:
    server = SocketServer(tmp_path_factory.mktemp("server"))
    folder = tempfile.mkdtemp(prefix="lobu-")  # a socket's path has 107 bytes at most
    server.sock = Path(folder) / "a server.sock"
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder)


def test_a_url_names_a_socket_and_a_path() -> None:
    url = unix_url("/run/user 1/j%.sock", "/base/lobu/api/")

    assert url == "http+unix://%2Frun%2Fuser%201%2Fj%25.sock/base/lobu/api/"
    assert address_of(url).url == "http://localhost/base/lobu/api/"
    assert address_of(url).socket == "/run/user 1/j%.sock"
    assert address_of("https://hub/user/a").socket is None


def test_a_cell_asks_and_the_worker_runs_the_agents_code(server: SocketServer) -> None:
    kernel = ServedKernel(server, "work.ipynb", connection=server.dialled())
    try:
        loaded = kernel.run("%load_ext lobu_jupyter")
        cell = kernel.run("%lobu --agent script --wait --mode allow run print(40 + 2)")
        doctor = kernel.run("%lobu doctor")
    finally:
        kernel.close()

    assert (loaded.error, cell.error) == ("", "")
    assert "  | 42" in cell.updates[-1]["data"]["text/plain"]
    assert "http+unix://" in doctor.text


def test_the_batches_of_a_worker_go_over_its_socket(server: SocketServer) -> None:
    thread = server.client().post("threads", json={}).json()["threadId"]
    server.client().post(f"threads/{thread}/runs", json={"agent": "script", "prompt": "say hello"})
    stream = server.client().get(f"threads/{thread}/events", params={"cursor": 0, "follow": "false"})

    assert stream.status_code == 200
    (worker,) = server.worker_pids()
    assert "the worker ends" not in server.log()
    assert worker


def test_the_command_line_finds_it(
    server: SocketServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(server.home / "runtime"))
    monkeypatch.delenv("LOBU_URL", raising=False)
    monkeypatch.delenv("LOBU_TOKEN", raising=False)

    assert run(["exec", "--json", "--", "echo", "it works"]) == 0
    ran = capfd.readouterr().out
    assert run(["threads"]) == 0
    assert run(["doctor"]) == 0

    assert json.loads(ran)["exitCode"] == 0
    assert "http+unix://" in capfd.readouterr().out
