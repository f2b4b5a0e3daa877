"""The lobu service of a hub: replicas of ``jupyter lobu-hub`` on one database, behind one address.

The hub manages one process of a service. So it is told of an address, which is a balancer's, as a Kubernetes Service is.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx

from tests.ports import take
from tests.servers import REPOSITORY, wait_for

from .hub import BIN, Hub

SCOPE = "access:services!service=lobu"
START_SECONDS = 60.0


class Balancer:
    """A port whose connections go to the first of some ports that takes one."""

    def __init__(self, ports: list[int]) -> None:
        self.port = take()
        self._ports = ports
        self._socket = socket.create_server(("127.0.0.1", self.port))
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections, and end those that are open."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for end in list(self._open):
            _end(end)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._socket.accept()
                threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        for port in self._ports:
            with suppress(OSError):
                far = socket.create_connection(("127.0.0.1", port), timeout=5)
                far.settimeout(None)
                self._open |= {near, far}
                threading.Thread(target=self._copy, args=(near, far), daemon=True).start()
                self._copy(far, near)
                return
        near.close()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(64 * 1024):
                target.sendall(piece)
        for end in (source, target):
            self._open.discard(end)
            _end(end)


def _end(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


class LobuService:
    """Some replicas. ``hub_settings`` are for the :class:`Hub`, which is made before they start."""

    def __init__(self, home: Path, store: str, *, replicas: int = 2, may_start: bool = True) -> None:
        self.home, self.store = home, store
        self.token = secrets.token_hex(24)
        self.ports = [take() for _ in range(replicas)]
        self.balancer = Balancer(self.ports)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._may_start = may_start
        home.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """Return the address for people's servers."""
        return f"http://127.0.0.1:{self.balancer.port}/services/lobu/"

    def hub_settings(self) -> dict[str, Any]:
        """Return what the hub has to know of the service, and its servers."""
        scopes = ["servers", "read:users:name"] if self._may_start else []
        return {
            "services": [
                {
                    "name": "lobu",
                    "url": f"http://127.0.0.1:{self.balancer.port}",
                    "api_token": self.token,
                    "oauth_no_confirm": True,
                }
            ],
            "roles": [
                {"name": "lobu", "services": ["lobu"], "scopes": scopes},
                {"name": "user", "scopes": ["self", SCOPE]},
            ],
            "environment": {"LOBU_GATEWAY_URL": self.url, "JUPYTERHUB_ACTIVITY_INTERVAL": "1"},
        }

    def start(self, hub: Hub) -> Self:
        """Start all replicas, and wait until each answers."""
        for number in range(len(self.ports)):
            self.start_one(hub, number)
        return self.wait()

    def wait(self) -> Self:
        """Wait until each replica answers."""
        for port in self.ports:
            wait_for(f"the service at {port}", lambda port=port: self._answers(port), START_SECONDS)
        return self

    def start_one(self, hub: Hub, number: int) -> None:
        """Start a replica."""
        port = self.ports[number]
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME", "TMPDIR") if name in os.environ}
        folders = {
            f"JUPYTER_{name.upper()}_DIR": str(self.home / f"{name}-{number}")
            for name in ("config", "data", "runtime")
        }
        with (self.home / "service.log").open("ab") as log:
            self._processes[number] = subprocess.Popen(
                [str(BIN / "python"), "-m", "lobu_jupyter.server.hub", "--allow-root"],
                cwd=self.home,
                env={**kept, **folders, **self._environment(hub, port), "PYTHONPATH": str(REPOSITORY)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, number: int) -> None:
        """SIGKILL a replica."""
        process = self._processes.pop(number)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)

    def stop(self) -> None:
        """End all replicas."""
        self.balancer.close()
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=10)
        self._processes.clear()

    def log(self) -> str:
        """Return what the replicas wrote."""
        return (self.home / "service.log").read_text(errors="replace")

    def pids(self) -> list[int]:
        """Return the processes of the replicas."""
        return [process.pid for process in self._processes.values()]

    def _answers(self, port: int) -> bool:
        for process in self._processes.values():
            assert process.poll() is None, self.log()[-4000:]
        try:
            return (
                httpx.get(
                    f"http://127.0.0.1:{port}/services/lobu/lobu/api/openapi.json", timeout=2
                ).status_code
                < 500
            )
        except httpx.TransportError:
            return False

    def _environment(self, hub: Hub, port: int) -> dict[str, str]:
        scopes = json.dumps([SCOPE])
        return {
            "LOBU_STORE": self.store,
            "JUPYTERHUB_SERVICE_NAME": "lobu",
            "JUPYTERHUB_API_TOKEN": self.token,
            "JUPYTERHUB_CLIENT_ID": "service-lobu",
            "JUPYTERHUB_API_URL": f"http://127.0.0.1:{hub.settings['hub_port']}/hub/api",
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_HOST": "",
            "JUPYTERHUB_SERVICE_PREFIX": "/services/lobu/",
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}",
            "JUPYTERHUB_OAUTH_SCOPES": scopes,
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
        }
