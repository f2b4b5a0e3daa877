"""A replica of the service: a real process, as the hub starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import httpx

from tests.ports import take

from .hub import Hub

START_SECONDS = 60.0


class Replica:
    """One process of ``jupyter lobu-hub`` on a store."""

    def __init__(self, hub: Hub, home: Path, store: str | Path, *options: str, port: int = 0) -> None:
        self.port = port or take()
        self.url = f"http://127.0.0.1:{self.port}/services/lobu/"
        self._hub, self._home, self._store, self._options = hub, home, store, options
        self._process: subprocess.Popen[bytes] | None = None
        for folder in ("config", "data", "runtime"):
            (home / folder).mkdir(parents=True, exist_ok=True)

    def start(self) -> Self:
        where = "store" if str(self._store).startswith("postgres") else "store_path"
        kept = {
            name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "HOME", "TMPDIR")
        }
        with (self._home / "service.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "lobu_jupyter.server.hub",
                    "--allow-root",
                    f"--LobuApp.{where}={self._store}",
                    *self._options,
                ],
                cwd=self._home,
                env={
                    **kept,
                    **self._hub.environment(self.port),
                    "JUPYTER_CONFIG_DIR": str(self._home / "config"),
                    "JUPYTER_DATA_DIR": str(self._home / "data"),
                    "JUPYTER_RUNTIME_DIR": str(self._home / "runtime"),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            assert self._process.poll() is None, self.log()
            try:
                if httpx.get(f"{self.url}lobu/api/openapi.yaml", timeout=5).status_code < 500:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(self.log())

    @property
    def pid(self) -> int:
        assert self._process is not None, "it was started"
        return self._process.pid

    def kill(self) -> None:
        assert self._process is not None, "it was started"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()

    def log(self) -> str:
        return (self._home / "service.log").read_text()[-6000:]
