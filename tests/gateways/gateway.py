"""A Kernel Gateway or Enterprise Gateway on loopback, with real kernels: a process to freeze and to kill."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from tests.ports import take
from tests.servers import REPOSITORY, wait_for

_NOT_INHERITED = ("JPY_", "JUPYTER", "LOBU", "IPYTHON", "PYTEST", "KERNEL_")


class RemoteGateway:
    """A gateway process. ``command`` begins with its program, as in ``[…/bin/jupyter-kernelgateway]``."""

    def __init__(self, home: Path, command: list[str]) -> None:
        self.home = home
        self.port = take()
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        for folder in ("config", "data", "runtime", "ipython"):
            (home / folder).mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_INHERITED)}
        homes = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
        homes["IPYTHONDIR"] = "ipython"
        env = {name: str(self.home / folder) for name, folder in homes.items()}
        with (self.home / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, f"--port={self.port}", "--ip=127.0.0.1"],
                env={**kept, **env, "PYTHONPATH": str(REPOSITORY), "EG_UNAUTHORIZED_USERS": "nobody"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for("the gateway", self._answers, 60)
        return self

    def log(self) -> str:
        return (self.home / "gateway.log").read_text(errors="replace")

    def kernel_pid(self, kernel_id: str) -> int:
        """The process of a kernel, found by its connection file's name."""
        return wait_for("the kernel's process", lambda: self._pid_of(kernel_id))

    def signal(self, number: int) -> None:
        """Send a signal to the gateway alone."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """End the gateway and its kernels."""
        if self._process is None:
            return
        left = self._children()
        self._process.send_signal(signal.SIGCONT)
        self._process.kill()
        self._process.wait(timeout=10)
        for process in left:
            if process.is_running():
                process.kill()
        self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()[-3000:]
        try:
            return httpx.get(f"{self.url}/api", timeout=2).is_success
        except httpx.TransportError:
            return False

    def _children(self) -> list[psutil.Process]:
        assert self._process is not None
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _pid_of(self, kernel_id: str) -> int | None:
        return next((p.pid for p in self._children() if kernel_id in str(_line(p))), None)


def _line(process: psutil.Process) -> list[Any]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []
